"""What changed since the last run, what that touches, and the result: equal to a full run's, at the cost of the change.

Belongs here: which cards, profiles, pairs and clusters a change can reach. Does not belong here: any step's own
logic (the same functions serve a full run) and the file that remembers the last run (state.py).

The session's tables (`cards`, `links`, …) hold what is being worked on; `state.<table>` is how the last run left it;
`now_<table>` is the state with what this run found so far in place of what it replaces. Nothing is written to the
state before the warehouse has the result. How each fact that many cards share can flip, and how far that reaches,
is told in docs/adr/0007-incremental-linking.md.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from dagster_project.identity import (
    guard,
    households,
    link,
    model,
    placeholders,
    profiles,
    registry,
    resolution,
    standardise,
    state,
)
from dagster_project.identity.estimate import Estimate, estimate, weight_counts
from dagster_project.identity.identifiers import canonical_values
from dagster_project.identity.model import Model
from dagster_project.identity.registry import Previous

# Where more of the cards than this are touched, a full run is as fast.
MAX_SHARE = 0.2
Fetch = Callable[[pa.Table], tuple[pa.Table, pa.Table]]


class TooMuchChanged(Exception):
    """A full run is the shorter way."""


@dataclass(frozen=True)
class Change:
    """Cards that are new or not as they were, with all their identifiers; rids of cards that are gone.

    fetch: from a table with a column rid (cards that did not change) to their records and identifiers.
    """

    records: pa.Table
    identifiers: pa.Table
    gone: pa.Table
    fetch: Fetch


@dataclass(frozen=True)
class Delta:
    """Rows of one table that are new or differ, and the keys of those that go."""

    rows: pa.Table
    gone: pa.Table


@dataclass(frozen=True)
class Outcome:
    """What an incremental run says: Resolution's tables as differences, and what brings the state to them."""

    record_customers: Delta
    record_identifiers: Delta
    edges: Delta
    customers: Delta
    departed: Delta
    review_queue: Delta
    households: Delta
    events: pa.Table
    placeholders: pa.Table
    blocking_report: pa.Table
    household_report: pa.Table
    reviews: int
    counts: dict[str, int]
    estimate: Estimate
    weights: list[int]
    statements: tuple[str, ...]


def resolve_changes(
    con: duckdb.DuckDBPyConnection,
    change: Change,
    model_: Model,
    decisions: pa.Table,
    *,
    run_id: str,
    at: dt.datetime,
    company_phones: Sequence[str] = (),
    progress: resolution.Progress | None = None,
) -> Outcome:
    """The step for `change` alone. `con` has the last run's tables attached as `state`.

    Raises TooMuchChanged where the change reaches too far; nothing is lost by a full run then.
    """
    say = progress or (lambda _: None)
    _standardise(con, change)
    _find_placeholders(con, company_phones)
    resolution.decide(con, decisions)
    _find_dirty(con)
    say(f"{_count(con, 'dirty')} cards read anew")
    _regroup(con)
    _link(con, model_)
    say(f"scored {_count(con, 'candidates')} pairs of {_count(con, 'live')} profiles")
    _cluster_early(con)
    _link_late(con)
    _cluster_late(con)
    _assign(con, run_id, at)
    return _outcome(con, run_id)


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"select count(*) from {table}").fetchall()[0][0])


def _bound(con: duckdb.DuckDBPyConnection, table: str) -> None:
    if _count(con, table) > 100 + MAX_SHARE * _count(con, "state.cards"):
        raise TooMuchChanged


# -- cards ------------------------------------------------------------------------------------


def _standardise(con: duckdb.DuckDBPyConnection, change: Change) -> None:
    """Makes `new_cards`, `new_held`, `record_identifiers`, the names' tables and `touched` (rid: read anew or gone).

    A name may be read otherwise because other cards' names changed: those cards are fetched and read as well, until
    no further one is touched. Then the rest is read as it was.
    """
    records, identifiers = change.records, change.identifiers
    con.register("incoming", change.gone)
    con.execute(
        "create or replace table gone as select rid from incoming where rid in (select rid from state.cards)"
    )
    con.unregister("incoming")
    while True:
        standardise.load(con, records, identifiers)
        con.execute("create or replace table touched as select rid from records union select rid from gone")
        _bound(con, "touched")
        con.execute(
            """
            create or replace table surnames_elsewhere as
            select w.family, count(distinct c.rid) as cards from state.written c join state.words w using (word)
            where c.hint = 'family' and w.family is not null and c.rid not in (select rid from touched) group by 1;
            create or replace table words_elsewhere as
            select key, count(*) filter (hint = 'given') as given_uses, count(*) filter (hint = 'family') as family_uses
            from state.name_words where rid not in (select rid from touched) group by 1;
            """
        )
        standardise.standardise(con)
        reached = _reached_by_names(con)
        if reached.num_rows == 0:
            break
        more = change.fetch(reached)
        records = pa.concat_tables([records, more[0]], promote_options="permissive")
        identifiers = pa.concat_tables([identifiers, more[1]], promote_options="permissive")
    con.execute(
        """
        create or replace table new_cards as from cards;
        create or replace table new_held as from held;
        create or replace view now_cards as
        select * from state.cards where rid not in (select rid from touched) union all by name select * from new_cards;
        create or replace view now_held as
        select rid, kind, value from state.held where rid not in (select rid from touched)
        union all select rid, kind, value from new_held;
        drop table records;
        create or replace view records as
        select rid, source_system, source_record_id, is_company, created_at from now_cards;
        """
    )


