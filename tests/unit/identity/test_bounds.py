"""Input at its worst: nothing, one card, nulls, equal cards, one value that every card has. Pairs stay bounded."""

from collections.abc import Callable
from typing import Any

import pytest

from dagster_project.identity import resolve
from dagster_project.identity.link import MAX_BLOCK, MAX_SHARED
from dagster_project.identity.model import Model
from tests.unit.identity.conftest import cards, identifiers
from tests.unit.identity.people import MEN, SURNAMES

N = 400
NAMES = [f"{family} {given}" for family in SURNAMES for given in MEN][:N]
assert len(set(NAMES)) == N
Card = Callable[[int], dict[str, Any]]


def test_one_card_is_one_customer(model: Model) -> None:
    found = resolve(cards({"full_name": "Иванов Иван"}), identifiers(), model)
    assert found.counts["customers"] == found.counts["largest_cluster"] == 1
    assert found.record_customers["linked_by"].to_pylist() == ["alone"]
    assert found.edges.num_rows == found.review_queue.num_rows == found.households.num_rows == 0


@pytest.mark.parametrize("field", ["full_name", "phone", "birth_date", "street"])
def test_cards_of_nulls_stay_alone(model: Model, field: str) -> None:
    found = resolve(cards(*({field: None} for _ in range(5))), identifiers(), model)
    assert found.counts["customers"] == 5 and found.counts["candidate_pairs"] == 0


def test_equal_cards_with_a_contact_are_one_person(model: Model) -> None:
    card = {"full_name": "Иванов Иван", "phone": "89165550142"}
    found = resolve(cards(*[card] * 30), identifiers(), model)
    assert found.counts["customers"] == 1 and found.counts["candidate_pairs"] == 0
    assert found.counts["largest_cluster"] == 30


def test_equal_cards_of_a_bare_name_prove_nothing(model: Model) -> None:
    found = resolve(cards(*[{"full_name": "Иванов Иван"}] * 30), identifiers(), model)
    assert found.counts["customers"] == 30


@pytest.mark.parametrize(
    ("card", "customers", "reported"),
    [
        # A placeholder, learned from the many names.
        (lambda i: {"full_name": NAMES[i], "phone": "89165550142"}, N, None),
        (lambda i: {"full_name": NAMES[i], "email": "kassa@shop.ru"}, N, None),
        (lambda i: {"full_name": NAMES[i], "birth_date": "1980-01-01"}, N, None),
        (lambda i: {"full_name": NAMES[i], "street": "Мира 5-7", "city": "Омск"}, N, None),
        # No name says how many people these are: too many cards to be one.
        (lambda i: {"phone": "89165550142", "city": f"город {i}"}, N, "shared:phone"),
        (lambda i: {"email": "kotov81@bk.ru", "city": f"город {i}"}, N, "shared:email"),
        # One name on every card, and nothing else.
        (
            lambda i: {"full_name": "Иван Котов", "city": "Омск", "email": f"k{i * 7919}@bk.ru"},
            N,
            "names+city",
        ),
    ],
)
def test_a_value_that_every_card_has_is_dropped_and_reported(
    model: Model, card: Card, customers: int, reported: str | None
) -> None:
    found = resolve(cards(*map(card, range(N))), identifiers(), model)
    assert found.counts["customers"] == customers
    assert found.counts["candidate_pairs"] <= N * MAX_BLOCK
    dropped = {row["rule"]: row["dropped_profiles"] for row in found.blocking_report.to_pylist()}
    if reported:
        assert dropped[reported] == N
    else:
        assert found.placeholders.num_rows == 1 or dropped == {} or set(dropped.values()) == {N}


def test_a_shared_value_counts_up_to_the_limit(model: Model) -> None:
    """A regular customer's nameless receipts are one customer; a number beyond the limit is nobody's."""

    def customers(receipts: int) -> int:
        rows = ({"phone": "89165550142", "city": f"город {i}"} for i in range(receipts))
        return resolve(cards(*rows), identifiers(), model).counts["customers"]

    assert customers(MAX_SHARED) == 1
    assert customers(MAX_SHARED + 1) == MAX_SHARED + 1
