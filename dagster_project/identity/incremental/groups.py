"""Which profiles are new, gone or otherwise met: from `dirty` cards to `live` and `dead` profiles and their blocks.

Belongs here: grouping by content and company, blocks and identifiers that became or ceased to be too frequent.
Does not belong here: their links (links.py).
"""

import duckdb
import pyarrow as pa

from dagster_project.identity import link, profiles
from dagster_project.identity.incremental.session import bound, load


def regroup(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `live` and `dead` (pid: profiles that are new or not what they were, before and after), and how all
    cards are grouped now."""
    load(con, "dirty")
    profiles.read_contents(con)
    profiles.read_companies(con)
    con.execute(
        """
        create or replace table left_cards as select rid from dirty union select rid from gone;
        create or replace table moved_contents as
        select content from contents
        union select content from state.members where rid in (select rid from left_cards);
        create or replace table regroup as
        select rid from dirty union
        select rid from state.members
        where content in (select content from moved_contents) and rid not in (select rid from gone);
        insert into numbered select * from state.numbered where rid not in (select rid from left_cards);
        """
    )
    profiles.group_companies(con)
    con.execute(
        """
        create or replace table all_companies as from company_members;
        create or replace table all_company_links as from company_links;
        create or replace table moved_companies as
        with differing as (
            (select rid, pid from all_companies except select rid, pid from state.company_members)
            union (select rid, pid from state.company_members except select rid, pid from all_companies)
            union (select pid_l, pid_r from all_company_links except select pid_l, pid_r from state.company_links)
            union (select pid_l, pid_r from state.company_links except select pid_l, pid_r from all_company_links)
            union select m.rid, m.pid from all_companies m where rid in (select rid from dirty)
        )
        select rid as pid from differing union select pid from differing;
        """
    )
    _group(con)
    _surround(con)
    _reach_further(con)
    bound(con, "live")


def _group(con: duckdb.DuckDBPyConnection) -> None:
    """From `regroup` (rid: complete contents) to `live`, `dead`, `now_members`, `now_everyone`, `now_parents` and
    `now_profiles`."""
    con.execute(
        "create or replace table not_loaded as select rid from regroup where rid not in (select rid from dirty)"
    )
    load(con, "not_loaded", add=True)
    profiles.read_contents(con)
    con.execute(
        """
        create or replace table new_members as
        select rid, content, min(rid) over (partition by content) as pid from contents;
        create or replace table moved as select rid from regroup union select rid from gone;
        create or replace table dead as select distinct pid from state.members where rid in (select rid from moved);
        create or replace table live as select distinct pid from new_members;
        create or replace view now_members as
        select rid, pid from state.members where rid not in (select rid from moved)
        union all select rid, pid from new_members;
        create or replace view now_everyone as
        select rid, pid from now_members union all select rid, pid from all_companies;
        create or replace table now_parents as
        select distinct m.pid as child, p.pid as parent
        from (select rid, parent_key from now_cards where parent_key is not null and parent_key <> rid) c
        join now_members m on m.rid = c.rid join now_members p on p.rid = c.parent_key;
        """
    )
    con.execute("create or replace table members as select rid, pid from new_members")
    profiles.describe(con)
    link.find_blocks(con)
    con.execute(
        """
        create or replace table new_blocks as from blocks;
        create or replace table new_profiles as from profiles;
        create or replace table left_profiles as select pid from live union select pid from dead;
        create or replace view now_profiles as
        select * from state.profiles where pid not in (select pid from left_profiles)
        union all by name select * from new_profiles;
        """
    )


def _surround(con: duckdb.DuckDBPyConnection) -> None:
    """What `live` and `dead` profiles share with others: `then_blocks`, `blocks`, `dropped_blocks`' rest,
    `profile_identifiers`, `now_crowded`."""
    con.execute(
        """
        create or replace table dead_blocks as select key from state.blocks where pid in (select pid from dead);
        create or replace table live_cards as select rid from now_members where pid in (select pid from live);
        create or replace table touched_keys (key ubigint);
        create or replace table then_blocks as from new_blocks limit 0;
        create or replace table touched_values as
        select kind, value, sign from new_held limit 0;
        create or replace table touched_held as select rid, kind, value from new_held limit 0;

        create or replace table more_keys as select key from new_blocks union select key from dead_blocks;
        create or replace table more_values as
        select kind, value, sign from now_held where rid in (select rid from live_cards)
        union select kind, value, sign from state.held where rid in (select rid from moved);
        """
    )
    _gather(con)


def _reach_further(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `live` of those that did not change themselves too, but whose pairs may have."""
    reached = _reached_profiles(con)
    if not reached.num_rows:
        return
    con.register("incoming", reached)
    con.execute(
        """
        insert into live select pid from incoming;
        insert into dead select pid from incoming;
        create or replace table more_blocks as
        select rule, pid, key from state.blocks where pid in (select pid from incoming);
        insert into new_blocks from more_blocks;
        insert into dead_blocks select key from more_blocks;
        create or replace table more_keys as select distinct key from more_blocks;
        create or replace table more_cards as select rid from now_members where pid in (select pid from incoming);
        create or replace table more_values as
        select distinct kind, value, sign from now_held where rid in (select rid from more_cards);
        """
    )
    con.unregister("incoming")
    _gather(con)


def _gather(con: duckdb.DuckDBPyConnection) -> None:
    """Who has one of `more_keys` and `more_values`, besides what was gathered before."""
    con.execute(
        f"""
        -- What stays too frequent needs no more than its size.
        create or replace table still_dropped as
        select rule, key, n from (
            select d.rule, d.key, d.n - coalesce(l.n, 0) + coalesce(j.n, 0) as n
            from state.dropped_blocks d
            left join (select key, count(*) as n from dead_blocks group by key) l using (key)
            left join (select key, count(*) as n from new_blocks group by key) j using (key)
            where l.n is not null or j.n is not null
        ) where n > 1 and n * {link.BLOCK_WEIGHT} > {link.MAX_BLOCK};
        delete from more_keys
        where key in (select key from still_dropped union all select key from touched_keys);
        insert into touched_keys from more_keys;
        insert into then_blocks select rule, pid, key from state.blocks where key in (select key from more_keys);
        create or replace table blocks as
        select rule, pid, key from then_blocks where pid not in (select pid from dead)
        union all from new_blocks where key in (select key from touched_keys);

        delete from more_values where sign in (select sign from touched_values);
        insert into touched_values from more_values;
        insert into touched_held
        select rid, kind, value from now_held
        where sign in (select sign from more_values) and sign not in (select sign from hidden);
        create or replace table profile_identifiers as
        select distinct m.pid, h.kind, h.value from touched_held h join now_members m using (rid);
        create or replace table all_identifiers as from profile_identifiers;
        """
    )
    link.drop_crowded(con)
    con.execute(
        """
        create or replace table now_crowded as
        select * from state.crowded where (kind, value) not in (select (kind, value) from touched_values)
        union all select * from crowded;
        """
    )


def _reached_profiles(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """pids of profiles that did not change, but whose pairs may have: a block or an identifier became too frequent or
    is no longer so, a declared parent is another."""
    return con.sql(
        f"""
        with sizes as (
            select key, sum(n_then) as n_then, sum(n_now) as n_now from (
                select key, {link.BLOCK_FILL} as n_then, 0 as n_now from then_blocks group by key
                union all select key, 0, {link.BLOCK_FILL} from blocks group by key
            ) group by key
        ), opened as (
            select pid from blocks where key in (
                select key from sizes where n_then > {link.MAX_BLOCK} and n_now <= {link.MAX_BLOCK})
        ), closed as (
            select key, pid from then_blocks where key in (
                select key from sizes where n_then <= {link.MAX_BLOCK} and n_now > {link.MAX_BLOCK})
        ), parted as (
            select k.pid_l, k.pid_r from state.links k join closed l on l.pid = k.pid_l
            join closed r on r.pid = k.pid_r and r.key = l.key
        ), crowds as (
            select kind, value from (
                select kind, value from crowded
                union all select kind, value from state.crowded
                where (kind, value) in (select (kind, value) from touched_values)
            ) group by all having count(*) = 1
        ), declared as (
            (select child, parent from now_parents except select child, parent from state.parents)
            union (select child, parent from state.parents except select child, parent from now_parents)
        ), reached as (
            select pid from opened
            union select pid_l from parted union select pid_r from parted
            union select pid from all_identifiers where (kind, value) in (select (kind, value) from crowds)
            union select child from declared union select parent from declared
        )
        select pid from reached where pid not in (select pid from live) and pid not in (select pid from dead)
        """
    ).to_arrow_table()
