"""The linkage as a whole keeps its floor on seeded noise; the model is the same for the same data."""

import datetime as dt

import pytest

from dagster_project.identity import b_cubed, pairwise, resolve
from dagster_project.identity.engine import connect
from dagster_project.identity.model import Model, train_model
from dagster_project.identity.resolution import prepare
from tests.unit.identity.people import company


@pytest.mark.parametrize("seed", [1, 2])
def test_precision_and_recall_keep_their_floor(model: Model, seed: int) -> None:
    records, identifiers, truth = company(800, seed)
    found = resolve(records, identifiers, model).record_customers
    assert found.num_rows == records.num_rows
    for score in (pairwise(truth, found), b_cubed(truth, found)):
        assert score.precision >= 0.99
        assert score.recall >= 0.95


def test_names_and_cities_alone_train_a_model_that_links_nobody_wrongly() -> None:
    records, identifiers, truth = company(200, 5)
    bare = records.select(
        ["source_system", "source_record_id", "full_name", "given_name", "family_name", "city"]
    )
    con = connect()
    prepare(con, bare, identifiers)
    poor = train_model(con, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert pairwise(truth, resolve(bare, identifiers, poor).record_customers).precision >= 0.95


def test_no_card_at_all_is_no_error(model: Model) -> None:
    records, identifiers, _ = company(1, 1)
    empty = resolve(records.slice(0, 0), identifiers, model)
    assert empty.record_customers.num_rows == 0 and empty.counts["customers"] == 0


def test_the_same_data_trains_the_same_model(model: Model) -> None:
    records, identifiers, _ = company(600, seed=7)
    con = connect()
    prepare(con, records, identifiers)
    again = train_model(con, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert again.version == model.version
    assert again.settings == model.settings
