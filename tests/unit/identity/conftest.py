"""Shared by the tests of identity: small tables of cards, a model trained once."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from dagster_project.identity import Resolution, resolve
from dagster_project.identity.decisions import DECISIONS
from dagster_project.identity.engine import connect
from dagster_project.identity.model import Model, train_model
from dagster_project.identity.resolution import prepare
from dagster_project.identity.standardise import IDENTIFIER_COLUMNS
from tests.unit.identity.people import company

Resolver = Callable[..., Resolution]


def cards(*rows: dict[str, Any]) -> pa.Table:
    """Cards of system `s`, IDs 1, 2, … unless a row says otherwise."""
    filled = [{"source_system": "s", "source_record_id": str(i)} | row for i, row in enumerate(rows, 1)]
    names = dict.fromkeys(name for row in filled for name in row)
    return pa.table({name: pa.array([row.get(name) for row in filled]) for name in names})


def identifiers(*rows: tuple[str, str, str]) -> pa.Table:
    """(record ID, kind, value) of system `s`."""
    values = list(zip(*[("s", *row) for row in rows], strict=True)) if rows else [()] * 4
    return pa.table(
        {name: pa.array(value, pa.string()) for name, value in zip(IDENTIFIER_COLUMNS, values, strict=True)}
    )


def decisions(*rows: tuple[str, str, str, int]) -> pa.Table:
    """(record, record, verdict, day)."""
    return pa.Table.from_pylist(
        [
            {
                "decision_id": str(i),
                "source_system_l": "s",
                "source_record_id_l": left,
                "source_system_r": "s",
                "source_record_id_r": right,
                "verdict": verdict,
                "decided_at": dt.datetime(2026, 1, day, tzinfo=dt.UTC),
                "revoked_at": None,
            }
            for i, (left, right, verdict, day) in enumerate(rows)
        ],
        schema=DECISIONS,
    )


@pytest.fixture(scope="session")
def model() -> Model:
    """A model trained on 600 invented people."""
    records, no_identifiers, _ = company(600, seed=7)
    con = connect()
    prepare(con, records, no_identifiers)
    return train_model(con, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


@pytest.fixture
def groups(model: Model) -> Callable[..., set[frozenset[str]]]:
    """Resolves cards; returns who is together, as sets of record IDs."""

    def run(*rows: dict[str, Any], **options: Any) -> set[frozenset[str]]:
        held = options.pop("identifiers", identifiers())
        return together(resolve(cards(*rows), held, model, **options))

    return run


def together(resolution: Resolution) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in resolution.record_customers.to_pylist():
        found.setdefault(row["customer_id"], set()).add(row["source_record_id"])
    return {frozenset(group) for group in found.values()}
