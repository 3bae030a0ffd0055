"""A steward's work on a real PostgreSQL: decisions, the queue, why two cards are one customer or are not."""

import datetime as dt
import itertools
import random
from math import log2
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.errors import IdentityError, WarehouseError
from dagster_project.identity import decisions, explain, refresh, review, store, train, waterfall
from dagster_project.identity.decisions import Key
from dagster_project.identity.link import RULE_STRENGTH
from dagster_project.identity.references import find
from dagster_project.identity.standardise import IDENTIFIER_COLUMNS, RECORD_COLUMNS
from dagster_project.warehouse import Warehouse
from tests.integration.identity.test_refresh import do, ids, rows
from tests.unit.identity.people import company

# Ann in three systems, her namesake, her husband on her phone, a nameless call of the family's phone, two cards of
# one firm; everyone else is invented by people.py, so that the model has something to learn from.
PHONE, OTHER_PHONE = "89165550142", "89031112233"
OWN = [
    ("crm", "ann", {"full_name": "Орлова Анна Ивановна", "phone": PHONE, "email": "a.orl@bk.ru", "birth_date": "1990-05-05"}),
    ("shop", "ann", {"full_name": "Анна Орлова", "phone": PHONE, "email": "a.orl+shop@bk.ru"}),
    ("erp", "ann", {"full_name": "Аня Орлова", "email": "a.orl@bk.ru", "phone": OTHER_PHONE}),
    ("crm", "namesake", {"full_name": "Анна Орлова", "city": "Тверь"}),
    ("crm", "petr", {"full_name": "Пётр Орлов", "phone": PHONE}),
    ("tel", "call:1", {"phone": "+7 916 555-01-42"}),
    ("tel", "call:2", {"phone": OTHER_PHONE}),
    ("erp", "firm:1", {"full_name": "ООО Маяк", "is_company": True, "tax_id": "7712345678"}),
    ("erp", "firm:2", {"full_name": "Маяк", "is_company": True, "tax_id": "7712345678"}),
]  # fmt: skip
ANN, SHOP, ERP, NAMESAKE = ("crm", "ann"), ("shop", "ann"), ("erp", "ann"), ("crm", "namesake")
PETR, CALL, FIRM, FIRM_TOO = ("crm", "petr"), ("tel", "call:1"), ("erp", "firm:1"), ("erp", "firm:2")


def fill(warehouse: Warehouse) -> None:
    crowd, _, _ = company(60, seed=5)
    cards = crowd.to_pylist() + [
        {
            "source_system": system,
            "source_record_id": record,
            "created_at": dt.datetime(2026, 1, day, tzinfo=dt.UTC),
        }
        | values
        for day, (system, record, values) in enumerate(OWN, 1)
    ]
    kinds: dict[str, Any] = {"is_company": pa.bool_()} | dict.fromkeys(
        ("created_at", "updated_at", "deleted_at"), pa.timestamp("us", tz="UTC")
    )
    columns = {
        name: pa.array([card.get(name) for card in cards], kinds.get(name, pa.string()))
        for name in RECORD_COLUMNS
    }
    warehouse.write(pa.table(columns), "intermediate", "customer_records")
    none = pa.table({name: pa.array([], pa.string()) for name in IDENTIFIER_COLUMNS})
    warehouse.write(none, "intermediate", "customer_record_identifiers")


@pytest.fixture(scope="module")
def linked(warehouse: Warehouse) -> Warehouse:
    """The cards, linked once; tests that decide revoke what they decided."""
    from dagster_project.config import source_contracts
    from dagster_project.warehouse import schema

    with warehouse.begin() as connection:
        for name in schema.SCHEMAS:
            connection.execute(sa.text(f"drop schema if exists {name} cascade"))
        schema.prepare(connection, list(source_contracts()))
    fill(warehouse)
    refresh(warehouse, "r1")
    return warehouse


