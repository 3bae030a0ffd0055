"""Scores on examples that were computed by hand."""

import pyarrow as pa
import pytest

from dagster_project.identity import b_cubed, pairwise


def truth(*entities: str, linkable: list[bool] | None = None) -> pa.Table:
    keys = [str(i) for i in range(len(entities))]
    table = pa.table(
        {"source_system": ["s"] * len(keys), "source_record_id": keys, "entity_id": list(entities)}
    )
    return table if linkable is None else table.append_column("is_linkable", pa.array(linkable))


def predicted(*customers: str | None) -> pa.Table:
    rows = [
        {"source_system": "s", "source_record_id": str(i), "customer_id": customer}
        for i, customer in enumerate(customers)
        if customer
    ]
    return pa.Table.from_pylist(rows)


def test_one_record_in_the_wrong_cluster() -> None:
    # Pairs found: 01, 02, 12, 34 → right: 01, 34; real: 01, 23, 24, 34.
    real, found = truth("a", "a", "b", "b", "b"), predicted("x", "x", "x", "y", "y")
    score = pairwise(real, found)
    assert (score.precision, score.recall, score.f1) == pytest.approx((0.5, 0.5, 0.5))
    score = b_cubed(real, found)
    assert score.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert score.recall == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5)


def test_everything_right() -> None:
    assert pairwise(truth("a", "a", "b"), predicted("x", "x", "y")).f1 == 1.0
    assert b_cubed(truth("a", "a", "b"), predicted("x", "x", "y")).f1 == 1.0


def test_a_missing_record_is_a_cluster_of_its_own() -> None:
    score = pairwise(truth("a", "a", "a"), predicted("x", "x", None))
    assert (score.precision, score.recall, score.records) == (1.0, pytest.approx(1 / 3), 3)
    assert b_cubed(truth("a", "a", "a"), predicted("x", "x", None)).recall == pytest.approx(5 / 9)


def test_what_is_not_linkable_is_not_judged() -> None:
    score = pairwise(truth("a", "a", "b", linkable=[True, True, False]), predicted("x", "x", "x"))
    assert (score.precision, score.recall, score.records) == (1.0, 1.0, 2)
