"""The daily step: identity brought up to date with the warehouse's cards.

Belongs here: reading, skipping, resolving and writing as one run. Does not belong here: how cards are resolved
(resolution.py) and stored (store.py).
"""

import datetime as dt
import hashlib
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from dagster_project.identity import store
from dagster_project.identity.engine import connect
from dagster_project.identity.estimate import drift
from dagster_project.identity.model import Model, train_model
from dagster_project.identity.resolution import RULES_VERSION, Progress, Resolution, prepare, resolve
from dagster_project.identity.store import RunSummary
from dagster_project.warehouse import Warehouse


def refresh(
    warehouse: Warehouse,
    run_id: str,
    *,
    company_phones: Sequence[str] = (),
    progress: Progress | None = None,
) -> RunSummary:
    """Resolves intermediate.customer_records and writes schema identity, all or nothing.

    Trains a model if there is none. Where neither cards nor decisions nor model changed since the last run it
    skips and says so. Raises WarehouseError where the cards are missing.
    """
    say = progress or (lambda _: None)
    started_at = dt.datetime.now(dt.UTC)
    store.ensure_tables(warehouse)
    records, identifiers = store.read_cards(warehouse)
    decisions = store.read_decisions(warehouse)
    con = connect()
    prepared = False
    model = store.read_model(warehouse)
    if model is None:
        say("no model yet: training one")
        prepare(con, records, identifiers, decisions, company_phones)
        prepared = True
        model = _train(warehouse, con, started_at)
    fingerprint = _fingerprint(con, records, identifiers, decisions, model, company_phones)
    last = store.last_run(warehouse)
    if last is not None and last.fingerprint == fingerprint:
        say("nothing changed since the last run: skipped")
        summary = _skipped(last, run_id, started_at)
        store.write_run(warehouse, summary, None)
        return summary
    if not prepared:
        prepare(con, records, identifiers, decisions, company_phones)
    resolution = resolve(
        records,
        identifiers,
        model,
        decisions,
        store.read_previous(warehouse),
        run_id=run_id,
        at=started_at,
        company_phones=company_phones,
        progress=progress,
        con=con,
    )
    summary = RunSummary(
        run_id=run_id,
        started_at=started_at,
        finished_at=dt.datetime.now(dt.UTC),
        model_version=model.version,
        is_skipped=False,
        fingerprint=fingerprint,
        report=_report(resolution),
        estimated_precision=resolution.estimate.precision,
        estimated_recall=resolution.estimate.recall,
        weight_drift=drift(model.training.get("weights", resolution.weights), resolution.weights),
        **resolution.counts,
    )
    store.write_run(warehouse, summary, resolution)
    say("written")
    return summary


def train(
    warehouse: Warehouse, *, company_phones: Sequence[str] = (), progress: Progress | None = None
) -> Model:
    """Trains a model on the warehouse's cards and makes it the current one; the next refresh scores with it."""
    store.ensure_tables(warehouse)
    records, identifiers = store.read_cards(warehouse)
    con = connect()
    prepare(con, records, identifiers, store.read_decisions(warehouse), company_phones)
    model = _train(warehouse, con, dt.datetime.now(dt.UTC))
    if progress:
        progress(f"trained {model.version} on {model.training['profiles']} profiles")
    return model


def _train(warehouse: Warehouse, con: duckdb.DuckDBPyConnection, at: dt.datetime) -> Model:
    model = train_model(con, at)
    store.write_model(warehouse, model)
    return model


def _fingerprint(
    con: duckdb.DuckDBPyConnection,
    records: pa.Table,
    identifiers: pa.Table,
    decisions: pa.Table,
    model: Model,
    company_phones: Sequence[str],
) -> str:
    """One text for all that a result depends on, whatever the order of rows."""
    digest = hashlib.sha256(f"{RULES_VERSION}|{model.version}|{sorted(company_phones)}".encode())
    for table in (records, identifiers, decisions):
        con.register("incoming", table)
        row = con.execute("select count(*), sum(hash(t)), bit_xor(hash(t)) from incoming t").fetchall()[0]
        con.unregister("incoming")
        digest.update(str(row).encode())
    return digest.hexdigest()


def _skipped(last: RunSummary, run_id: str, started_at: dt.datetime) -> RunSummary:
    return RunSummary(
        run_id=run_id,
        started_at=started_at,
        finished_at=dt.datetime.now(dt.UTC),
        model_version=last.model_version,
        records=last.records,
        candidate_pairs=0,
        edges=last.edges,
        customers=last.customers,
        largest_cluster=last.largest_cluster,
        created=0,
        merged=0,
        split=0,
        retired=0,
        is_skipped=True,
        fingerprint=last.fingerprint,
        report={},
        estimated_precision=last.estimated_precision,
        estimated_recall=last.estimated_recall,
        weight_drift=last.weight_drift,
    )


def _report(resolution: Resolution) -> dict[str, object]:
    """Counts only: the values themselves are personal data."""
    placeholders: dict[str, int] = {}
    for row in resolution.placeholders.select(["kind", "reason"]).to_pylist():
        name = f"{row['kind']}:{row['reason']}"
        placeholders[name] = placeholders.get(name, 0) + 1
    return {
        "placeholders": placeholders,
        "dropped_blocks": {r["rule"]: r["dropped_values"] for r in resolution.blocking_report.to_pylist()},
        "left_out_of_households": dict(
            zip(
                *(resolution.household_report.column(name).to_pylist() for name in ("what", "count")),
                strict=True,
            )
        ),
        "review_queue": resolution.review_queue.num_rows,
    }