@pytest.fixture
def steward(linked: Warehouse) -> Any:
    yield linked
    for decision in decisions.all_decisions(linked):
        decisions.revoke(linked, decision.decision_id, "test")
    if rows(linked, "select run_id from identity.runs order by started_at desc limit 1")[0][0] not in (
        "r1",
        "back",
    ):
        refresh(linked, "back")


def say(warehouse: Warehouse, verdict: str, left: Key, right: Key) -> str:
    return decisions.decide(warehouse, verdict, left, right, "she said so", "ann")[0].decision_id


def test_a_decision_holds_from_the_next_refresh_through_retraining_until_revoked(steward: Warehouse) -> None:
    before = ids(steward)
    assert before[ANN] == before[SHOP] == before[ERP] != before[NAMESAKE]
    assert before[FIRM] == before[FIRM_TOO]
    joined = say(steward, "same", ANN, NAMESAKE)
    say(steward, "different", ANN, SHOP)
    say(steward, "different", FIRM, FIRM_TOO)
    assert ids(steward) == before  # nothing before the next refresh
    refresh(steward, "r2")
    after = ids(steward)
    assert after[ANN] == after[NAMESAKE] != after[SHOP]
    assert after[FIRM] != after[FIRM_TOO]
    assert {key for key in before if key[1] not in ("ann", "namesake", "firm:2", "firm:1")} <= {
        key for key in before if before[key] == after[key] or key[0] == "tel"
    }
    assert rows(
        steward, "select linked_by from identity.record_customers where source_record_id = 'namesake'"
    ) == [("steward",)]
    train(steward)
    refresh(steward, "r3")
    again = ids(steward)
    assert again[ANN] == again[NAMESAKE] != again[SHOP] and again[FIRM] != again[FIRM_TOO]
    decisions.revoke(steward, joined, "bob")
    refresh(steward, "r4")
    assert ids(steward)[ANN] != ids(steward)[NAMESAKE]
    (kept,) = [d for d in decisions.all_decisions(steward) if d.decision_id == joined]
    assert (kept.author, kept.reason, kept.revoked_by) == ("ann", "she said so", "bob")


def test_the_same_decision_again_is_none(steward: Warehouse) -> None:
    first = say(steward, "different", ANN, PETR)
    again, is_new = decisions.decide(steward, "different", PETR, ANN, "once more", "bob")
    assert (again.decision_id, is_new) == (first, False)
    assert decisions.revoke(steward, first, "bob")[1] and not decisions.revoke(steward, first, "bob")[1]
    assert decisions.decide(steward, "different", PETR, ANN, "anew", "bob")[1]


def test_a_contradiction_is_refused_by_its_chain(steward: Warehouse) -> None:
    one, two = say(steward, "same", ANN, SHOP), say(steward, "same", SHOP, NAMESAKE)
    with pytest.raises(IdentityError) as raised:
        say(steward, "different", NAMESAKE, ANN)
    assert raised.value.problem == (
        "crm/namesake different crm/ann contradicts what was decided: "
        f"shop/ann same crm/namesake ({two}), crm/ann same shop/ann ({one})."
    )
    apart = say(steward, "different", NAMESAKE, PETR)
    with pytest.raises(IdentityError, match=rf"crm/namesake different crm/petr \({apart}\)"):
        say(steward, "same", PETR, ANN)
    assert len([d for d in decisions.all_decisions(steward) if d.revoked_at is None]) == 3


@pytest.mark.parametrize(
    ("left", "right", "reason", "problem"),
    [
        (ANN, ANN, "why", "Both are crm/ann"),
        (ANN, SHOP, "  ", "needs its reason"),
    ],
)
def test_what_is_no_decision(linked: Warehouse, left: Key, right: Key, reason: str, problem: str) -> None:
    with pytest.raises(IdentityError, match=problem):
        decisions.decide(linked, "same", left, right, reason, "ann")
    with pytest.raises(IdentityError, match="no decision D-none"):
        decisions.revoke(linked, "D-none", "ann")


