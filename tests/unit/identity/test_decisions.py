"""Stewards' decisions: what contradicts them, what gone cards still say, and that every resolution honours them."""

import datetime as dt
from itertools import combinations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dagster_project.identity import Previous, Resolution, resolve
from dagster_project.identity.decisions import Decision, contradiction, in_force
from dagster_project.identity.model import Model
from tests.unit.identity.conftest import cards, decisions, identifiers

Pairs = list[tuple[int, int, str]]


def decided(*words: str) -> list[Decision]:
    """From words such as "a=b" and "b!c"."""
    return [
        Decision(
            f"D-{i}", ("s", word[0]), ("s", word[-1]), "same" if word[1] == "=" else "different", "ann", "why",
            dt.datetime(2026, 1, i, tzinfo=dt.UTC),
        )
        for i, word in enumerate(words, 1)
    ]  # fmt: skip


def chain(asked: str, *words: str) -> list[str]:
    verdict = "same" if asked[1] == "=" else "different"
    found = contradiction(decided(*words), verdict, ("s", asked[0]), ("s", asked[-1]))
    return [decision.decision_id for decision in found]


@pytest.mark.parametrize(
    ("asked", "words", "expected"),
    [
        ("a!c", ("a=b", "b=c"), ["D-1", "D-2"]),
        ("c!a", ("a=b", "b=c"), ["D-2", "D-1"]),
        ("a=c", ("a=b", "b!c"), ["D-1", "D-2"]),
        ("a=d", ("a=b", "c!b", "c=d"), ["D-1", "D-2", "D-3"]),
        ("a!b", ("a=b",), ["D-1"]),
        ("a=b", ("b!a",), ["D-1"]),
        ("a!d", ("a=b", "b=c", "c=d", "a=d"), ["D-4"]),  # the shortest
        ("a=c", ("a=b", "b=c"), []),
        ("a!c", ("a=b", "b!c"), []),
        ("a=c", ("a!b", "b!c"), []),  # two strangers of b may be one
        ("a!c", ("a!b", "b!c"), []),
        ("a=z", ("a=b", "c!b"), []),
    ],
)
def test_a_contradiction_is_a_chain_of_decisions(
    asked: str, words: tuple[str, ...], expected: list[str]
) -> None:
    assert chain(asked, *words) == expected


letters = st.sampled_from("abcdef")
statements = (
    st.tuples(letters, st.sampled_from("=!"), letters).filter(lambda word: word[0] != word[2]).map("".join)
)


def is_consistent(words: list[str]) -> bool:
    """Whether no two cards that `=` joins are held apart, by joining them all."""
    label = {letter: letter for letter in "abcdef"}
    for word in words:
        if word[1] == "=":
            joined, left = label[word[2]], label[word[0]]
            label = {letter: left if group == joined else group for letter, group in label.items()}
    return all(label[word[0]] != label[word[2]] for word in words if word[1] == "!")


@settings(max_examples=300, derandomize=True)
@given(st.lists(statements, max_size=12))
def test_exactly_what_would_contradict_is_refused(asked: list[str]) -> None:
    taken: list[str] = []
    for word in asked:
        refused = chain(word, *taken)
        assert bool(refused) is not is_consistent([*taken, word])
        if refused:
            # The chain alone is contradiction enough.
            said = [taken[int(decision_id[2:]) - 1] for decision_id in refused]
            assert not is_consistent([*said, word])
        else:
            taken.append(word)


def force(live: str, *rows: tuple[str, str, str, int]) -> set[tuple[str, str, str]]:
    table = in_force(decisions(*rows), {("s", letter) for letter in live})
    return {
        (*sorted((row["source_record_id_l"], row["source_record_id_r"])), row["verdict"])
        for row in table.to_pylist()
    }


def test_a_gone_card_still_speaks_for_those_it_joined() -> None:
    rows = (("a", "b", "same", 1), ("b", "c", "same", 2), ("c", "d", "same", 3), ("b", "x", "different", 4))
    assert force("abcdx", *rows) == {
        ("a", "b", "same"), ("b", "c", "same"), ("c", "d", "same"), ("b", "x", "different"),
    }  # fmt: skip
    assert force("adx", *rows) == {("a", "d", "same"), ("a", "x", "different")}
    assert force("ax", *rows) == {("a", "x", "different")}
    assert force("x", *rows) == set()
    assert force("d", *rows) == set()


def test_what_was_said_of_two_cards_themselves_goes_before_what_gone_ones_imply() -> None:
    rows = (("a", "b", "same", 1), ("b", "c", "same", 2), ("a", "c", "different", 3))
    assert force("ac", *rows) == {("a", "c", "different")}


def test_the_newer_of_two_decisions_on_a_pair_holds() -> None:
    assert force("ab", ("a", "b", "same", 1), ("b", "a", "different", 2)) == {("a", "b", "different")}


# -- through the whole resolution -------------------------------------------------------------

# Cards of one small world that clash: one person several times over, a household, nameless cards on a
# shared phone, a till receipt, companies with and without a tax number.
CARDS = 13


