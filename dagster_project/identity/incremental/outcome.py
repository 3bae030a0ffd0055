"""Customers of what was clustered again, and every result as a difference to the last run's.

Belongs here: the registry over what was reached, the deltas, the counts of everybody. Does not belong here: the
households' own reach (kin.py), and what the state keeps (follow.py).
"""

import datetime as dt

import duckdb
import pyarrow as pa

from dagster_project.identity import link, registry, resolution, state
from dagster_project.identity.estimate import find_doubts, sum_up, weight_counts
from dagster_project.identity.incremental.change import Delta, Outcome, Rest
from dagster_project.identity.incremental.kin import find_households, find_movers, households_delta
from dagster_project.identity.incremental.session import arrow, count
from dagster_project.identity.placeholders import published_dates
from dagster_project.identity.registry import Previous


def assign(con: duckdb.DuckDBPyConnection, run_id: str, at: dt.datetime) -> None:
    """The registry over the clusters of `scope` alone: they hold every card of every customer they touch."""
    registry.define_ids(con)
    con.execute(
        """
        create or replace table reached as
        select rid from clustered union select rid from moved union select rid from dirty;
        -- From here on only who is near is looked at.
        drop view records;
        create table records as
        select rid, source_system, source_record_id, is_company, created_at from now_cards
        where rid in (select rid from reached union select rid from everyone);
        create or replace table departed_before as from state.departed where rid in (select rid from reached);
        create or replace table was_before as from state.record_customers where rid in (select rid from reached);
        create or replace table ids_before as
        with firsts as (
            select arg_min(r.source_system || '|' || r.source_record_id,
                (coalesce(r.created_at, 'infinity'::timestamptz), r.source_system, r.source_record_id)) as key
            from clustered join records r using (rid) group by cluster
        )
        select customer_id from was_before union select customer_id from departed_before
        union select new_id(key, a) from firsts cross join range(8) t(a);
        create or replace table named_before as
        from state.customers where customer_id in (select customer_id from ids_before)
            or surviving_customer_id in (select customer_id from ids_before);
        """
    )
    previous = Previous(
        arrow(con, "select * exclude (rid) from was_before"),
        arrow(con, "from named_before"),
        arrow(con, "select * exclude (rid) from departed_before"),
    )
    registry.assign(con, previous, run_id, at)


def outcome_of(con: duckdb.DuckDBPyConnection, run_id: str) -> Outcome:
    """What the warehouse may write at once."""
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

        create or replace table new_told as {state.TOLD};
        create or replace table retold as
        select rid from (
            from new_told union all select rid, digest from state.told where rid in (select rid from touched)
        ) group by rid having count(*) <> 2 or min(digest) <> max(digest);

        create or replace table customer_rows as
        select * from customers_now except select * from named_before;
        create or replace table new_clustered as from clustered;
        create or replace table keys as
        select rid, source_system, source_record_id from state.cards
        where rid in (select rid from reached_cards union select rid_l from then_edges union select rid_r from then_edges
            union select pid_l from then_review union select pid_r from then_review)
        union
        select rid, source_system, source_record_id from new_cards;
        """
    )
    edges = Delta(
        arrow(
            con,
            f"select n.* exclude (rid_l, rid_r, digest) from new_edges n where {_differs('edges', 'rid')}",
        ),
        arrow(con, _gone("edges", "rid")),
    )
    reviews = Delta(
        arrow(
            con,
            f"""
            select {resolution.ENDS}, n.reason, n.match_probability, n.gain, '{run_id}' as run_id
            from new_review n join records l on l.rid = n.pid_l join records r on r.rid = n.pid_r
            where {_differs("review", "pid")}
            """,
        ),
        arrow(con, _gone("review", "pid")),
    )
    departed = Delta(
        arrow(con, "select * from departed_now except select * exclude (rid) from departed_before").cast(
            registry.DEPARTED
        ),
        arrow(
            con,
            """
            select source_system, source_record_id from departed_before
            where (source_system, source_record_id) not in (select (source_system, source_record_id) from departed_now)
            """,
        ),
    )
    return Outcome(
        record_customers=Delta(
            arrow(
                con,
                """
                select * exclude (rid) from (select * from record_customers except select * from was_before)
                """,
            ).cast(registry.RECORD_CUSTOMERS),
            arrow(
                con,
                "select source_system, source_record_id from was_before where rid not in (select rid from new_clustered)",
            ),
        ),
        record_identifiers=Delta(
            arrow(
                con,
                "select * exclude (rid) from record_identifiers where rid in (select rid from retold)",
            ),
            arrow(
                con,
                "select source_system, source_record_id from state.cards where rid in (select rid from retold)",
            ),
        ),
        edges=edges,
        customers=Delta(
            arrow(con, "select * from customer_rows").cast(registry.CUSTOMERS),
            registry.CUSTOMERS.empty_table().select(["customer_id"]),
        ),
        departed=departed,
        review_queue=reviews,
        events=arrow(con, "select * from events order by all"),
    )


def look_back(con: duckdb.DuckDBPyConnection) -> None:
    """After `outcome_of`: all that is asked of the last run's state before it may follow (follow.of_outcome)."""
    _look_at_all(con)
    find_movers(con)