def test_who_is_meant(linked: Warehouse) -> None:
    customers = ids(linked)
    assert find(linked, "crm/ann").records == (ANN,)
    assert find(linked, customers[ANN]).record == ANN  # the oldest
    assert find(linked, "8 903 111-22-33").records == (ERP, ("tel", "call:2"))
    assert find(linked, "A.Orl+news@bk.ru").customer_id == customers[ANN]
    for asked, problem in (
        ("crm/nobody", "No record is called crm/nobody"),
        ("abc/ann", "No record is called abc/ann"),
        ("C-NOBODY", "No customer or record is called"),
        ("+7 999 000 00 00", "No card has the phone"),
        (PHONE, f"customers have the phone {PHONE}"),
    ):
        with pytest.raises(IdentityError, match=problem.replace("+", r"\+")):
            find(linked, asked)
    with pytest.raises(IdentityError) as raised:
        find(linked, "abc/ann")
    assert "crm, erp, shop, tel" in raised.value.remedy


def test_a_gone_card_can_be_decided_on(steward: Warehouse) -> None:
    do(
        steward,
        "update intermediate.customer_records set deleted_at = now() where source_record_id = 'namesake'",
    )
    refresh(steward, "gone")
    assert find(steward, "crm/namesake").customer_id is None
    say(steward, "same", ANN, NAMESAKE)
    do(steward, "update intermediate.customer_records set deleted_at = null")
    refresh(steward, "returned")
    assert ids(steward)[ANN] == ids(steward)[NAMESAKE]


# -- why and review --------------------------------------------------------------------------


def test_one_customer_is_told_by_its_path(linked: Warehouse) -> None:
    answer = explain.why(linked, find(linked, "tel/call:2"), find(linked, "crm/ann"))
    assert answer.is_one
    first, second = answer.steps
    assert (first.left, first.right, first.linked_by) == (("tel", "call:2"), ERP, "deterministic:sole_holder")
    assert first.shared == (("phone", "+79031112233"),) and first.weights == ()
    assert (second.left, second.right, second.linked_by) == (ERP, ANN, "deterministic:email")
    assert second.weights[0].comparison == "prior" and second.weights[0].bits < 0
    assert sum(weight.bits for weight in second.weights) == pytest.approx(second.match_weight, abs=0.01)
    assert {weight.comparison: weight.level for weight in second.weights}["email"] == "same"
    picture = waterfall.waterfall([second])
    assert picture.startswith(b"\x89PNG") and len(picture) > 5000
    assert [
        step.linked_by
        for step in explain.why(linked, find(linked, "erp/firm:1"), find(linked, "erp/firm:2")).steps
    ] == ["deterministic:tax_id"]


@pytest.mark.parametrize(
    ("left", "right", "is_stored", "reason"),
    [
        (ANN, PETR, True, "given_name_differs"),
        (CALL, ANN, False, "no_sole_holder"),
        (NAMESAKE, PETR, False, "never_met"),
    ],
)
def test_two_customers_are_told_by_what_keeps_them_apart(
    linked: Warehouse, left: Key, right: Key, is_stored: bool, reason: str
) -> None:
    answer = explain.why(linked, find(linked, decisions.spelt(left)), find(linked, decisions.spelt(right)))
    assert not answer.is_one and not answer.kept_apart_by
    (pair,) = answer.steps
    assert (pair.is_stored, pair.rejected_by) == (is_stored, reason)
    assert sum(weight.bits for weight in pair.weights) == pytest.approx(pair.match_weight, abs=0.01)
    assert pair.in_words == explain.REASONS[reason]


def test_a_company_and_a_person_cannot_be_compared(linked: Warehouse) -> None:
    assert explain.why(linked, find(linked, "erp/firm:1"), find(linked, "crm/ann")).steps == ()


def test_a_stewards_word_is_part_of_the_answer(steward: Warehouse) -> None:
    say(steward, "same", NAMESAKE, PETR)
    apart = say(steward, "different", ANN, ERP)
    refresh(steward, "r2")
    joined = explain.why(steward, find(steward, "crm/petr"), find(steward, "crm/namesake"))
    assert [step.linked_by for step in joined.steps] == ["steward"]
    assert "ann decided that they are the same: she said so" in joined.steps[0].in_words
    torn = explain.why(steward, find(steward, "crm/ann"), find(steward, "erp/ann"))
    assert [decision.decision_id for decision in torn.kept_apart_by] == [apart]
    assert torn.steps[0].rejected_by == "kept_apart_by_steward"


