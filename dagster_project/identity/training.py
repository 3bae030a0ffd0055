"""A new model against the one in use: trained, compared on the same cards, promoted only if it is not worse.

Belongs here: the comparison and the verdict. Does not belong here: how a model is trained (model.py) and scores
(resolution.py).

Both models resolve the cards without the stewards' decisions, so that what stewards said can judge them. Each
linkage is estimated by the mean of both models' probabilities: a model that is surer of itself is not better.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import pyarrow as pa

from dagster_project.errors import IdentityError
from dagster_project.identity import store
from dagster_project.identity.calibration import calibrate
from dagster_project.identity.decisions import DECISIONS
from dagster_project.identity.engine import connect
from dagster_project.identity.estimate import Estimate, drift, estimate
from dagster_project.identity.evaluate import b_cubed, pairwise
from dagster_project.identity.model import Model, check, train_model
from dagster_project.identity.resolution import RULES_VERSION, Progress, Resolution, prepare, resolve_prepared
from dagster_project.warehouse import Warehouse

# How much a figure may fall before the new model counts as worse.
TOLERANCE = {"estimated F1": 0.002, "pairwise F1": 0.001, "B-cubed F1": 0.001, "decisions kept": 0.0}
# A customer of more cards is a mistake, as expectations/identity/runs.json has it.
LARGEST = 50


@dataclass(frozen=True)
class Figure:
    """One figure of both linkages. before is None where no model was in use."""

    name: str
    before: float | None
    after: float

    @property
    def is_worse(self) -> bool:
        if self.before is None:
            return False
        if self.name == "largest customer":
            return self.after > max(self.before, LARGEST)
        return self.name in TOLERANCE and self.after < self.before - TOLERANCE[self.name]


@dataclass(frozen=True)
class Training:
    """What a training came to. `why` is one line, `figures` what it rests on; neither holds a value of a card."""

    model: Model
    parent: str | None
    is_promoted: bool
    why: str
    figures: list[Figure] = field(default_factory=list)


def train(
    warehouse: Warehouse,
    *,
    company_phones: Sequence[str] = (),
    truth: pa.Table | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Training:
    """Trains on the warehouse's cards and stores the model; the next refresh scores with it if it was promoted.

    truth: who is who, where that is known (evaluate.pairwise). force promotes a worse model too. Raises
    IdentityError where there are no cards to train on.
    """
    say = progress or (lambda _: None)
    records, identifiers = store.read_cards(warehouse)
    if records.num_rows == 0:
        raise IdentityError("There are no cards to train on.", "Run `c360 refresh` first.")
    decisions = store.read_decisions(warehouse)
    con = connect()
    prepare(con, records, identifiers, None, company_phones)
    cards = records.num_rows
    del records, identifiers
    model = calibrate(con, train_model(con, dt.datetime.now(dt.UTC)))
    say(f"trained {model.version} on {model.training['profiles']} profiles")
    current, unfit = _in_use(warehouse)
    if current is not None and current.version == model.version:
        return Training(
            model, current.version, False, "These cards train the model in use once more: it stays."
        )

    def linked(by: Model, side: str) -> Resolution:
        found = resolve_prepared(con, by)
        con.execute(
            "".join(
                f"create or replace table {t}_{side} as from {t};" for t in ("judged", "clusters", "scores")
            )
        )
        say(f"linked by {by.version}: {found.counts['customers']} customers")
        return found

    after = linked(model, "after")
    before = linked(current, "before") if current is not None else None
    estimates = (
        {side: _estimate(con, side) for side in ("before", "after")} if before else {"after": after.estimate}
    )
    figures = _figures(con, before, after, estimates, decisions, truth)
    worse = [f"{f.name} went from {_shown(f.before)} to {_shown(f.after)}" for f in figures if f.is_worse]
    if current is None:
        is_promoted, why = True, unfit or "Promoted: no model was in use."
    elif not worse:
        is_promoted, why = True, "Promoted: not worse in anything."
    elif force:
        is_promoted, why = True, f"Promoted by force: {', '.join(worse)}."
    else:
        is_promoted, why = False, f"Kept the model in use: {', '.join(worse)}."
    parent = current.version if current else None
    model = replace(
        model,
        training=model.training
        | provenance(cards, parent)
        | {
            "weights": after.weights,
            "verdict": why,
            "figures": {f.name: [f.before, f.after] for f in figures},
        },
    )
    store.write_model(warehouse, model, is_current=is_promoted)
    return Training(model, parent, is_promoted, why, figures)


def provenance(cards: int, parent: str | None = None) -> dict[str, Any]:
    """Where a model comes from, as its `training` keeps it."""
    return {"cards": cards, "rules_version": RULES_VERSION, "parent": parent}


def _in_use(warehouse: Warehouse) -> tuple[Model | None, str | None]:
    """The model in use; where this code cannot score with it, none, and why."""
    current = store.read_model(warehouse)
    if current is None:
        return None, None
    try:
        check(current)
    except IdentityError as error:
        return None, f"Promoted: {error.problem}"
    return current, None


def _estimate(con: duckdb.DuckDBPyConnection, side: str) -> Estimate:
    """The estimate of one linkage by both models' mean probability, over the pairs that either of them judged."""
    other = "before" if side == "after" else "after"
    con.execute(
        f"""
        create or replace table clusters as from clusters_{side};
        create or replace table judged as
        with pairs as (
            select pid_l, pid_r, linked_by, match_probability, is_used, rejected_by from judged_{side}
            union all
            select pid_l, pid_r, 'splink', match_probability, false, coalesce(rejected_by, 'below_threshold')
            from judged_{other} anti join judged_{side} using (pid_l, pid_r)
            where linked_by not in ('deterministic:sole_holder', 'deterministic:same_contact')
        )
        select pairs.* replace (
            (coalesce(b.match_probability, pairs.match_probability) + coalesce(a.match_probability, pairs.match_probability)) / 2
                as match_probability)
        from pairs left join scores_before b using (pid_l, pid_r) left join scores_after a using (pid_l, pid_r)
        """
    )
    return estimate(con)