def rest_of(con: duckdb.DuckDBPyConnection) -> Rest:
    """What else follows, found in the state that says what the outcome does, while the warehouse writes that."""
    counts = _counts(con)
    find_households(con)
    return Rest(
        households=households_delta(con),
        placeholders=arrow(con, "select * from now_placeholders order by all"),
        placeholder_dates=arrow(con, published_dates("now_placeholders")),
        blocking_report=_blocking_report(con),
        household_report=arrow(con, "select * from household_report order by 1"),
        reviews=count(con, "state.review"),
        counts=counts,
        estimate=sum_up(con, "now_doubts", "now_bonds"),
        weights=weight_counts(con, "state.judged"),
    )


def _counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """candidate_pairs are those of this run: what did not change was not compared again."""
    kinds = dict(con.execute("select kind, count(*) from events group by 1").fetchall())
    used = con.execute("select count(*) from state.edges where is_used").fetchall()[0][0]
    records, customers, largest = con.execute(
        "select coalesce(sum(cards), 0), count(*), coalesce(max(cards), 0) from now_doubts"
    ).fetchall()[0]
    return {
        "records": int(records),
        "candidate_pairs": count(con, "candidates"),
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


def _look_at_all(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `now_doubts` and `now_bonds`: of everybody, as the estimate wants them."""
    find_doubts(con)
    con.execute(
        """
        create or replace table left_clusters as
        select cluster from state.late where pid in (select pid from left_scope);
        create or replace table new_clusters as select distinct cluster from clusters where pid in (select pid from scope);
        create or replace table new_doubts as
        from cluster_doubts where cluster in (select cluster from new_clusters);
        create or replace table new_bonds as
        from cluster_bonds
        where cluster_l in (select cluster from new_clusters) or cluster_r in (select cluster from new_clusters);
        create or replace view now_doubts as
        select * from state.cluster_doubts where cluster not in (select cluster from left_clusters)
        union all by name from new_doubts;
        create or replace view now_bonds as
        select * from state.cluster_bonds
        where cluster_l not in (select cluster from left_clusters) and cluster_r not in (select cluster from left_clusters)
        union all by name from new_bonds;
        """
    )


def _differs(table: str, end: str) -> str:
    """SQL: a pair n of new_<table> is not in then_<table>, or says something else there."""
    return f"not exists (from then_{table} t where t.{end}_l = n.{end}_l and t.{end}_r = n.{end}_r and t.digest = n.digest)"


def _gone(table: str, end: str) -> str:
    """SQL: the keys of the pairs of then_<table> that new_<table> has no more."""
    return f"""
        select {resolution.ENDS} from then_{table} t
        join keys l on l.rid = t.{end}_l join keys r on r.rid = t.{end}_r
        where not exists (from new_{table} n where t.{end}_l = n.{end}_l and t.{end}_r = n.{end}_r)
    """