def test_every_rule_and_every_reason_has_words(linked: Warehouse) -> None:
    assert set(explain.RULES) == set(RULE_STRENGTH)
    reasons = rows(
        linked,
        "select rejected_by from identity.edges where rejected_by is not null union select reason from identity.review_queue",
    )
    assert len(reasons) > 2 and {reason for (reason,) in reasons} <= set(explain.REASONS)


def test_one_card_is_no_question(linked: Warehouse) -> None:
    customer = ids(linked)[ANN]
    for left, right in (("crm/ann", "crm/ann"), (customer, customer)):
        with pytest.raises(IdentityError, match="one and the same"):
            explain.why(linked, find(linked, left), find(linked, right))


def test_the_queue_shrinks_with_each_decision(steward: Warehouse) -> None:
    pairs, total = review.waiting(steward, 1000)
    assert len(pairs) == total > 1
    assert [pair.gain for pair in pairs] == sorted((pair.gain for pair in pairs), reverse=True)
    asked = {frozenset((pair.left, pair.right)) for pair in pairs}
    first = pairs[0]
    assert review.queued_for(steward, first.right, first.left) == first.reason
    say(steward, "different", first.right, first.left)
    assert {frozenset((pair.left, pair.right)) for pair in review.waiting(steward, 1000)[0]} == asked - {
        frozenset((first.left, first.right))
    }
    assert review.waiting(steward, 1)[1] == total - 1


def test_cards_side_by_side(linked: Warehouse) -> None:
    shop, gone = review.cards(linked, [SHOP, ("crm", "nobody")])
    assert shop.values["full_name"] == "Анна Орлова" and shop.values["phone"] == "+79165550142"
    assert shop.cards_of_customer == 4 and shop.customer_id == ids(linked)[SHOP]
    assert (gone.customer_id, gone.values) == (None, {})


def test_the_path_is_the_strongest_and_of_those_the_shortest(linked: Warehouse) -> None:
    """Random graphs of one customer against every simple path."""
    draw = random.Random(1)
    nodes = [("x", letter) for letter in "abcdef"]
    tables = "identity.edges", "identity.record_customers"
    for number in range(12):
        edges = {
            pair: draw.choice([3.0, 5.0, 5.0, 9.0])
            for pair in itertools.combinations(nodes, 2)
            if draw.random() < 0.5
        }
        with linked.begin() as connection:
            for (left, right), weight in edges.items():
                connection.execute(
                    sa.text(
                        "insert into identity.edges values (:a, :b, :c, :d, 'splink', :w, 0.9, true, null, null, 'r')"
                    ),
                    dict(zip("abcdw", (*left, *right, weight), strict=True)),
                )
            for system, record in nodes:
                connection.execute(
                    sa.text(
                        "insert into identity.record_customers values (:s, :r, 'C-X', 'splink', 0.9, 'r')"
                    ),
                    {"s": system, "r": record},
                )
        for left, right in itertools.permutations(nodes, 2):
            found = rows(linked, f"select * from identity.link_path('x', '{left[1]}', 'x', '{right[1]}')")
            best = best_path(edges, nodes, left, right)
            if best is None:
                assert found == [], number
                continue
            assert [row[0] for row in found] == list(range(1, len(found) + 1))
            walked = [(row[1], row[2]) for row in found] + [right]
            assert walked[0] == left and [(row[3], row[4]) for row in found] == walked[1:]
            assert (min(row[6] for row in found), len(found)) == best, number
        for table in tables:
            side = "source_system_l" if table.endswith("edges") else "source_system"
            do(linked, f"delete from {table} where {side} = 'x'")


