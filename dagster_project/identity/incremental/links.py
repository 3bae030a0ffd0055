"""Which pairs are judged again and who is clustered again: from `live` profiles to `now_links` and `now_late`.

Belongs here: links and clusters before and after cards without a full name find their holders. Does not belong
here: which customer a cluster is (outcome.py).
"""

from concurrent.futures import ThreadPoolExecutor

import duckdb

from dagster_project.identity import guard, link, model, resolution
from dagster_project.identity.engine import beside
from dagster_project.identity.incremental.session import bound, describe, scope
from dagster_project.identity.model import Model
from dagster_project.identity.state import SIGN_OF_VALUE


def judge(con: duckdb.DuckDBPyConnection, model_: Model) -> None:
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
    describe(con, "met")
    link.meet(con, "l.pid in (select pid from live) or r.pid in (select pid from live)")
    with beside(con) as own, ThreadPoolExecutor(1) as pool:
        facts = pool.submit(guard.find_facts, own, "candidates")
        model.score(con, model_, "candidates", link.RULED)
        facts.result()
    link.link(con, resolution.THRESHOLD, model_.names_from)
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


def _close(con: duckdb.DuckDBPyConnection, seeds: str, places: str, scope: str) -> None:
    """Makes `scope` (pid): the profiles of `seeds` and whoever was in one component with them by state.`places`."""
    con.execute(
        f"""
        create or replace table reached_components as
        select distinct component from state.{places} where pid in (select pid from {seeds});
        create or replace table mates as
        select pid from {seeds}
        union
        select pid from state.{places} where component in (select component from reached_components);
        create or replace table {scope} as
        select distinct pid from now_everyone where pid in (select pid from mates);
        """
    )


def cluster_early(con: duckdb.DuckDBPyConnection) -> None:
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
    bound(con, "early_scope")
    scope(con, "early_scope")
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


def _contacts_of(rids: str) -> str:
    """SQL: the signs of the phones and e-mails that the cards of table `rids` hold."""
    return f"select distinct sign from now_held where rid in (select rid from {rids}) and kind in ('phone', 'email')"


def link_late(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `now_late_links` and `now_ambiguous`: cards without a full name, whose holders may be others now.

    `weak_scope` are those; `context` also whoever holds their values, for the same question of their neighbours.
    """
    con.execute(
        f"""
        create or replace table no_evidence as
        select sign from hidden union all select {SIGN_OF_VALUE} from now_crowded;
        create or replace table early_cards as select rid from now_members where pid in (select pid from early_scope);
        create or replace table contacts as
        select sign from (
            {_contacts_of("early_cards")}
            union
            select sign from state.held where kind in ('phone', 'email') and rid in (select rid from moved)
        )
        -- What became or ceased to be one of them made its holders live.
        where sign not in (select sign from no_evidence);

        create or replace table holders_now as
        select rid from now_held where sign in (select sign from contacts) union select pid from early_scope;
        -- A card without a first name is a profile of its own.
        create or replace table weak_scope as
        select rid as pid from now_cards where rid in (select rid from holders_now) and given is null and not is_company;
        create or replace table weak_cards as select pid as rid from weak_scope;
        create or replace table asked as
        select sign from ({_contacts_of("weak_cards")}) where sign not in (select sign from no_evidence);
        create or replace table weak_holders as select rid from now_held where sign in (select sign from asked);
        create or replace table neighbours as
        select pid from weak_scope
        union
        select rid from now_cards where rid in (select rid from weak_holders) and given is null and not is_company;
        create or replace table neighbour_cards as select pid as rid from neighbours;
        create or replace table asked as
        select sign from ({_contacts_of("neighbour_cards")}) where sign not in (select sign from no_evidence);
        create or replace table neighbour_holders as select rid from now_held where sign in (select sign from asked);
        create or replace table neighbour_clusters as
        select distinct cluster from now_early where pid in (select pid from neighbours);
        create or replace table context as
        select pid from now_members where rid in (select rid from neighbour_holders)
        union
        select pid from neighbours
        union
        select pid from now_early where cluster in (select cluster from neighbour_clusters);
        """
    )
    scope(con, "context")
    con.execute(
        """
        create or replace table cards as
        select rid, created_at, updated_at from now_cards where rid in (select rid from everyone);
        create or replace table held as
        select rid, kind, value from now_held
        where rid in (select rid from members) and sign not in (select sign from no_evidence);
        """
    )
    resolution.find_kept_apart(con)
    link.find_identifiers(con)
    con.execute(
        """
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


def cluster_late(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `scope` (pid: whoever is clustered again) and `now_late`; and the session as judging needs it."""
    _close(con, "late_seeds", "late", "scope")
    bound(con, "scope")
    scope(con, "scope")
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
        create or replace table in_question as
        select pid_l as pid from links union select pid_r from links
        union select pid from ambiguous union select holder from ambiguous;
        create or replace table questioned_clusters as
        select distinct cluster from now_late where pid in (select pid from in_question);
        create or replace table around as select pid from now_late where cluster in (select cluster from questioned_clusters);
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
