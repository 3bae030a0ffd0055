"""What names alone are worth is learned from dates of birth that are hidden, and holds where nothing else speaks."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from scipy.stats import binomtest

from dagster_project.identity import calibration, resolve
from dagster_project.identity.calibration import MIN_PAIRS, calibrate
from dagster_project.identity.engine import connect
from dagster_project.identity.model import Model
from dagster_project.identity.resolution import prepare
from tests.unit.identity.conftest import cards, identifiers, together

SURNAMES = [
    start + end
    for start in ("Бар", "Вол", "Гор", "Дуд", "Жар", "Зай", "Кам", "Лок", "Мур", "Ник", "Пан", "Рог")
    for end in ("анкин", "ельцов", "ищев", "оболев", "утьев")
]
Row = dict[str, Any]


def twice(is_one: Callable[[int], bool], people: int = len(SURNAMES)) -> list[Row]:
    """Two cards a surname, with nothing in common but the names: of one person or of two, as the dates say."""
    rows = []
    for i, surname in enumerate(SURNAMES[:people]):
        own = f"{1950 + i % 40}-0{1 + i % 9}-{10 + i % 17}"
        for born in (own, own if is_one(i) else f"1993-1{i % 3}-{27 - i % 17}"):
            rows.append({"given_name": "Игнат", "family_name": surname, "birth_date": born})
    return rows


def learned(model: Model, rows: list[Row]) -> Model:
    con = connect()
    prepare(con, cards(*rows), identifiers())
    before = con.sql("from profiles order by pid").to_arrow_table()
    tables = "select table_name from duckdb_tables() order by 1"
    found = calibrate(con, model)
    assert con.sql("from profiles order by pid").to_arrow_table().equals(before)
    assert not {"namesakes", "whole_profiles"} & {name for (name,) in con.execute(tables).fetchall()}
    return found


@pytest.fixture(scope="module", name="model")
def of_a_small_company(model: Model) -> Model:
    """The model of a company so small that names and a town are likely enough."""
    return replace(model, settings=model.settings | {"probability_two_random_records_match": 0.01})


@pytest.fixture(scope="module")
def trusting(model: Model) -> Model:
    """A model of a company where one name is one person."""
    return learned(model, twice(lambda _: True))


def test_where_one_name_is_one_person_names_alone_link(model: Model, trusting: Model) -> None:
    assert trusting.training["names"] == {
        "pairs": 60,
        "agreeing": 60,
        "from": pytest.approx(trusting.names_from),
    }
    rows = cards(
        {"full_name": "Камоболев Игнат", "city": "Мышкин"}, {"full_name": "Игнат Камоболев", "city": "Мышкин"}
    )
    by_trusting, by_model = (resolve(rows, identifiers(), m) for m in (trusting, model))
    assert together(by_trusting) == {frozenset("12")}
    assert [e["linked_by"] for e in by_trusting.edges.to_pylist()] == ["splink"]
    assert together(by_model) == {frozenset("1"), frozenset("2")}
    assert [r["reason"] for r in by_model.review_queue.to_pylist()] == ["name_alone"]


def test_what_contradicts_keeps_namesakes_apart_as_before(trusting: Model) -> None:
    card = {"full_name": "Камоболев Игнат", "city": "Мышкин"}
    for one, other in (
        ({"birth_date": "1980-03-14"}, {"birth_date": "1971-06-23"}),
        ({"middle_name": "Иванович"}, {"middle_name": "Сергеевич"}),
    ):
        assert len(together(resolve(cards(card | one, card | other), identifiers(), trusting))) == 2
    # No slip of a name is a name.
    other = card | {"full_name": "Камобалев Игнат"}
    assert len(together(resolve(cards(card, other), identifiers(), trusting))) == 2


def test_where_namesakes_abound_names_alone_link_nobody(model: Model) -> None:
    doubting = learned(model, twice(lambda i: i % 5 > 0))
    assert doubting.training["names"] == {"pairs": 60, "agreeing": 48, "from": None}
    assert doubting.names_from == inf
    rows = cards(
        {"full_name": "Камоболев Игнат", "city": "Мышкин"}, {"full_name": "Игнат Камоболев", "city": "Мышкин"}
    )
    assert len(together(resolve(rows, identifiers(), doubting))) == 2


def test_few_pairs_tell_nothing(model: Model) -> None:
    enough = learned(model, twice(lambda _: True, MIN_PAIRS))
    few = learned(model, twice(lambda _: True, MIN_PAIRS - 1))
    assert (enough.names_from < inf, few.names_from) == (True, inf)


@pytest.mark.parametrize(("wrong", "is_enough"), [(1, True), (2, False)])
def test_the_share_is_the_lower_end_of_wilsons_interval(model: Model, wrong: int, is_enough: bool) -> None:
    # The interval is two-sided: a fifth of doubt on each side.
    lower = binomtest(60 - wrong, 60).proportion_ci(confidence_level=0.6, method="wilson").low
    assert (lower >= calibration.MIN_SHARE) == is_enough
    found = learned(model, twice(lambda i: i >= wrong))
    assert found.training["names"]["agreeing"] == 60 - wrong
    assert (found.names_from < inf) == is_enough


def test_sure_pairs_do_not_answer_for_doubtful_ones(model: Model) -> None:
    """Those with a town in common are likelier, and all one person; of the others, hardly any is."""
    sure = twice(lambda _: True)
    for row in sure:
        row["city"] = "Мышкин"
    doubtful = [row | {"given_name": "Ипат"} for row in twice(lambda i: i > 1, MIN_PAIRS + 5)]
    first = learned(model, sure).names_from
    assert learned(model, sure + twice_of("Ипат", lambda i: i % 3 == 0)).names_from == pytest.approx(
        first, abs=1.5
    )
    assert learned(model, sure + doubtful).names_from < first


def twice_of(given: str, is_one: Callable[[int], bool]) -> list[Row]:
    return [row | {"given_name": given} for row in twice(is_one, MIN_PAIRS)]


def test_a_slip_in_a_date_is_no_other_person(model: Model) -> None:
    rows = twice(lambda _: True)
    for row in rows[1::2]:
        year, month, day = row["birth_date"].split("-")
        row["birth_date"] = f"{year}-{month}-{day[0]}{(int(day[1]) + 1) % 10}"
    assert learned(model, rows).training["names"]["agreeing"] == 60


def test_a_shared_phone_is_more_than_names(model: Model) -> None:
    rows = twice(lambda _: True)
    for i, row in enumerate(rows):
        row["phone"] = f"+79161234{i // 2:03d}"
    assert learned(model, rows).training["names"]["pairs"] == 0


def test_many_namesakes_are_sampled(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MAX_PAIRS", 20)
    found = learned(model, twice(lambda _: True)).training["names"]
    assert 5 <= found["pairs"] <= 40


def test_what_was_learned_is_part_of_the_version(model: Model, trusting: Model) -> None:
    doubting = learned(model, twice(lambda i: i % 5 > 0))
    assert len({model.version, trusting.version, doubting.version}) == 3
    assert trusting.version == learned(model, twice(lambda _: True)).version
    # A model of before knows nothing of it.
    assert replace(trusting, training={}).names_from == inf


def test_what_was_learned_is_told_in_words(model: Model, trusting: Model) -> None:
    doubting = replace(model, training={"names": {"pairs": 1200, "agreeing": 700, "from": None}})
    assert calibration.in_words(model).endswith("did not learn what they are worth.")
    assert calibration.in_words(doubting).startswith("Names alone link nobody: of 1,200 pairs")
    assert f"match weight of {trusting.names_from:.1f} on: of 60 pairs" in calibration.in_words(trusting)
