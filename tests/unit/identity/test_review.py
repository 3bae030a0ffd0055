"""What the guards cut reaches the review queue, with its reason, the most useful question first."""

import datetime as dt
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from dagster_project.identity import Resolution, resolution, resolve
from dagster_project.identity.cluster import cluster
from dagster_project.identity.decisions import DECISIONS
from dagster_project.identity.model import Model
from tests.unit.identity.conftest import cards, identifiers, together
from tests.unit.identity.people import company

ANNA = {"full_name": "Котова Анна"}
ONE, TWO = "770012345", "880023456"
# Two groups of two cards, each held together by a loyalty card, and a mailbox between them.
CHAIN = (
    ANNA | {"loyalty_card": ONE, "city": "Омск"},
    ANNA | {"loyalty_card": ONE, "email": "akot71@bk.ru"},
    ANNA | {"loyalty_card": TWO, "email": "akot71@bk.ru"},
    ANNA | {"loyalty_card": TWO, "city": "Тверь"},
)


def queue(found: Resolution) -> list[tuple[str, str, str]]:
    return [
        (row["source_record_id_l"], row["source_record_id_r"], row["reason"])
        for row in found.review_queue.to_pylist()
    ]


def decided(left: str, right: str, verdict: str) -> pa.Table:
    row = {
        "decision_id": f"D-{left}-{right}",
        "verdict": verdict,
        "decided_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    }
    row |= {f"source_system_{side}": "s" for side in "lr"}
    row |= {"source_record_id_l": left, "source_record_id_r": right, "revoked_at": None}
    return pa.Table.from_pylist([row], DECISIONS)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda **limits: monkeypatch.setattr(resolution, "cluster", partial(cluster, **limits))


def test_undisturbed_the_chain_is_one_customer(model: Model) -> None:
    found = resolve(cards(*CHAIN), identifiers(), model)
    assert together(found) == {frozenset("1234")} and queue(found) == []


def test_an_oversize_cluster_is_split_and_asked_about(model: Model, limits: Any) -> None:
    limits(max_size=2)
    found = resolve(cards(*CHAIN), identifiers(), model)
    assert sorted(map(len, together(found))) == [2, 2]
    ((_, _, reason),) = queue(found)
    assert reason == "cluster_too_large"
    (cut,) = [edge for edge in found.edges.to_pylist() if edge["rejected_by"] == "cluster_too_large"]
    assert not cut["is_used"]


def test_a_weak_bridge_is_cut_and_asked_about(model: Model, limits: Any) -> None:
    # With such a limit any lone link between two groups is a weak one.
    limits(bridge_strength=10_000.0)
    found = resolve(cards(*CHAIN), identifiers(), model)
    assert together(found) == {frozenset("12"), frozenset("34")}
    assert queue(found) == [("2", "3", "weak_bridge")]


def test_a_contradiction_within_a_cluster_is_cut_and_asked_about(model: Model) -> None:
    rows = (
        {"full_name": "Котова Анна", "loyalty_card": "77001"},
        {"full_name": "Котова А", "loyalty_card": "77001", "login_id": "kot"},
        {"full_name": "Котова Алла", "login_id": "kot"},
    )
    found = resolve(cards(*rows), identifiers(), model)
    assert not any({"1", "3"} <= group for group in together(found))
    assert [reason for *_, reason in queue(found)] == ["contradiction_in_cluster"]


@pytest.mark.parametrize("pair", [("2", "3"), ("1", "4")])
def test_what_a_steward_answered_is_not_asked_again(model: Model, limits: Any, pair: tuple[str, str]) -> None:
    limits(max_size=2)
    found = resolve(cards(*CHAIN), identifiers(), model, decided(*pair, "different"))
    assert sorted(map(len, together(found))) == [2, 2] and queue(found) == []


def test_every_cut_and_doubt_of_a_company_is_asked_once_the_most_useful_first(
    model: Model, limits: Any
) -> None:
    records, _, _ = company(150, seed=9)
    limits(max_size=3)
    found = resolve(records, identifiers(), model)
    gains = found.review_queue["gain"].to_pylist()
    assert gains and gains == sorted(gains, reverse=True) and min(gains) > 0
    customers = {
        (row["source_system"], row["source_record_id"]): row["customer_id"]
        for row in found.record_customers.to_pylist()
    }
    asked = [
        frozenset(customers[row[f"source_system_{side}"], row[f"source_record_id_{side}"]] for side in "lr")
        for row in found.review_queue.to_pylist()
    ]
    # Two customers, never one; and one question for two customers.
    assert all(len(pair) == 2 for pair in asked) and len(set(asked)) == len(asked)
    cuts = {
        frozenset(customers[row[f"source_system_{side}"], row[f"source_record_id_{side}"]] for side in "lr")
        for row in found.edges.to_pylist()
        if row["rejected_by"] in ("cluster_too_large", "weak_bridge", "contradiction_in_cluster")
    }
    assert {pair for pair in cuts if len(pair) == 2} <= set(asked)
    assert "cluster_too_large" in set(found.review_queue["reason"].to_pylist())
