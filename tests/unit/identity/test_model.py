"""The model: whole whatever happens in training."""

import datetime as dt

import pytest

from dagster_project.identity import resolve
from dagster_project.identity.engine import connect
from dagster_project.identity.model import COMPARISONS, train_model
from dagster_project.identity.resolution import prepare
from tests.unit.identity.people import company


def test_a_training_session_that_fails_takes_no_comparison_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from splink.internals.em_training_session import EMTrainingSession

    def fail(self: EMTrainingSession, *_: object, **__: object) -> None:
        raise ValueError("a probability of 0")

    monkeypatch.setattr(EMTrainingSession, "_train", fail)
    records, identifiers, _ = company(300, seed=3)
    con = connect()
    prepare(con, records, identifiers)
    model = train_model(con, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))

    assert any(str(said).startswith("failed") for said in model.training["sessions"].values())
    assert {c["output_column_name"] for c in model.settings["comparisons"]} == set(COMPARISONS)
    assert len(resolve(records, identifiers, model).record_customers) == len(records)
