"""One resolution without a database: tables in, tables out.

Belongs here: the order of the steps. Does not belong here: any step's own logic, and PostgreSQL (store.py).
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from dagster_project.identity import (
    guard,
    households,
    link,
    model,
    placeholders,
    profiles,
    registry,
    standardise,
)
from dagster_project.identity.cluster import Clustering, cluster, components
from dagster_project.identity.company import UNNAMED, Company
from dagster_project.identity.decisions import DECISIONS, in_force
from dagster_project.identity.engine import connect
from dagster_project.identity.estimate import Estimate, estimate, weight_counts
from dagster_project.identity.identifiers import canonical_values
from dagster_project.identity.model import Model
from dagster_project.identity.registry import Previous

# A pair that only the model links needs this probability.
THRESHOLD = 0.95
# What changes results changes this: a run on unchanged data is then not skipped.
RULES_VERSION = "14"

# SQL: the keys of a pair's two cards, the smaller key on the left.
_IN_ORDER = (
    "l.source_system < r.source_system"
    " or (l.source_system = r.source_system and l.source_record_id <= r.source_record_id)"
)
ENDS = ", ".join(
    f"case when {_IN_ORDER} then {one}.{name} else {other}.{name} end as {name}_{side}"
    for side, one, other in (("l", "l", "r"), ("r", "r", "l"))
    for name in ("source_system", "source_record_id")
)
# SQL: decisions between profiles.
_JUDGED = """
    select least(l.pid, r.pid) as pid_l, greatest(l.pid, r.pid) as pid_r, verdict, nth
    from decided d join everyone l on l.rid = d.rid_l join everyone r on r.rid = d.rid_r where l.pid <> r.pid
"""
# SQL: where clustering placed each profile.
PLACES = "select pid, component, cluster from components join clusters using (pid)"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Resolution:
    """Everything a run says. Tables as docs/contracts.md has them; events without event_id, run_id and time."""

    record_customers: pa.Table
    record_identifiers: pa.Table
    edges: pa.Table
    customers: pa.Table
    departed: pa.Table
    events: pa.Table
    review_queue: pa.Table
    placeholders: pa.Table
    placeholder_dates: pa.Table
    blocking_report: pa.Table
    households: pa.Table
    household_report: pa.Table
    counts: dict[str, int]

    @property
    def reviews(self) -> int:
        return self.review_queue.num_rows

    estimate: Estimate
    weights: list[int]


def prepare(
    con: duckdb.DuckDBPyConnection,
    records: pa.Table,
    identifiers: pa.Table,
    decisions: pa.Table | None = None,
    company: Company = UNNAMED,
) -> None:
    """Standardised cards, their profiles and the stewards' decisions as tables of `con`: what training needs."""
    standardise.load(con, records, identifiers)
    prepare_loaded(con, decisions, company)


def prepare_loaded(
    con: duckdb.DuckDBPyConnection, decisions: pa.Table | None = None, company: Company = UNNAMED
) -> None:
    """The same of cards that `standardise.load` took in."""
    standardise.standardise(con, company)
    own = canonical_values("phone", company.phones, [company.region])
    placeholders.drop_placeholders(con, [phone for phone in own if phone])
    decide(con, decisions if decisions is not None else DECISIONS.empty_table())
    profiles.build_profiles(con)


def resolve(
    records: pa.Table,
    identifiers: pa.Table,
    model_: Model,
    decisions: pa.Table | None = None,
    previous: Previous | None = None,
    *,
    run_id: str = "run",
    at: dt.datetime | None = None,
    company: Company = UNNAMED,
) -> Resolution:
    """Cards (contract columns) to customers."""
    with connect() as con:
        prepare(con, records, identifiers, decisions, company)
        return resolve_prepared(con, model_, previous, run_id=run_id, at=at)