def best_path(edges: dict, nodes: list[Key], left: Key, right: Key) -> tuple[float, int] | None:
    """(weakest link, steps) of the best path, by trying every one."""
    best = None
    between = [node for node in nodes if node not in (left, right)]
    for length in range(len(between) + 1):
        for middle in itertools.permutations(between, length):
            steps = [tuple(sorted(step)) for step in itertools.pairwise((left, *middle, right))]
            if all(step in edges for step in steps):
                found = (min(edges[step] for step in steps), -len(steps))
                best = max(best, found) if best else found
    return None if best is None else (best[0], -best[1])


def test_no_path_leads_to_another_customer(linked: Warehouse) -> None:
    assert rows(linked, "select * from identity.link_path('crm', 'ann', 'crm', 'petr')") == []
    assert rows(linked, "select * from identity.link_path('crm', 'ann', 'crm', 'nobody')") == []
    assert rows(linked, "select * from identity.link_path('crm', 'ann', 'crm', 'ann')") == []


def test_the_weights_of_an_edge_add_up(linked: Warehouse) -> None:
    edges = rows(linked, "select count(*) from identity.edges where levels is not null")[0][0]
    sums = rows(
        linked,
        "select abs(sum(weight) - max(match_weight)) from identity.edge_comparisons join identity.edges using "
        "(source_system_l, source_record_id_l, source_system_r, source_record_id_r) group by source_system_l, "
        "source_record_id_l, source_system_r, source_record_id_r",
    )
    assert len(sums) == edges > 50 and max(difference for (difference,) in sums) < 0.01
    # They are Splink's own: what is left of its match weight is the prior of its model, on every edge.
    prior = store.read_model(linked).settings["probability_two_random_records_match"]
    left = rows(
        linked, "select min(weight), max(weight) from identity.edge_comparisons where comparison = 'prior'"
    )
    assert left[0] == pytest.approx((log2(prior / (1 - prior)),) * 2, abs=0.01)
    assert rows(
        linked, "select bool_or(levels ~ '[a-z][0-9]'), bool_or(levels ~ '[a-z]-[0-9]') from identity.edges"
    ) == [(True, True)]


# -- the commands ----------------------------------------------------------------------------


@pytest.fixture
def command(steward: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("dagster_project.warehouse.open_current", lambda *_: steward)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_the_commands_of_a_steward(command: Any, steward: Warehouse, tmp_path: Any) -> None:
    customer = ids(steward)[ANN]
    said = command(
        "decide", "different", customer, "crm/petr", "--reason", "spoke to both", "--author", "eva"
    )
    assert f"{customer} stands for its oldest record, crm/ann." in said
    assert "Decided: crm/ann different crm/petr (D-" in said and "next refresh" in said
    assert "decided before, by eva" in command(
        "decide", "different", "crm/petr", "crm/ann", "--reason", "again"
    )
    with pytest.raises(IdentityError, match="is a phone, not a record"):
        command("decide", "same", OTHER_PHONE, "crm/ann", "--reason", "x")
    listed = command("decide", "list")
    assert "crm/ann different crm/petr" in listed and "from the next refresh" in listed
    number = listed.split()[0]
    assert "Revoked: crm/ann different crm/petr" in command("decide", "revoke", number)
    assert "nothing to do" in command("decide", "revoke", number)
    assert number not in command("decide", "list") and number in command("decide", "list", "--all")

    queue = command("review", "2")
    assert queue.count("gain") == 2 and "Look closer: c360 review" in queue
    pair = command("review", "crm/ann", "crm/petr")
    assert "Орлова Анна Ивановна" in pair and "Пётр Орлов" in pair
    assert "c360 decide same crm/ann crm/petr --reason" in pair and "two different first names" in pair

    chart = tmp_path / "w.png"
    one = command("why", "crm/ann", "shop/ann", "--chart", str(chart))
    assert f"One customer, {customer}: 1 step joins them." in one and "together" in one
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert "Two customers" in command("why", "crm/ann", "crm/petr")


def test_before_the_first_refresh_it_says_what_to_do(clean_warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="No cards were linked"):
        find(clean_warehouse, "crm/ann")
