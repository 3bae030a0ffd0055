"""The model: whole whatever happens in training."""

import datetime as dt
from dataclasses import replace

import pytest

from dagster_project.errors import IdentityError
from dagster_project.identity import resolve
from dagster_project.identity.engine import connect
from dagster_project.identity.model import COMPARISONS, MIN_M_SHARE, Model, check, train_model
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


def test_many_pairs_give_the_same_links_as_few(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    records, identifiers, _ = company(150, seed=4)
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    few = resolve(records, identifiers, model, at=at)
    monkeypatch.setattr("dagster_project.identity.model.MANY_PAIRS", 10)
    many = resolve(records, identifiers, model, at=at)
    assert few.counts["candidate_pairs"] > 10
    assert many.edges.equals(few.edges)
    assert many.record_customers.equals(few.record_customers)


def test_training_reads_a_sample_and_counts_every_name(monkeypatch: pytest.MonkeyPatch) -> None:
    records, identifiers, _ = company(600, seed=7)
    con = connect()
    prepare(con, records, identifiers)
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    whole = train_model(con, at)
    monkeypatch.setattr("dagster_project.identity.model.MAX_TRAINING_PROFILES", 700)
    sampled = train_model(con, at)
    assert sampled.term_frequencies.equals(whole.term_frequencies)
    assert sampled.settings != whole.settings
    pairs = [int(m.training["sessions"]["family+given"].split()[0]) for m in (whole, sampled)]
    assert pairs[1] < pairs[0]


def test_training_leaves_none_of_splinks_tables_behind() -> None:
    records, identifiers, _ = company(150, seed=4)
    con = connect()
    prepare(con, records, identifiers)
    train_model(con, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    left = [name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()]
    assert not [name for name in left if name.startswith("__splink__")]


def test_no_level_speaks_as_if_it_were_impossible(model: Model) -> None:
    """A level that no match of the training had must not damn a pair by itself."""
    for comparison in model.settings["comparisons"]:
        defaults = {label: m for label, _, m, _ in COMPARISONS[comparison["output_column_name"]][1]}
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                assert level["m_probability"] >= 0.99 * defaults[level["label_for_charts"]] / MIN_M_SHARE


def test_a_model_of_this_code_fits_and_one_of_another_does_not(model: Model) -> None:
    check(model)
    fewer = model.settings | {"comparisons": model.settings["comparisons"][1:]}
    with pytest.raises(IdentityError, match="compares given") as error:
        check(replace(model, settings=fewer))
    assert "c360 train" in error.value.remedy
    turned = model.settings | {"comparisons": model.settings["comparisons"][::-1]}
    with pytest.raises(IdentityError, match="in another order"):
        check(replace(model, settings=turned))
    with pytest.raises(IdentityError, match="format 0"):
        check(replace(model, training={"format": 0}))
