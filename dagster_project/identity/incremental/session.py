"""The session's tables for a part of the company: cards, profiles and their surroundings, loaded as steps want them.

Belongs here: what several steps of an incremental run load alike, and its bound. Does not belong here: which part
it is (cards.py, groups.py, links.py).
"""

import duckdb
import pyarrow as pa

from dagster_project.identity import profiles
from dagster_project.identity.incremental.change import MAX_SHARE, TooMuchChanged


def count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"select count(*) from {table}").fetchall()[0][0])


def bound(con: duckdb.DuckDBPyConnection, table: str) -> None:
    if count(con, table) > 100 + MAX_SHARE * count(con, "state.cards"):
        raise TooMuchChanged


def open_pool(con: duckdb.DuckDBPyConnection) -> None:
    """Makes the pool of cards, in which stays what was loaded once: most steps want again what others wanted.

    To read a few cards of the state takes almost as long as to read many, for they lie in every part of it. From here
    on a card says what it says to the end of the run.
    """
    con.execute(
        """
        create or replace table pool_cards as from new_cards limit 0;
        create or replace table pool_held as select rid, kind, value from new_held limit 0;
        """
    )


def load(con: duckdb.DuckDBPyConnection, rids: str) -> None:
    """Makes `cards` and `held` of the cards in table `rids`, without placeholders and default dates."""
    con.execute(
        f"create or replace table lacking as select rid from {rids} where rid not in (select rid from pool_cards)"
    )
    if count(con, "lacking"):
        con.execute(
            """
            insert into pool_cards
            select * replace (
                case when birth_date not in (select birth_date from default_dates) then birth_date end as birth_date
            ) from now_cards where rid in (select rid from lacking);
            insert into pool_held
            select rid, kind, value from now_held where rid in (select rid from lacking)
                and sign not in (select sign from hidden);
            """
        )
    con.execute(
        f"""
        create or replace table cards as from pool_cards where rid in (select rid from {rids});
        create or replace table held as from pool_held where rid in (select rid from {rids});
        """
    )


def describe(con: duckdb.DuckDBPyConnection, pids: str) -> None:
    """Makes `members` and `profiles` of the profiles in table `pids`.

    What was described once stays in `pool_profiles`: a profile says what its first card says.
    """
    con.execute(
        f"""
        create or replace table members as
        select rid, pid from now_members where pid in (select pid from {pids});
        create or replace table speakers as
        select distinct pid as rid from members where pid not in (select pid from pool_profiles);
        """
    )
    if count(con, "speakers"):
        load(con, "speakers")
        con.execute(
            "alter table members rename to all_members;"
            " create table members as select rid, pid from all_members where pid in (select rid from speakers)"
        )
        profiles.describe(con)
        con.execute(
            "insert into pool_profiles from profiles; drop table members; alter table all_members rename to members"
        )
    con.execute(
        f"create or replace table profiles as from pool_profiles where pid in (select pid from {pids})"
    )


def scope(con: duckdb.DuckDBPyConnection, pids: str) -> None:
    """Makes `everyone`, `members`, `profiles`, `parents`, companies and `cards` and `held` of table `pids`."""
    describe(con, pids)
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