def resolve_prepared(
    con: duckdb.DuckDBPyConnection,
    model_: Model,
    previous: Previous | None = None,
    *,
    run_id: str = "run",
    at: dt.datetime | None = None,
    progress: Progress | None = None,
) -> Resolution:
    """The cards that `prepare` brought into `con` to customers."""
    at = at or dt.datetime.now(dt.UTC)
    say = progress or (lambda _: None)
    say(f"standardised {_count(con, 'cards')} cards into {_count(con, 'profiles')} profiles")
    link.find_candidates(con)
    model.score(con, model_, "candidates", link.RULED)
    guard.find_facts(con, "scores")
    link.link(con, THRESHOLD, model_.names_from)
    say(f"scored {_count(con, 'candidates')} pairs")
    cluster_links(con)
    con.execute(f"create or replace table early as {PLACES}")
    link.link_sole_holders(con)
    cluster_links(con)
    registry.assign(con, previous or Previous.empty(), run_id, at)
    households.find_households(con)
    say(f"{_count(con, 'cluster_customers')} customers")
    find_results(con, run_id)
    return _resolution(con, run_id)


def decide(con: duckdb.DuckDBPyConnection, decisions: pa.Table) -> None:
    """Makes `decided` (rid_l < rid_r, verdict, nth: newest first) and `decided_cards` (rid named by any)."""
    con.register("incoming", decisions)
    con.execute(
        """
        create or replace table named as
        select source_system, source_record_id, card_key(source_system, source_record_id) as rid from (
            select source_system_l as source_system, source_record_id_l as source_record_id from incoming
            union select source_system_r, source_record_id_r from incoming);
        create or replace table named_rids as select rid from records where rid in (select rid from named);
        """
    )
    live = con.execute(
        "select source_system, source_record_id from named where rid in (select rid from named_rids)"
    ).fetchall()
    con.unregister("incoming")
    con.register("incoming", in_force(decisions, set(live)))
    con.execute(
        """
        create or replace table decided as
        select least(l.rid, r.rid) as rid_l, greatest(l.rid, r.rid) as rid_r, d.verdict,
            row_number() over (order by d.decided_at desc, d.decision_id desc, rid_l, rid_r) as nth
        from incoming d
        join named l on l.source_system = d.source_system_l and l.source_record_id = d.source_record_id_l
        join named r on r.source_system = d.source_system_r and r.source_record_id = d.source_record_id_r
        where l.rid in (select rid from named_rids) and r.rid in (select rid from named_rids);
        create or replace table decided_cards as
        select rid_l as rid from decided union select rid_r from decided;
        drop table named;
        drop table named_rids;
        """
    )
    con.unregister("incoming")


def cluster_links(con: duckdb.DuckDBPyConnection) -> None:
    """From `links` and decisions to `components` (pid, component), `clusters` (pid, cluster), `kept_apart`, `cuts`
    (pid_l, pid_r, reason) and `clustered` (rid, cluster)."""
    # Dense numbers in the order of pid: whatever the numbers decide, the pids decide.
    pids = con.execute("select distinct pid from everyone order by pid").fetchnumpy()["pid"].astype(np.int64)
    find_kept_apart(con)
    must = _numbered(con, pids, f"select pid_l, pid_r from ({_JUDGED}) where verdict = 'same' order by nth")
    cannot = _numbered(con, pids, "select pid_l, pid_r from kept_apart")
    used = con.execute(
        "select pid_l, pid_r, strength from links where is_used"
        f" union all select pid_l, pid_r, {link.RULE_STRENGTH['tax_id']} from company_links"
        " order by strength desc, pid_l, pid_r"
    ).fetchnumpy()
    edges = _numbers(pids, used)
    _register(con, "components", "component", pids, components(len(pids), np.vstack([edges, must])))
    guard.find_conflicts(con)
    clustering = cluster(
        len(pids),
        edges,
        np.asarray(used["strength"], dtype=float),
        must=[(a, b) for a, b in must.tolist()],
        cannot=[(a, b) for a, b in cannot.tolist()],
        conflicts=_numbered(con, pids, "select pid_l, pid_r from conflicts order by all"),
    )
    _register(con, "clusters", "cluster", pids, clustering.labels)
    _register_cuts(con, pids, clustering)
    con.execute(
        "create or replace table clustered as select m.rid, c.cluster from everyone m join clusters c using (pid)"
    )


