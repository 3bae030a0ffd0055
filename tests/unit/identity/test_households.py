"""Who lives with whom: recognised by home, house or contact, never merged, with an ID that lasts."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from dagster_project.identity import Previous, Resolution, resolve
from dagster_project.identity.households import MAX_SHARED
from dagster_project.identity.model import Model
from tests.unit.identity.conftest import cards, identifiers

HOME = {"street": "ул. Мира, д. 5, кв. 7", "city": "Омск"}
HOUSE = {"street": "ул. Лесная, д. 12", "city": "Тверь"}
PHONE = "89165550142"
IVAN = {"full_name": "Иванов Иван", "birth_date": "1970-03-04"}
ANNA = {"full_name": "Иванова Анна", "birth_date": "1972-05-06"}
OLGA = {"full_name": "Смирнова Ольга", "birth_date": "1975-07-08"}


def households(resolution: Resolution) -> set[frozenset[str]]:
    """The record IDs that are of one household."""
    records: dict[str, list[str]] = {}
    for row in resolution.record_customers.to_pylist():
        records.setdefault(row["customer_id"], []).append(row["source_record_id"])
    found: dict[str, set[str]] = {}
    for row in resolution.households.to_pylist():
        found.setdefault(row["household_id"], set()).update(records[row["customer_id"]])
    return {frozenset(group) for group in found.values()}


@pytest.mark.parametrize(
    ("one", "other", "evidence"),
    [
        (IVAN | HOME, ANNA | HOME, "home"),
        (IVAN | HOME, OLGA | {"street": "Мира 5-7", "city": "омск"}, "home"),
        (IVAN | HOUSE, ANNA | HOUSE, "house"),
        (IVAN | {"phone": PHONE}, ANNA | {"phone": "+7 916 555-01-42"}, "contact"),
        (IVAN | {"email": "ivanovy@bk.ru"}, ANNA | {"email": "ivanovy@bk.ru"}, "contact"),
        # Father and son of one name.
        (IVAN | HOME, {"full_name": "Иванов Иван", "birth_date": "1998-11-12"} | HOME, "home"),
    ],
    ids=str,
)
def test_people_who_live_together_are_a_household_and_stay_two(
    model: Model, one: dict, other: dict, evidence: str
) -> None:
    found = resolve(cards(one, other), identifiers(), model)
    assert found.counts["customers"] == 2
    assert households(found) == {frozenset({"1", "2"})}
    assert {(row["evidence"], row["members"]) for row in found.households.to_pylist()} == {(evidence, 2)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (IVAN | HOME, ANNA | HOME | {"city": "Пермь"}),
        (IVAN | HOME, ANNA | HOME | {"street": "Мира 5-8"}),
        (IVAN | HOUSE, OLGA | HOUSE),
        (IVAN | {"phone": PHONE}, OLGA | {"phone": PHONE}),
        # A mother gives her number for a daughter who lives elsewhere.
        (IVAN | HOME | {"phone": PHONE}, ANNA | {"phone": PHONE, "street": "Садовая 1-2", "city": "Омск"}),
        (IVAN | HOME | {"is_company": True}, ANNA | HOME),
        # A nameless card may be anybody's.
        (IVAN | HOME, {"phone": PHONE} | HOME),
        (IVAN | {"phone": "+7 999 999-99-99"}, ANNA | {"phone": "+7 999 999-99-99"}),
        ({"full_name": "Иванов Иван"} | HOME, {"full_name": "Иванов Ваня"} | HOME),
    ],
    ids=str,
)
def test_others_are_none(model: Model, one: dict, other: dict) -> None:
    assert households(resolve(cards(one, other), identifiers(), model)) == set()


NAMES = ["Иван", "Анна", "Ольга", "Пётр", "Мария", "Сергей", "Юлия", "Андрей", "Дарья", "Роман"]


@pytest.mark.parametrize(("people", "expected"), [(MAX_SHARED, 1), (MAX_SHARED + 1, 0)])
def test_a_dormitory_is_no_household(model: Model, people: int, expected: int) -> None:
    rows = [
        {"full_name": f"{name} Котов{'' if i else 'ский'}"} | HOME for i, name in enumerate(NAMES[:people])
    ]
    found = resolve(cards(*rows), identifiers(), model)
    assert len(households(found)) == expected
    reported = dict(found.household_report.select(["what", "count"]).to_pandas().itertuples(index=False))
    assert reported == ({} if expected else {"shared_by_too_many:home": 1})


def test_a_household_keeps_its_oldest_members_id(model: Model) -> None:
    def run(previous: Resolution | None, day: int, *rows: dict[str, Any]) -> Resolution:
        was = previous and Previous(previous.record_customers, previous.customers, previous.departed)
        return resolve(
            cards(*rows), identifiers(), model, previous=was, at=dt.datetime(2026, 1, day, tzinfo=dt.UTC)
        )

    def ids(resolution: Resolution) -> set[str]:
        return set(pa.table(resolution.households)["household_id"].to_pylist())

    first = run(None, 1, ANNA | HOME | {"source_record_id": "z1"}, IVAN | HOME | {"source_record_id": "z2"})
    (was,) = ids(first)
    child = {"full_name": "Иванов Пётр", "birth_date": "2001-01-02", "source_record_id": "a0"}
    second = run(
        first,
        2,
        child | HOME,
        ANNA | HOME | {"source_record_id": "z1"},
        IVAN | HOME | {"source_record_id": "z2"},
    )
    assert ids(second) == {was}
    assert households(second) == {frozenset({"a0", "z1", "z2"})}