def _figures(
    con: duckdb.DuckDBPyConnection,
    before: Resolution | None,
    after: Resolution,
    estimates: dict[str, Estimate],
    decisions: pa.Table,
    truth: pa.Table | None,
) -> list[Figure]:
    found: list[tuple[str, Any]] = [
        ("estimated precision", lambda side, _: estimates[side].precision),
        ("estimated recall", lambda side, _: estimates[side].recall),
        ("estimated F1", lambda side, _: estimates[side].f1),
    ]
    kept = {
        side: _kept(decisions, r.record_customers) for side, r in (("before", before), ("after", after)) if r
    }
    if kept["after"] is not None:
        found.append(("decisions kept", lambda side, _: kept[side]))
    if truth is not None:
        found += [
            ("pairwise F1", lambda _, r: pairwise(truth, r.record_customers).f1),
            ("B-cubed F1", lambda _, r: b_cubed(truth, r.record_customers).f1),
        ]
    found += [
        ("customers", lambda _, r: r.counts["customers"]),
        ("largest customer", lambda _, r: r.counts["largest_cluster"]),
        ("links", lambda _, r: r.counts["edges"]),
    ]
    figures = [
        Figure(name, of("before", before) if before else None, of("after", after)) for name, of in found
    ]
    if before:
        figures += [Figure(name, None, value) for name, value in _changes(con, before, after).items()]
    return figures


def _kept(decisions: pa.Table, record_customers: pa.Table) -> float | None:
    """The share of the decisions in force that a linkage without them would honour."""
    con = duckdb.connect()
    con.register("decisions", decisions.cast(DECISIONS))
    con.register("linked", record_customers)
    return con.execute(
        """
        select avg(((l.customer_id = r.customer_id) = (d.verdict = 'same'))::int) from decisions d
        join linked l on l.source_system = d.source_system_l and l.source_record_id = d.source_record_id_l
        join linked r on r.source_system = d.source_system_r and r.source_record_id = d.source_record_id_r
        where d.revoked_at is null
        """
    ).fetchall()[0][0]


def _changes(con: duckdb.DuckDBPyConnection, before: Resolution, after: Resolution) -> dict[str, float]:
    """What the new model does otherwise: links gained and lost, and how far probabilities and weights moved."""
    gained, lost = con.execute(
        """
        select count(*) filter (coalesce(a.is_used, false) and not coalesce(b.is_used, false)),
            count(*) filter (coalesce(b.is_used, false) and not coalesce(a.is_used, false))
        from judged_after a full join judged_before b using (pid_l, pid_r)
        """
    ).fetchall()[0]
    moved = con.execute(
        "select avg(abs(a.match_probability - b.match_probability)) from scores_after a join scores_before b using (pid_l, pid_r)"
    ).fetchall()[0][0]
    return {
        "links gained": gained,
        "links lost": lost,
        "mean change of probability": moved or 0.0,
        "weight drift": drift(before.weights, after.weights) or 0.0,
    }


def _shown(value: float | None) -> str:
    return "nothing" if value is None else f"{value:,.0f}" if value > 1 else f"{value:.4f}"