def find_kept_apart(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `kept_apart` (pid_l < pid_r): whom a steward holds apart."""
    con.execute(
        f"create or replace table kept_apart as select pid_l, pid_r from ({_JUDGED}) where verdict = 'different'"
    )


def _numbered(con: duckdb.DuckDBPyConnection, pids: np.ndarray, query: str) -> np.ndarray:
    return _numbers(pids, con.execute(query).fetchnumpy())


def _numbers(pids: np.ndarray, pairs: dict[str, np.ndarray]) -> np.ndarray:
    """Pairs of pids (pid_l, pid_r) as pairs of places in `pids`, which is sorted."""
    ends = [np.searchsorted(pids, pairs[side].astype(np.int64)) for side in ("pid_l", "pid_r")]
    return np.column_stack(ends).astype(np.int64).reshape(-1, 2)


def _register(
    con: duckdb.DuckDBPyConnection, table: str, column: str, pids: np.ndarray, labels: np.ndarray
) -> None:
    con.register("labels", pa.table({"pid": pids, column: pids[labels]}))
    con.execute(f"create or replace table {table} as select * from labels")
    con.unregister("labels")


def _register_cuts(con: duckdb.DuckDBPyConnection, pids: np.ndarray, clustering: Clustering) -> None:
    cuts = [
        (a, b, reason)
        for (a, b), reason in clustering.cut.items()
        if clustering.labels[a] != clustering.labels[b]
    ]
    cuts += [(min(pair), max(pair), "contradicting_decisions") for pair in clustering.refused]
    con.register(
        "found_cuts",
        pa.table(
            {
                "pid_l": pids[[c[0] for c in cuts]] if cuts else pa.array([], pa.int64()),
                "pid_r": pids[[c[1] for c in cuts]] if cuts else pa.array([], pa.int64()),
                "reason": pa.array([c[2] for c in cuts], pa.string()),
            }
        ),
    )
    con.execute("create or replace table cuts as select * from found_cuts")
    con.unregister("found_cuts")


def find_results(con: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """From `links`, `clusters` and `cluster_customers` to `edges`, `record_customers` and `review`."""
    con.execute(
        f"""
        create or replace table judged as
        select l.* exclude (is_used, rejected_by),
            l.is_used and c.reason is null and a.cluster = b.cluster as is_used,
            coalesce(l.rejected_by, c.reason) as rejected_by
        from links l left join cuts c using (pid_l, pid_r)
        join clusters a on a.pid = l.pid_l join clusters b on b.pid = l.pid_r;

        create or replace table company_edges as
        select pid as rid_l, rid as rid_r, true as is_used, null as rejected_by from company_members where rid <> pid
        union all
        select pid_l, pid_r, a.cluster = b.cluster, c.reason
        from company_links l join clusters a on a.pid = l.pid_l join clusters b on b.pid = l.pid_r
        left join cuts c using (pid_l, pid_r);

        create or replace table edges as
        select j.rid_l, j.rid_r, {ENDS},
            j.linked_by, j.match_weight, j.match_probability, j.is_used, j.rejected_by, j.levels, '{run_id}' as run_id
        from (
            select pid_l as rid_l, pid_r as rid_r, linked_by, match_weight, match_probability, is_used, rejected_by, levels
            from judged
            union all
            select pid, rid, 'deterministic:same_content', null, null, true, null, null from members where rid <> pid
            union all
            select rid_l, rid_r, 'deterministic:tax_id', null, null, is_used, rejected_by, null from company_edges
        ) j join records l on l.rid = j.rid_l join records r on r.rid = j.rid_r;

        create or replace table best_links as
        with ends as (
            select pid_l as pid, linked_by, match_probability, strength from judged where is_used
            union all select pid_r, linked_by, match_probability, strength from judged where is_used
        )
        -- One edge speaks for a card, the strongest; equally strong ones are of one kind, and the likeliest speaks.
        select pid, min(linked_by) as linked_by, max(match_probability) as match_probability
        from ends join (select pid, max(strength) as strength from ends group by pid) using (pid, strength)
        group by pid;

        create or replace table record_customers as
        select r.rid, r.source_system, r.source_record_id, k.customer_id,
            case when m.rid <> m.pid then 'deterministic:same_content' when b.linked_by is not null then b.linked_by
                when z.cards = 1 then 'alone'
                when r.rid in (select rid_l from company_edges where is_used union select rid_r from company_edges where is_used)
                    then 'deterministic:tax_id'
                when m.rid in (select pid from members where rid <> pid) then 'deterministic:same_content'
                else 'steward' end as linked_by,
            case when m.rid is distinct from m.pid then null else b.match_probability end as match_probability,
            case when w.customer_id = k.customer_id then w.since_run_id else '{run_id}' end as since_run_id
        from clustered c join records r using (rid) join cluster_customers k using (cluster)
        join (select cluster, count(*) as cards from clustered group by cluster) z using (cluster)
        left join members m using (rid) left join best_links b on b.pid = m.pid
        left join was w using (source_system, source_record_id);

        create or replace table review as
        with sizes as (
            select distinct pid, size, cluster from (
                select m.pid, c.cluster, count(*) over (partition by c.cluster) as size
                from members m join clusters c using (pid))
        ), doubts as (
            select pid_l, pid_r, reason, 1 as rank from cuts
            union all
            select least(pid, holder), greatest(pid, holder), 'shared_by_several', 3 from ambiguous
            union all
            select pid_l, pid_r, rejected_by, 2 from judged
            where rejected_by is not null and (match_probability >= 0.5 or linked_by <> 'splink')
                and rejected_by <> 'given_name_differs'
        )
        select d.pid_l, d.pid_r, d.reason, j.match_probability,
            l.size * r.size * greatest(4 * coalesce(j.match_probability, 0.5) * (1 - coalesce(j.match_probability, 0.5)), 0.05)
                as gain
        from doubts d join sizes l on l.pid = d.pid_l join sizes r on r.pid = d.pid_r
        left join judged j using (pid_l, pid_r)
        where l.cluster <> r.cluster
            -- A steward answered already, for any two cards of theirs; answers at odds are a question again.
            and (d.reason = 'contradicting_decisions'
                or (least(l.cluster, r.cluster), greatest(l.cluster, r.cluster)) not in (
                    select (least(a.cluster, b.cluster), greatest(a.cluster, b.cluster))
                    from kept_apart k join clusters a on a.pid = k.pid_l join clusters b on b.pid = k.pid_r))
        -- One question for two clusters, the likeliest.
        qualify row_number() over (partition by least(l.cluster, r.cluster), greatest(l.cluster, r.cluster)
            order by d.rank, j.match_probability desc nulls last, d.pid_l, d.pid_r) = 1;
        """
    )


def _resolution(con: duckdb.DuckDBPyConnection, run_id: str) -> Resolution:
    kinds = dict(con.execute("select kind, count(*) from events group by 1").fetchall())
    counts = {
        "records": _count(con, "records"),
        "candidate_pairs": _count(con, "candidates"),
        "edges": con.execute("select count(*) from edges where is_used").fetchall()[0][0],
        "customers": _count(con, "cluster_customers"),
        "largest_cluster": con.execute(
            "select coalesce(max(n), 0) from (select count(*) as n from clustered group by cluster)"
        ).fetchall()[0][0],
        "created": kinds.get("created", 0) + kinds.get("returned", 0),
        "merged": kinds.get("merged", 0),
        "split": kinds.get("split", 0),
        "retired": kinds.get("retired", 0),
        "churned": registry.churned(con),
    }
    return Resolution(
        record_customers=_arrow(con, "select * exclude (rid) from record_customers order by 1, 2").cast(
            registry.RECORD_CUSTOMERS
        ),
        record_identifiers=_arrow(
            con, "select * exclude (rid) from record_identifiers order by 1, 2, kind, value"
        ),
        edges=_arrow(con, "select * exclude (rid_l, rid_r) from edges order by 1, 2, 3, 4"),
        customers=_arrow(con, "select * from customers_now order by 1").cast(registry.CUSTOMERS),
        departed=_arrow(con, "select * from departed_now order by 1, 2").cast(registry.DEPARTED),
        events=_arrow(con, "select * from events order by all"),
        review_queue=_arrow(
            con,
            f"""
            select {ENDS}, v.reason, v.match_probability, v.gain, '{run_id}' as run_id
            from review v join records l on l.rid = v.pid_l join records r on r.rid = v.pid_r order by v.gain desc, 1, 2, 3, 4
            """,
        ),
        placeholders=_arrow(con, "select * from placeholders order by all"),
        placeholder_dates=_arrow(con, placeholders.published_dates("placeholders")),
        blocking_report=link.blocking_report(con),
        households=_arrow(con, "select * from households order by 1").cast(households.HOUSEHOLDS),
        household_report=_arrow(con, "select * from household_report order by 1"),
        counts=counts,
        estimate=estimate(con),
        weights=weight_counts(con),
    )


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"select count(*) from {table}").fetchall()[0][0])


def _arrow(con: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return con.sql(query).to_arrow_table()