def _reached_by_names(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """rids of untouched cards that are read otherwise now: a surname or a word became common enough or rare, a birth
    date too old or plausible overnight."""
    return con.sql(
        f"""
        with surnames_then as (
            select w.family, count(distinct c.rid) as cards from state.written c join state.words w using (word)
            where c.hint = 'family' and c.rid in (select rid from touched) group by 1
        ), surnames_now as (
            select w.family, count(distinct c.rid) as cards from written c join words w using (word)
            where c.hint = 'family' group by 1
        ), turned_surnames as (
            select family from (
                select family, coalesce(t.cards, 0) as then_, coalesce(n.cards, 0) as now_
                from surnames_then t full join surnames_now n using (family)
            ) left join surnames_elsewhere e using (family)
            where (then_ + coalesce(e.cards, 0) >= {standardise.SURNAME_CARDS})
                <> (now_ + coalesce(e.cards, 0) >= {standardise.SURNAME_CARDS})
        ), words_then as (
            select key, count(*) filter (hint = 'given') as g, count(*) filter (hint = 'family') as f
            from state.name_words where rid in (select rid from touched) group by 1
        ), words_now as (
            select key, count(*) filter (hint = 'given') as g, count(*) filter (hint = 'family') as f
            from name_words group by 1
        ), uses as (
            select key, coalesce(t.g, 0) + coalesce(e.given_uses, 0) as given_then,
                coalesce(t.f, 0) + coalesce(e.family_uses, 0) as family_then,
                coalesce(n.g, 0) + coalesce(e.given_uses, 0) as given_now,
                coalesce(n.f, 0) + coalesce(e.family_uses, 0) as family_now
            from words_then t full join words_now n using (key) left join words_elsewhere e using (key)
        ), turned_words as (
            select key from uses where mostly(given_then, family_then) <> mostly(given_now, family_now)
                or mostly(family_then, given_then) <> mostly(family_now, given_now)
        ), reached as (
            select c.rid from state.written c where c.word in (
                select word from state.words where family in (select family from turned_surnames)
                    or other_family in (select family from turned_surnames))
            union
            select rid from state.name_words where key in (select key from turned_words)
            union
            select rid from state.cards where read_date is not null
                and {standardise.plausible("read_date", "(select day from state.noted)")}
                    <> {standardise.plausible("read_date", "current_date")}
        )
        select rid from reached where rid not in (select rid from touched)
        """
    ).to_arrow_table()


def _find_placeholders(con: duckdb.DuckDBPyConnection, company_phones: Sequence[str]) -> None:
    """Makes `now_placeholders` and `default_dates`: judged again are the values that touched cards hold or held."""
    con.execute(
        """
        create or replace table touched_values as
        select kind, value from new_held union select kind, value from state.held where rid in (select rid from touched);
        insert into held
        select rid, kind, value from state.held
        where (kind, value) in (select (kind, value) from touched_values) and rid not in (select rid from touched);
        insert into cards select * from state.cards
        where rid in (select rid from held) and rid not in (select rid from touched);
        """
    )
    placeholders.count_days(con, "now_cards")
    own = canonical_values("phone", company_phones)
    placeholders.find_placeholders(con, [phone for phone in own if phone])
    con.execute(
        """
        create or replace table now_placeholders as
        select * from state.placeholders
        where kind <> 'birth_date' and (kind, value) not in (select (kind, value) from touched_values)
        union all select * from placeholders;

        create or replace table turned_values as
        select kind, value from (
            select kind, value from state.placeholders
            where kind = 'birth_date' or (kind, value) in (select (kind, value) from touched_values)
            union all select kind, value from placeholders
        ) group by all having count(*) = 1;
        """
    )


def _find_dirty(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `dirty` (rid): cards that do not say what they said, or are grouped otherwise by a decision."""
    con.execute(
        """
        create or replace table dirty as
        with then_held as (
            select rid, sum(hash(kind, value)::hugeint) as digest from state.held
            where rid in (select rid from new_cards) group by rid
        ), held_now as (
            select rid, sum(hash(kind, value)::hugeint) as digest from new_held group by rid
        )
        select n.rid from new_cards n left join (select s.rid, hash(s) as digest from state.cards s) s using (rid)
        left join then_held t using (rid) left join held_now h using (rid)
        where s.rid is null or hash(n) <> s.digest or t.digest is distinct from h.digest
        union
        select rid from now_held where (kind, value) in (select (kind, value) from turned_values)
        union
        select rid from now_cards where birth_date in (
            select cast(value as date) from turned_values where kind = 'birth_date')
        union
        select rid from now_cards where rid in (
            (select rid from decided_cards except select rid from state.decided_cards)
            union (select rid from state.decided_cards except select rid from decided_cards));
        """
    )
    _bound(con, "dirty")


def _load(con: duckdb.DuckDBPyConnection, rids: str) -> None:
    """Makes `cards` and `held` of the cards in table `rids`, without placeholders and default dates."""
    con.execute(
        f"""
        create or replace table cards as
        select * replace (case when birth_date not in (select birth_date from default_dates) then birth_date end as birth_date)
        from now_cards where rid in (select rid from {rids});
        create or replace table held as
        select rid, kind, value from now_held where rid in (select rid from {rids})
            and (kind, value) not in (select (kind, value) from now_placeholders);
        """
    )


# -- profiles ---------------------------------------------------------------------------------


def _regroup(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `live` and `dead` (pid: profiles that are new or not what they were, before and after), and how all
    cards are grouped now."""
    _load(con, "dirty")
    profiles.read_contents(con)
    profiles.read_companies(con)
    con.execute(
        """
        create or replace table left_cards as select rid from dirty union select rid from gone;
        create or replace table regroup as
        select rid from dirty union
        select rid from state.members where rid not in (select rid from gone) and content in (
            select content from contents
            union select content from state.members where rid in (select rid from left_cards));
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
    more = _reached_profiles(con)
    if more.num_rows:
        con.register("incoming", more)
        con.execute(
            "insert into regroup select rid from state.members where pid in (select pid from incoming)"
        )
        con.unregister("incoming")
        _group(con)
    _bound(con, "regroup")


def _group(con: duckdb.DuckDBPyConnection) -> None:
    """From `regroup` (rid: complete contents) to `live`, `dead`, `now_members`, `now_everyone`, `now_parents`."""
    _load(con, "regroup")
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
    _describe(con, "live")
    link.find_blocks(con)
    con.execute(
        f"""
        create or replace table new_blocks as from blocks;
        create or replace table dead_blocks as select key from state.blocks where pid in (select pid from dead);
        -- What stays too frequent needs no more than its size.
        create or replace table still_dropped as
        select rule, key, n from (
            select d.rule, d.key, d.n - coalesce(l.n, 0) + coalesce(j.n, 0) as n
            from state.dropped_blocks d
            left join (select key, count(*) as n from dead_blocks group by key) l using (key)
            left join (select key, count(*) as n from new_blocks group by key) j using (key)
            where l.n is not null or j.n is not null
        ) where n > 1 and n * {link.BLOCK_WEIGHT} > {link.MAX_BLOCK};
        create or replace table touched_keys as
        select key from new_blocks union select key from dead_blocks;
        delete from touched_keys where key in (select key from still_dropped);
        create or replace table then_blocks as
        select rule, pid, key from state.blocks where key in (select key from touched_keys);
        create or replace table blocks as
        select rule, pid, key from then_blocks where pid not in (select pid from dead)
        union all from new_blocks where key in (select key from touched_keys);

        create or replace table touched_values as
        select kind, value from held union select kind, value from state.held where rid in (select rid from moved);
        create or replace table profile_identifiers as
        select distinct m.pid, h.kind, h.value from now_held h join now_members m using (rid)
        where (h.kind, h.value) in (select (kind, value) from touched_values)
            and (h.kind, h.value) not in (select (kind, value) from now_placeholders);
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


def _describe(con: duckdb.DuckDBPyConnection, pids: str) -> None:
    """Makes `members` and `profiles` of the profiles in table `pids`."""
    con.execute(
        f"""
        create or replace table members as select rid, pid from now_members where pid in (select pid from {pids});
        create or replace table speakers as select distinct pid as rid from members;
        """
    )
    _load(con, "speakers")
    profiles.describe(con)


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


# -- links ------------------------------------------------------------------------------------


def _link(con: duckdb.DuckDBPyConnection, model_: Model) -> None:
    """Makes `now_links`: every pair with a live profile judged again."""
    link.find_shared(con, "l.pid in (select pid from live) or r.pid in (select pid from live)")
    con.execute(
        f"""
        create or replace table met as
        select pid from live
        union
        select pid from blocks where key in (
            select key from blocks where key in (select key from new_blocks) group by key
            having {link.BLOCK_FILL} <= {link.MAX_BLOCK})
        union select pid_l from shared union select pid_r from shared
        union select parent from now_parents where child in (select pid from live)
        union select child from now_parents where parent in (select pid from live);
        create or replace table parents as
        select child, parent from now_parents
        where child in (select pid from live) or parent in (select pid from live);
        """
    )
    _describe(con, "met")
    link.meet(con, "l.pid in (select pid from live) or r.pid in (select pid from live)")
    model.score(con, model_, "candidates", link.RULED)
    guard.find_facts(con, "scores")
    link.link(con, resolution.THRESHOLD)
    con.execute(
        """
        create or replace table relinked as select pid from live union select pid from dead;
        create or replace table new_links as from links;
        create or replace view now_links as
        select * from state.links
        where pid_l not in (select pid from relinked) and pid_r not in (select pid from relinked)
        union all by name select * from new_links;
        create or replace table now_dropped_blocks as
        select rule, key, n from state.dropped_blocks
        where key not in (select key from touched_keys) and key not in (select key from still_dropped)
        union all select rule, key, n from dropped_blocks
        union all select rule, key, n from still_dropped;
        """
    )


def _scope(con: duckdb.DuckDBPyConnection, pids: str) -> None:
    """Makes `everyone`, `members`, `profiles`, `parents`, companies and `cards` and `held` of table `pids`."""
    _describe(con, pids)
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


def _close(con: duckdb.DuckDBPyConnection, seeds: str, places: str, scope: str) -> None:
    """Makes `scope` (pid): the profiles of `seeds` and whoever was in one component with them by state.`places`."""
    con.execute(
        f"""
        create or replace table {scope} as
        select pid from now_everyone where pid in (select pid from {seeds})
        union
        select pid from state.{places} where component in (
            select component from state.{places} where pid in (select pid from {seeds}))
            and pid in (select pid from now_everyone)
        """
    )


def _cluster_early(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `now_early` (pid, component, cluster): clusters before sole holders."""
    con.execute(
        """
        create or replace table seeds as
        select pid from relinked union select pid from moved_companies
        union select pid_l from new_links where is_used union select pid_r from new_links where is_used
        union
        -- Decisions are few, and their order counts: if any changed, all are clustered again.
        select pid from now_everyone where rid in (select rid_l from decided union select rid_r from decided
                union select rid_l from state.decided union select rid_r from state.decided)
            and exists ((from decided except from state.decided) union (from state.decided except from decided));
        """
    )
    _close(con, "seeds", "early", "early_scope")
    _bound(con, "early_scope")
    _scope(con, "early_scope")
    con.execute(
        "create or replace table links as from now_links where is_used and pid_l in (select pid from early_scope)"
    )
    resolution.cluster_links(con)
    con.execute(
        f"""
        create or replace table new_early as {resolution.PLACES};
        create or replace view now_early as
        select pid, component, cluster from state.early
        where pid not in (select pid from early_scope) and pid not in (select pid from seeds)
        union all select pid, component, cluster from new_early;
        """
    )


def _link_late(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `now_late_links` and `now_ambiguous`: cards without a full name, whose holders may be others now.

    `weak_scope` are those; `context` also whoever holds their values, for the same question of their neighbours.
    """
    con.execute(
        """
        create or replace table reachable as
        select m.pid, h.kind, h.value from now_held h join now_members m using (rid)
        -- What became or ceased to be a placeholder or too frequent made its holders live.
        where h.kind in ('phone', 'email') and (h.kind, h.value) not in (
            select (kind, value) from now_placeholders union all select (kind, value) from now_crowded);
        create or replace table contacts as
        select kind, value from reachable where pid in (select pid from early_scope)
        union
        select kind, value from state.held where kind in ('phone', 'email') and rid in (select rid from moved);
        create or replace table nameless as select rid as pid from now_cards where given is null;

        create or replace table weak_scope as
        select pid from reachable where (kind, value) in (select (kind, value) from contacts)
            and pid in (select pid from nameless)
        union
        select pid from early_scope where pid in (select pid from nameless);

        create or replace table asked as
        select distinct kind, value from reachable where pid in (select pid from weak_scope);
        create or replace table neighbours as
        select pid from weak_scope
        union
        select pid from reachable where (kind, value) in (select (kind, value) from asked) and pid in (select pid from nameless);
        create or replace table asked as
        select distinct kind, value from reachable where pid in (select pid from neighbours);
        create or replace table context as
        select pid from reachable where (kind, value) in (select (kind, value) from asked)
        union
        select pid from neighbours
        union
        select pid from now_early where cluster in (
            select cluster from now_early where pid in (select pid from neighbours));
        """
    )
    _scope(con, "context")
    _load(con, "everyone")
    resolution.find_kept_apart(con)
    link.find_identifiers(con)
    con.execute(
        """
        delete from profile_identifiers where (kind, value) in (select (kind, value) from now_crowded);
        create or replace table clusters as
        select pid, cluster from now_early where pid in (select pid from context);
        create or replace table links as from now_links
        where pid_l in (select pid from context) and pid_r in (select pid from context);
        """
    )
    link.link_sole_holders(con)
    con.execute(
        """
        create or replace table left_weak as select pid from weak_scope union select pid from relinked;
        create or replace table new_late_links as
        from links where is_late(linked_by) and (pid_l in (select pid from left_weak) or pid_r in (select pid from left_weak));
        create or replace table then_late_links as
        from state.late_links where pid_l in (select pid from left_weak) or pid_r in (select pid from left_weak);
        create or replace table new_ambiguous as from ambiguous where pid in (select pid from left_weak);
        create or replace table then_ambiguous as
        from state.ambiguous where pid in (select pid from left_weak) or holder in (select pid from relinked);
        create or replace view now_late_links as
        select * from state.late_links
        where pid_l not in (select pid from left_weak) and pid_r not in (select pid from left_weak)
        union all by name select * from new_late_links;
        create or replace view now_ambiguous as
        select * from state.ambiguous
        where pid not in (select pid from left_weak) and holder not in (select pid from relinked)
        union all by name select * from new_ambiguous;
        create or replace table late_seeds as
        with pairs as (
            (from new_late_links select pid_l, pid_r, linked_by except from then_late_links select pid_l, pid_r, linked_by)
            union
            (from then_late_links select pid_l, pid_r, linked_by except from new_late_links select pid_l, pid_r, linked_by)
            union
            (from new_ambiguous select pid, holder, kind except from then_ambiguous select pid, holder, kind)
            union
            (from then_ambiguous select pid, holder, kind except from new_ambiguous select pid, holder, kind)
        )
        select pid from seeds union select pid from early_scope union select pid_l from pairs union select pid_r from pairs;
        """
    )


def _cluster_late(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `scope` (pid: whoever is clustered again) and `now_late`; and the session as judging needs it."""
    _close(con, "late_seeds", "late", "scope")
    _bound(con, "scope")
    _scope(con, "scope")
    con.execute(
        """
        create or replace view all_links as
        select * from now_links union all by name select * from now_late_links;
        create or replace table links as from all_links where is_used and pid_l in (select pid from scope);
        """
    )
    resolution.cluster_links(con)
    con.execute(
        f"""
        create or replace table new_late as {resolution.PLACES};
        create or replace table left_late as
        select pid from scope union select pid from late_seeds;
        create or replace view now_late as
        select pid, component, cluster from state.late where pid not in (select pid from left_late)
        union all select pid, component, cluster from new_late;
        create or replace table links as
        from all_links where pid_l in (select pid from scope) or pid_r in (select pid from scope);
        create or replace table ambiguous as
        from now_ambiguous where pid in (select pid from scope) or holder in (select pid from scope);
        create or replace table around as
        select pid from now_late where cluster in (
            select cluster from now_late where pid in (
                select pid_l from links union select pid_r from links
                union select pid from ambiguous union select holder from ambiguous));
        -- A question about two clusters needs the size of both.
        insert into clusters select pid, cluster from now_late
        where pid in (select pid from around) and pid not in (select pid from scope);
        insert into members select rid, pid from now_members
        where pid in (select pid from around) and pid not in (select pid from scope);
        insert into everyone select rid, pid from now_everyone
        where pid in (select pid from around) and pid not in (select pid from scope);
        """
    )
    resolution.find_kept_apart(con)


# -- customers --------------------------------------------------------------------------------


def _assign(con: duckdb.DuckDBPyConnection, run_id: str, at: dt.datetime) -> None:
    """The registry over the clusters of `scope` alone: they hold every card of every customer they touch."""
    registry.define_ids(con)
    con.execute(
        """
        create or replace table reached as
        select rid from clustered union select rid from moved union select rid from dirty;
        create or replace table departed_before as from state.departed where rid in (select rid from reached);
        create or replace table was_before as from state.record_customers where rid in (select rid from reached);
        create or replace table named_before as
        with firsts as (
            select arg_min(r.source_system || '|' || r.source_record_id,
                (coalesce(r.created_at, 'infinity'::timestamptz), r.source_system, r.source_record_id)) as key
            from clustered join records r using (rid) group by cluster
        ), ids as (
            select customer_id from was_before union select customer_id from departed_before
            union select new_id(key, a) from firsts cross join range(8) t(a)
        )
        select * from state.customers
        where customer_id in (select customer_id from ids) or surviving_customer_id in (select customer_id from ids);
        """
    )
    previous = Previous(
        _arrow(con, "select * exclude (rid) from was_before"),
        _arrow(con, "from named_before"),
        _arrow(con, "select * exclude (rid) from departed_before"),
    )
    registry.assign(con, previous, run_id, at)


def _outcome(con: duckdb.DuckDBPyConnection, run_id: str) -> Outcome:
    resolution.find_results(con, run_id)
    con.execute(
        f"""
        create or replace table reached_cards as select rid from reached union select rid from everyone
        where pid in (select pid from scope);

        create or replace table new_edges as
        select *, {state.EDGE_DIGEST} as digest from edges
        where rid_l in (select rid from reached_cards) or rid_r in (select rid from reached_cards);
        create or replace table then_edges as
        from state.edges where rid_l in (select rid from reached_cards) or rid_r in (select rid from reached_cards);

        create or replace table left_scope as select pid from left_late union select pid from dead;
        create or replace table new_judged as select {state.JUDGED} from judged;
        create or replace table new_review as
        select *, {state.REVIEW_DIGEST} as digest from review
        where pid_l in (select pid from scope) or pid_r in (select pid from scope);
        create or replace table then_review as
        from state.review where pid_l in (select pid from left_scope) or pid_r in (select pid from left_scope);

        create or replace table customer_rows as
        select * from customers_now except select * from named_before;
        create or replace table new_clustered as from clustered;
        create or replace view now_clustered as
        select rid, cluster from state.clustered where rid not in (select rid from reached)
        union all select rid, cluster from new_clustered;
        create or replace table keys as
        select rid, source_system, source_record_id from state.cards
        where rid in (select rid from reached_cards union select rid_l from then_edges union select rid_r from then_edges
            union select pid_l from then_review union select pid_r from then_review)
        union
        select rid, source_system, source_record_id from new_cards;
        """
    )
    counts = _counts(con)
    edges = Delta(
        _arrow(
            con,
            """
            select n.* exclude (rid_l, rid_r, digest) from new_edges n
            where not exists (from then_edges t where t.rid_l = n.rid_l and t.rid_r = n.rid_r and t.digest = n.digest)
            """,
        ),
        _arrow(
            con,
            f"""
            select {resolution.ENDS} from then_edges t join keys l on l.rid = t.rid_l join keys r on r.rid = t.rid_r
            where not exists (from new_edges n where t.rid_l = n.rid_l and t.rid_r = n.rid_r)
            """,
        ),
    )
    reviews = Delta(
        _arrow(
            con,
            f"""
            select {resolution.ENDS}, n.reason, n.match_probability, n.gain, '{run_id}' as run_id
            from new_review n join records l on l.rid = n.pid_l join records r on r.rid = n.pid_r
            where not exists (from then_review t where t.pid_l = n.pid_l and t.pid_r = n.pid_r and t.digest = n.digest)
            """,
        ),
        _arrow(
            con,
            f"""
            select {resolution.ENDS} from then_review t join keys l on l.rid = t.pid_l join keys r on r.rid = t.pid_r
            where not exists (from new_review n where t.pid_l = n.pid_l and t.pid_r = n.pid_r)
            """,
        ),
    )
    departed = Delta(
        _arrow(con, "select * from departed_now except select * exclude (rid) from departed_before").cast(
            registry.DEPARTED
        ),
        _arrow(
            con,
            """
            select source_system, source_record_id from departed_before
            where (source_system, source_record_id) not in (select (source_system, source_record_id) from departed_now)
            """,
        ),
    )
    _find_households(con)
    _look_at_all(con)
    return Outcome(
        record_customers=Delta(
            _arrow(
                con,
                """
                select * exclude (rid) from record_customers n
                where not exists (from was_before w where w.rid = n.rid and hash(w) = hash(n))
                """,
            ).cast(registry.RECORD_CUSTOMERS),
            _arrow(
                con,
                "select source_system, source_record_id from was_before where rid not in (select rid from new_clustered)",
            ),
        ),
        record_identifiers=Delta(
            _arrow(con, "select * from record_identifiers"),
            _arrow(
                con,
                "select source_system, source_record_id from state.cards where rid in (select rid from touched)",
            ),
        ),
        edges=edges,
        customers=Delta(
            _arrow(con, "select * from customer_rows").cast(registry.CUSTOMERS),
            registry.CUSTOMERS.empty_table().select(["customer_id"]),
        ),
        departed=departed,
        review_queue=reviews,
        households=_households(con),
        events=_arrow(con, "select * from events order by all"),
        placeholders=_arrow(con, "select * from now_placeholders order by all"),
        blocking_report=_blocking_report(con),
        household_report=_arrow(con, "select * from household_report order by 1"),
        reviews=_count(con, "state.review") - _count(con, "then_review") + _count(con, "new_review"),
        counts=counts,
        estimate=estimate(con),
        weights=weight_counts(con),
        statements=tuple(_statements()),
    )


def _counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """candidate_pairs are those of this run: what did not change was not compared again."""
    kinds = dict(con.execute("select kind, count(*) from events group by 1").fetchall())
    used = con.execute(
        """
        select (select count(*) from state.edges where is_used) - (select count(*) from then_edges where is_used)
            + (select count(*) from new_edges where is_used)
        """
    ).fetchall()[0][0]
    customers, largest = con.execute(
        "select count(*), coalesce(max(n), 0) from (select count(*) as n from now_clustered group by cluster)"
    ).fetchall()[0]
    return {
        "records": _count(con, "now_clustered"),
        "candidate_pairs": _count(con, "candidates"),
        "edges": used,
        "customers": customers,
        "largest_cluster": largest,
        "created": kinds.get("created", 0) + kinds.get("returned", 0),
        "merged": kinds.get("merged", 0),
        "split": kinds.get("split", 0),
        "retired": kinds.get("retired", 0),
        "churned": registry.churned(con),
    }


def _blocking_report(con: duckdb.DuckDBPyConnection) -> pa.Table:
    con.execute(
        """
        create or replace table dropped_blocks as from now_dropped_blocks;
        create or replace table crowded as from now_crowded;
        """
    )
    return link.blocking_report(con)


def _find_households(con: duckdb.DuckDBPyConnection) -> None:
    """Households of everybody: relatives are looked for again around the customers of `scope`.

    `near_clusters` share a place or a contact with them, before or now; `clustered` are all whom those share with.
    """
    con.execute(
        f"""
        create or replace table places as
        {_places("state.cards", "reached")} union {_places("now_cards", "reached_cards")};
        create or replace table contacts as
        {_contacts("state.held", "reached")} union {_contacts("now_held", "reached_cards")};
        create or replace table material_names as
        select town || '|' || street || '|' || house as material from places union all select kind || '|' || value from contacts;
        create or replace table near_clusters as
        select distinct cluster from now_clustered where rid in ({_SHARING} union all select rid from reached);
        create or replace table near as
        select rid from now_clustered where cluster in (select cluster from near_clusters);
        create or replace table places as {_places("now_cards", "near")};
        create or replace table contacts as {_contacts("now_held", "near")};
        create or replace table clustered as
        select rid, cluster from now_clustered where cluster in (
            select cluster from now_clustered where rid in ({_SHARING} union all select rid from near));
        create or replace table cluster_customers as
        select distinct k.cluster, w.customer_id from clustered k join (
            select rid, customer_id from state.record_customers where rid not in (select rid from reached)
            union all select rid, customer_id from record_customers
        ) w using (rid);
        create or replace table near_customers as
        select customer_id from cluster_customers where cluster in (select cluster from near_clusters)
        union select customer_id from was_before;
        """
    )
    _load(con, "clustered")
    households.find_relatives(con)
    con.execute(
        """
        create or replace table new_relatives as from relatives
        where customer_l in (select customer_id from near_customers) or customer_r in (select customer_id from near_customers);
        create or replace table new_crowded_signs as
        from crowded_signs where material in (select material from material_names);
        create or replace table relatives as
        select * from state.relatives where customer_l not in (select customer_id from near_customers)
            and customer_r not in (select customer_id from near_customers)
        union all from new_relatives;
        create or replace table crowded_signs as
        select * from state.crowded_signs where material not in (select material from material_names)
        union all from new_crowded_signs;
        drop table customers_now;
        create view customers_now as
        select * from state.customers where customer_id not in (select customer_id from customer_rows)
        union all from customer_rows;
        """
    )
    households.join_relatives(con)


def _places(cards: str, among: str) -> str:
    return (
        f"select distinct coalesce(city, postcode) as town, street, house from {cards}"
        f" where rid in (select rid from {among}) and street is not null and house is not null and town is not null"
    )


def _contacts(held: str, among: str) -> str:
    return (
        f"select distinct kind, value from {held}"
        f" where rid in (select rid from {among}) and kind in ('phone', 'email')"
    )


# SQL: rids of cards at one of `places` or with one of `contacts`; a placeholder is no contact.
_SHARING = """
    select c.rid from now_cards c join places p
        on p.street = c.street and p.house = c.house and p.town = coalesce(c.city, c.postcode)
    union all
    select h.rid from now_held h join contacts k using (kind, value)
    where (kind, value) not in (select (kind, value) from now_placeholders)
"""


def _look_at_all(con: duckdb.DuckDBPyConnection) -> None:
    """From here `judged`, `everyone` and `clusters` stand for everybody, as an estimate wants them."""
    con.execute(
        """
        drop table judged; drop table everyone; drop table clusters;
        create view everyone as from now_everyone;
        create view clusters as select pid, cluster from now_late;
        create view judged as
        select * from state.judged
        where pid_l not in (select pid from left_scope) and pid_r not in (select pid from left_scope)
        union all by name select * from new_judged;
        """
    )


def _households(con: duckdb.DuckDBPyConnection) -> Delta:
    return Delta(
        _arrow(con, "select * from households except select * from state.households").cast(
            households.HOUSEHOLDS
        ),
        _arrow(
            con,
            "select customer_id from state.households where customer_id not in (select customer_id from households)",
        ),
    )


def _statements() -> list[str]:
    """SQL that brings the state to this run, from the session's tables."""

    def replaced(table: str, where: str, rows: str) -> list[str]:
        return [f"delete from state.{table} where {where}", f"insert into state.{table} by name {rows}"]

    touched = "rid in (select rid from touched)"
    left_scope = "pid_l in (select pid from left_scope) or pid_r in (select pid from left_scope)"
    return [
        *replaced("cards", touched, "from new_cards"),
        *replaced("held", touched, "from new_held"),
        *replaced("written", touched, "select rid, hint, word from written"),
        *replaced("words", "false", "from words where word not in (select word from state.words)"),
        *replaced("name_words", touched, "from name_words"),
        *replaced("placeholders", "true", "from now_placeholders"),
        *replaced("default_dates", "true", "from default_dates"),
        *replaced("members", "rid in (select rid from moved)", "from new_members"),
        *replaced("numbered", "true", "from numbered"),
        *replaced("company_members", "true", "from all_companies"),
        *replaced("company_links", "true", "from all_company_links"),
        *replaced("parents", "true", "from now_parents"),
        *replaced("decided", "true", "from decided"),
        *replaced("decided_cards", "true", "from decided_cards"),
        *replaced("blocks", "pid in (select pid from dead)", "from new_blocks"),
        *replaced("dropped_blocks", "true", "from now_dropped_blocks"),
        *replaced("crowded", "true", "from now_crowded"),
        *replaced(
            "links",
            "pid_l in (select pid from relinked) or pid_r in (select pid from relinked)",
            "from new_links",
        ),
        *replaced(
            "early",
            "pid in (select pid from early_scope) or pid in (select pid from seeds)",
            "from new_early",
        ),
        *replaced(
            "late_links",
            "pid_l in (select pid from left_weak) or pid_r in (select pid from left_weak)",
            "from new_late_links",
        ),
        *replaced(
            "ambiguous",
            "pid in (select pid from left_weak) or holder in (select pid from relinked)",
            "from new_ambiguous",
        ),
        *replaced("late", "pid in (select pid from left_late)", "from new_late"),
        *replaced("clustered", "rid in (select rid from reached)", "from new_clustered"),
        *replaced(
            "edges",
            "rid_l in (select rid from reached_cards) or rid_r in (select rid from reached_cards)",
            "select rid_l, rid_r, is_used, digest from new_edges",
        ),
        *replaced("judged", left_scope, "from new_judged"),
        *replaced("review", left_scope, "select pid_l, pid_r, digest from new_review"),
        *replaced("record_customers", "rid in (select rid from reached)", "from record_customers"),
        *replaced(
            "customers", "customer_id in (select customer_id from customer_rows)", "from customer_rows"
        ),
        *replaced(
            "departed",
            "rid in (select rid from departed_before)",
            "select card_key(source_system, source_record_id) as rid, * from departed_now",
        ),
        *replaced("relatives", "true", "from relatives"),
        *replaced("crowded_signs", "true", "from crowded_signs"),
        *replaced("households", "true", "from households"),
    ]


def _arrow(con: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return con.sql(query).to_arrow_table()
