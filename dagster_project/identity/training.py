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
from dagster_project.identity.company import UNNAMED, Company
from dagster_project.identity.decisions import DECISIONS
from dagster_project.identity.engine import connect
from dagster_project.identity.estimate import Estimate, drift, estimate
from dagster_project.identity.evaluate import b_cubed, pairwise
from dagster_project.identity.model import Model, check, train_model
from dagster_project.identity.profiles import PROFILE_COLUMNS
from dagster_project.identity.resolution import RULES_VERSION, Progress, Resolution, prepare, resolve_prepared
from dagster_project.warehouse import Warehouse

# How much a figure may fall before the new model counts as worse.
TOLERANCE = {"estimated F1": 0.002, "pairwise F1": 0.001, "B-cubed F1": 0.001, "decisions kept": 0.0}
# A customer of more distinct profiles is a mistake, as expectations/identity/record_customers.json has it.
LARGEST = 50
# New sources change what the model meets once they bring so many of the records.
NEW_SHARE, NEW_RECORDS = 0.01, 20


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
    company: Company = UNNAMED,
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
    prepare(con, records, identifiers, None, company)
    cards = records.num_rows
    del records, identifiers
    model = calibrate(con, train_model(con, dt.datetime.now(dt.UTC)))
    say(f"trained {model.version} on {model.training['profiles']} profiles")
    current, unfit = _in_use(warehouse)
    sources = sorted(store.sources_of_records(warehouse))
    if current is not None and current.version == model.version:
        store.update_training(warehouse, current.version, {"sources": sources})
        return Training(
            model, current.version, False, "These records train the model in use once more: it stays."
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
        | provenance(cards, sources, parent)
        | {
            "weights": after.weights,
            "verdict": why,
            "figures": {f.name: [f.before, f.after] for f in figures},
        },
    )
    store.write_model(warehouse, model, is_current=is_promoted)
    if current is not None and before is not None and not is_promoted:
        # It was evaluated on these records and stays: what it meets in them is no drift.
        store.update_training(warehouse, current.version, {"weights": before.weights})
    return Training(model, parent, is_promoted, why, figures)


def train_for_new_sources(
    warehouse: Warehouse, *, company: Company = UNNAMED, progress: Progress | None = None
) -> tuple[Training | None, str]:
    """Trains where the records are of sources that no model was trained on; the training, and why or why not.

    Asked before every scoring: a set of sources is tried once, whether or not the model is promoted. A source that
    brings fewer than 1 in 100 records, or fewer than 20, waits until it brings more.
    """
    current, _ = _in_use(warehouse)
    if current is None:
        return None, "No model is in use: scoring trains the first one, or refuses one of other code."
    known = set(current.training.get("sources") or store.linked_sources(warehouse))
    present = store.sources_of_records(warehouse)
    if not (new := sorted(present - known)):
        return None, "The model in use was trained on records of every source."
    if store.was_trained_on(warehouse, present):
        return None, f"A model was trained with {', '.join(new)} and not promoted."
    records, total = store.share_of_records(warehouse, new)
    if records < max(NEW_RECORDS, NEW_SHARE * total):
        return None, f"{', '.join(new)}: {records:,} of {total:,} records are too few to train for."
    training = train(warehouse, company=company, progress=progress)
    return training, f"The model in use never met records of {', '.join(new)}. {training.why}"


def provenance(cards: int, sources: Sequence[str], parent: str | None = None) -> dict[str, Any]:
    """Where a model comes from, as its `training` keeps it."""
    return {"cards": cards, "sources": sorted(sources), "rules_version": RULES_VERSION, "parent": parent}


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
        ("largest customer", lambda side, _: _most_profiles(con, side)),
        ("links", lambda _, r: r.counts["edges"]),
    ]
    figures = [
        Figure(name, of("before", before) if before else None, of("after", after)) for name, of in found
    ]
    if before:
        figures += [Figure(name, None, value) for name, value in _changes(con, before, after).items()]
    return figures


def _most_profiles(con: duckdb.DuckDBPyConnection, side: str) -> int:
    """How many distinct profiles the largest customer of one linkage has: of a regular guest's orders, one."""
    columns = (column for column in PROFILE_COLUMNS if column != "unique_id")
    return con.execute(
        f"select coalesce(max(n), 0) from (select count(distinct hash({', '.join(columns)})) as n "
        f"from clusters_{side} join profiles using (pid) group by cluster)"
    ).fetchall()[0][0]


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
