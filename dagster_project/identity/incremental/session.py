"""The session's tables for a part of the company: cards, profiles and their surroundings, loaded as steps want them.

Belongs here: what several steps of an incremental run load alike, and its bound. Does not belong here: which part
it is (cards.py, groups.py, links.py).
"""

import duckdb
import pyarrow as pa

from dagster_project.identity.incremental.change import MAX_SHARE, TooMuchChanged


def count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"select count(*) from {table}").fetchall()[0][0])


def bound(con: duckdb.DuckDBPyConnection, table: str) -> None:
    if count(con, table) > 100 + MAX_SHARE * count(con, "state.cards"):
        raise TooMuchChanged


def load(con: duckdb.DuckDBPyConnection, rids: str, add: bool = False) -> None:
    """Makes `cards` and `held` of the cards in table `rids`, without placeholders and default dates; or adds to them."""
    into = "insert into {}" if add else "create or replace table {} as"
    con.execute(
        f"""
        {into.format("cards")}
        select * replace (case when birth_date not in (select birth_date from default_dates) then birth_date end as birth_date)
        from now_cards where rid in (select rid from {rids});
        {into.format("held")}
        select rid, kind, value from now_held where rid in (select rid from {rids}) and sign not in (select sign from hidden);
        """
    )


# What clusters and sole holders ask of a profile; a column more is read of a million to be found for few.
_NAMES = "pid, is_strong, given, givens, given_known, given_initial, patronymic, patronymic_initial, family, families, birth_date"


def describe(con: duckdb.DuckDBPyConnection, pids: str, columns: str = "*") -> None:
    """Makes `members` and `profiles` (their `columns`) of the profiles in table `pids`."""
    con.execute(
        f"""
        create or replace table members as select rid, pid from now_members where pid in (select pid from {pids});
        create or replace table profiles as
        select {columns} from now_profiles where pid in (select pid from {pids});
        """
    )


def scope(con: duckdb.DuckDBPyConnection, pids: str) -> None:
    """Makes `everyone`, `members`, `profiles` (names and dates), `parents` and companies of table `pids`."""
    describe(con, pids, _NAMES)
    con.execute(
        f"""
        create or replace table everyone as select rid, pid from now_everyone where pid in (select pid from {pids});
        create or replace table company_members as
        select rid, pid from all_companies where pid in (select pid from {pids});
        create or replace table company_links as select pid_l, pid_r from all_company_links
        where pid_l in (select pid from {pids}) and pid_r in (select pid from {pids});
        create or replace table parents as select child, parent from now_parents where child in (select pid from {pids});
        """
    )


def arrow(con: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return con.sql(query).to_arrow_table()