def world(number: int) -> list[dict[str, str | bool]]:
    phone, email = f"8916{4000000 + number * 1371}", f"world{number}@mail.example"
    family = (
        "".join("бвгдзклмнпрст"[int(digit)] + "ао"[int(digit) % 2] for digit in f"{number + 100}") + "нков"
    )
    ann = {"full_name": f"Анна {family}а", "phone": phone, "email": email}
    company = {"full_name": f"ООО {family}", "is_company": True}
    return [
        ann, ann, ann,
        {"full_name": f"Пётр {family}", "phone": phone, "email": email},
        {"phone": phone}, {"phone": phone}, {"email": email},
        {"full_name": f"Аня {family}а", "phone": phone},
        company | {"tax_id": f"{7700000000 + number}"}, company | {"tax_id": f"{7700000000 + number}"},
        company | {"tax_id": f"{7700000000 + number}", "phone": phone}, company,
        {"full_name": f"Мария {family}а", "loyalty_card": f"L{number}00", "parent_record_id": f"{number}-0"},
    ]  # fmt: skip


def customers(resolution: Resolution) -> dict[str, str]:
    return {row["source_record_id"]: row["customer_id"] for row in resolution.record_customers.to_pylist()}


def run(worlds: list[Pairs], model: Model, gone: frozenset[str] = frozenset(), **options) -> Resolution:  # type: ignore[no-untyped-def]
    rows = [
        card | {"source_record_id": f"{number}-{i}"}
        for number in range(len(worlds))
        for i, card in enumerate(world(number))
        if f"{number}-{i}" not in gone
    ]
    said = [
        (f"{number}-{a}", f"{number}-{b}", verdict, day)
        for number, pairs in enumerate(worlds)
        for day, (a, b, verdict) in enumerate(pairs, 1)
    ]
    return resolve(cards(*rows), identifiers(), model, decisions(*said), **options)


def groups_by_decision(pairs: Pairs) -> list[int]:
    """Cards joined by `same`, whatever `different` says; newest decision of a pair only."""
    newest = {frozenset((a, b)): verdict for a, b, verdict in pairs}
    label = list(range(CARDS))
    for pair, verdict in newest.items():
        if verdict == "same":
            a, b = (label[card] for card in pair)
            label = [a if one == b else one for one in label]
    return label


def broken(pairs: Pairs, number: int, found: dict[str, str]) -> list[str]:
    """Decisions that a resolution did not honour; `same` counts where nothing contradicts it."""
    newest = {frozenset((a, b)): verdict for a, b, verdict in pairs}
    label = groups_by_decision(pairs)
    torn = {
        label[a]
        for a, b in map(tuple, (p for p, v in newest.items() if v == "different"))
        if label[a] == label[b]
    }
    wrong = []
    for (a, b), verdict in ((tuple(sorted(pair)), verdict) for pair, verdict in newest.items()):
        is_one = found.get(f"{number}-{a}") == found.get(f"{number}-{b}")
        if verdict == "different" and is_one:
            wrong.append(f"{a} different {b}")
        if verdict == "same" and not is_one and label[a] not in torn:
            wrong.append(f"{a} same {b}")
    return wrong


some_pairs = st.lists(
    st.tuples(
        st.integers(0, CARDS - 1), st.integers(0, CARDS - 1), st.sampled_from(["same", "different"])
    ).filter(lambda pair: pair[0] != pair[1]),
    max_size=8,
)


# One resolution takes a second: many worlds in each, and no shrinking.
@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
@given(worlds=st.lists(some_pairs, min_size=25, max_size=25))
def test_every_resolution_honours_every_decision(worlds: list[Pairs], model: Model) -> None:
    found = customers(run(worlds, model))
    wrong = {n: broken(pairs, n, found) for n, pairs in enumerate(worlds)}
    assert {n: (lines, worlds[n]) for n, lines in wrong.items() if lines} == {}


def test_every_single_decision_is_honoured_on_every_kind_of_pair(model: Model) -> None:
    worlds: list[Pairs] = [
        [(a, b, verdict)] for a, b in combinations(range(CARDS), 2) for verdict in ("same", "different")
    ]
    found = customers(run(worlds, model))
    assert {n: worlds[n] for n, pairs in enumerate(worlds) if broken(pairs, n, found)} == {}


def test_decisions_outlive_cards_that_go_and_return(model: Model) -> None:
    # Petr's card joins Anna's by the nameless one; a company is held apart from its like.
    worlds: list[Pairs] = [[(0, 4, "same"), (4, 3, "same"), (8, 9, "different"), (3, 7, "different")]]
    worlds[0][3] = (11, 3, "different")
    first = run(worlds, model, run_id="r1")
    before = customers(first)
    assert before["0-0"] == before["0-4"] == before["0-3"] and before["0-8"] != before["0-9"]
    previous = Previous(first.record_customers, first.customers, first.departed)
    gone = frozenset({"0-4", "0-9"})
    second = run(worlds, model, gone, previous=previous, run_id="r2")
    between = customers(second)
    assert between == {record: customer for record, customer in before.items() if record not in gone}
    previous = Previous(second.record_customers, second.customers, second.departed)
    assert customers(run(worlds, model, previous=previous, run_id="r3")) == before


def test_rows_that_contradict_each_other_keep_apart_and_come_to_the_queue(model: Model) -> None:
    # As only SQL can write them: 0 = 3, 3 = 12, 0 ! 12. The newer of the two that join holds.
    result = run([[(0, 3, "same"), (3, 12, "same"), (0, 12, "different")]], model)
    found = customers(result)
    assert found["0-3"] == found["0-12"] != found["0-0"]
    (asked,) = [row for row in result.review_queue.to_pylist() if row["reason"] == "contradicting_decisions"]
    assert {asked["source_record_id_l"], asked["source_record_id_r"]} == {"0-0", "0-3"}
