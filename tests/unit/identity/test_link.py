"""Who is linked and who is not: rules, guards and sole holders, each both ways, by the whole resolution."""

import datetime as dt
from collections.abc import Callable

import pytest

from dagster_project.identity import resolve
from dagster_project.identity.company import Company
from dagster_project.identity.model import COMPARISONS, Model
from dagster_project.identity.placeholders import drop_placeholders
from tests.unit.identity.conftest import cards, decisions, identifiers, together
from tests.unit.identity.test_standardise import read

PHONE, OTHER_PHONE = "89165550142", "89031112233"
IVAN = {"full_name": "Иванов Иван Петрович", "phone": PHONE}
Groups = Callable[..., set[frozenset[str]]]


def linked(groups: Groups, *rows: dict, **options: object) -> bool:
    """Are the first two cards one customer?"""
    return any({"1", "2"} <= group for group in groups(*rows, **options))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (IVAN, {"full_name": "Ivan Ivanov", "phone": "+7 916 555-01-42"}),
        (IVAN, {"full_name": "Ваня", "phone": PHONE}),
        (IVAN, {"full_name": "Bdfyjd Bdfy", "phone": PHONE}),
        (
            {"full_name": "Анна Петрова", "email": "annap@ya.ru"},
            {"full_name": "Аня Сидорова", "email": "AnnaP@yandex.ru"},
        ),
        (
            {"full_name": "Анна Петрова", "loyalty_card": "7-700-1"},
            {"full_name": "Аня", "loyalty_card": "77001"},
        ),
        (
            {"full_name": "Анна Петрова", "tax_id": "770123456789"},
            {"full_name": "Анна Иванова", "tax_id": "770123456789"},
        ),
        ({"full_name": "Анна Петрова", "login_id": "anna"}, {"full_name": "Анна", "login_id": "Anna"}),
        (IVAN | {"parent_record_id": "2"}, {"full_name": "Смирнова Ольга"}),
        (
            IVAN | {"messenger_kind": "telegram", "messenger_id": "5"},
            {"messenger_kind": "Telegram", "messenger_id": "5"},
        ),
        (
            {"full_name": "Пржевальская Аграфена Кондратьевна", "city": "Омск"},
            {"full_name": "Аграфена Кондратьевна Пржевальская", "city": "Омск"},
        ),
        (
            {
                "full_name": "Щербакова Юлия",
                "birth_date": "1980-03-04",
                "street": "ул. Мира, д. 5, кв. 7",
                "city": "Омск",
            },
            {
                "full_name": "Julia Shcherbakova",
                "birth_date": "1980-04-03",
                "street": "Мира 5-7",
                "city": "Омск",
            },
        ),
        (
            {"full_name": "Мкртчян Эльвира", "email": "dragon_elya@bk.ru", "city": "Омск"},
            {"full_name": "Мкртчян Эльвира", "email": "dagon_elya@bk.ru", "city": "Омск"},
        ),
        (
            {"full_name": "Щербакова Юлия Олеговна", "birth_date": "1980-03-04"},
            {"full_name": "Щербакова Ю. О.", "birth_date": "1980-03-04"},
        ),
        # A card of one's own says more than a letter, which may be of another spelling or of the surname.
        (
            {"full_name": "Y. Ivanova", "loyalty_card": "77001"},
            {"full_name": "Елена Иванова", "loyalty_card": "77001"},
        ),
        (
            {"full_name": "Иванов С.", "loyalty_card": "77001"},
            {"full_name": "Саша Иванов", "loyalty_card": "77001"},
        ),
        (
            {"full_name": "Анна К.", "loyalty_card": "77001"},
            {"full_name": "Кузнецова А. С.", "loyalty_card": "77001"},
        ),
        (
            {"full_name": "Щербакова Юлия Олеговна", "birth_date": "1989-12-30", "city": "Омск"},
            {"full_name": "Щербакова Юлия Олеговна", "birth_date": "1989-12-12", "city": "Омск"},
        ),
    ],
    ids=str,
)
def test_one_person_is_linked(groups: Groups, one: dict, other: dict) -> None:
    assert linked(groups, one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (IVAN, {"full_name": "Иванова Мария", "phone": PHONE}),
        (IVAN | {"email": "ivi@bk.ru"}, {"full_name": "Иванов Игорь", "phone": PHONE, "email": "ivi@bk.ru"}),
        (IVAN, {"full_name": "Иванов Иван Сергеевич", "phone": PHONE}),
        (
            {"full_name": "Мария Котова", "loyalty_card": "77001"},
            {"full_name": "Марина Котова", "loyalty_card": "77001"},
        ),
        ({"full_name": "Иван Петров", "city": "Омск"}, {"full_name": "Иван Петров", "city": "Омск"}),
        (
            {"full_name": "Пржевальская Аграфена", "city": "Омск"},
            {"full_name": "Аграфена Пржевальская", "city": "Омск"},
        ),
        ({"full_name": "Смирнов Сергей Сергеевич"}, {"full_name": "Смирнов Сергей Сергеевич"}),
        (
            {"full_name": "Котов Олег", "birth_date": "1950-02-03", "street": "Мира 5-7"},
            {"full_name": "Котов Олег", "birth_date": "1985-11-27", "street": "Мира 5-7"},
        ),
        (
            {"full_name": "Иван Котов", "phone": "+7 999 999-99-99"},
            {"full_name": "Иван Котов", "phone": "+7 999 999-99-99"},
        ),
        (
            {"full_name": "Иван Котов", "email": "no@mail.ru"},
            {"full_name": "Иван Котов", "email": "no@mail.ru"},
        ),
        ({"full_name": "Иван Котов", "login_id": "x"}, {"full_name": "Пётр Белов", "login_id": "x"}),
        (
            {"full_name": "Олег Котов", "email": "oleg.kotov@bk.ru"},
            {"full_name": "Олег Котов", "email": "oleg.kotov@ya.ru"},
        ),
        (
            {"full_name": "Мкртчян Эльвира", "email": "dragon68@bk.ru", "city": "Омск"},
            {"full_name": "Мкртчян Эльвира", "email": "dragon69@bk.ru", "city": "Омск"},
        ),
        (
            {"full_name": "Щербакова Юлия Олеговна", "birth_date": "1980-03-04"},
            {"full_name": "Щербакова А. О.", "birth_date": "1980-03-04"},
        ),
        (
            {"full_name": "Щербакова Юлия Олеговна", "birth_date": "1980-03-04"},
            {"full_name": "Щербакова Ю. П.", "birth_date": "1980-03-04"},
        ),
        (
            {"full_name": "Щербакова Юлия Олеговна", "birth_date": "1989-12-30", "city": "Омск"},
            {"full_name": "Щербакова Юлия Олеговна", "birth_date": "1991-12-12", "city": "Омск"},
        ),
        (
            {"full_name": "Иванов Иван Иванович", "birth_date": "1950-03-14", "street": "Мира 5-7"},
            {"full_name": "Иванов Иван Иванович", "birth_date": "1985-03-14", "street": "Мира 5-7"},
        ),
    ],
    ids=str,
)
def test_two_people_are_not(groups: Groups, one: dict, other: dict) -> None:
    assert not linked(groups, one, other)


def test_a_household_stays_apart_though_a_third_card_fits_both(groups: Groups) -> None:
    home = {"street": "ул. Мира, д. 5, кв. 7", "city": "Омск", "phone": PHONE}
    found = groups(
        {"full_name": "Котов Олег", "email": "okot@bk.ru"} | home,
        {"full_name": "Котова Ольга", "email": "kotova@bk.ru"} | home,
        {"full_name": "О. Котов", "phone": PHONE},
    )
    assert not any({"1", "2"} <= group for group in found)


def test_a_number_joins_its_only_holder(groups: Groups) -> None:
    assert groups(IVAN, {"phone": "+79165550142"}) == {frozenset({"1", "2"})}


def test_a_number_of_two_people_joins_neither(groups: Groups) -> None:
    assert frozenset({"3"}) in groups(IVAN, {"full_name": "Иванова Мария", "phone": PHONE}, {"phone": PHONE})


def test_an_initial_tells_whose_number_it_is(groups: Groups) -> None:
    found = groups(
        IVAN, {"full_name": "Иванова Мария", "phone": PHONE}, {"full_name": "М. Иванова", "phone": PHONE}
    )
    assert frozenset({"2", "3"}) in found


def test_an_initial_may_be_of_two_letters(groups: Groups) -> None:
    found = groups(
        IVAN, {"full_name": "Иванова Юлия", "phone": PHONE}, {"full_name": "Ю. Иванова", "phone": PHONE}
    )
    assert frozenset({"2", "3"}) in found


@pytest.mark.parametrize(
    "names",
    [
        ("Щербакова Юлия", "Щербакова Юна", "Щербакова Ю."),
        ("Щербакова Юлия", "Щербакова А.", "Щербакова"),
        ("Щербакова Юлия Олеговна", "Щербакова Ю. П.", "Щербакова Ю."),
        ("Щербакова Анна О.", "Щербакова А. П.", "Щербакова А."),
    ],
    ids=str,
)
def test_two_of_a_surname_and_a_day_stay_apart_though_a_third_card_fits_both(
    groups: Groups, names: tuple[str, ...]
) -> None:
    found = groups(*({"full_name": name, "birth_date": "1980-03-04", "city": "Омск"} for name in names))
    assert not any({"1", "2"} <= group for group in found)


def test_a_number_that_passed_on_belongs_to_its_new_holder(groups: Groups) -> None:
    def seen(first: int, last: int) -> dict:
        return {
            "created_at": dt.datetime(first, 1, 1, tzinfo=dt.UTC),
            "updated_at": dt.datetime(last, 1, 1, tzinfo=dt.UTC),
        }

    found = groups(
        IVAN | seen(2018, 2019),
        {"full_name": "Анна Котова", "phone": PHONE} | seen(2023, 2025),
        {"phone": PHONE} | seen(2024, 2025),
    )
    assert frozenset({"2", "3"}) in found


def test_nameless_cards_with_one_contact_are_together(groups: Groups) -> None:
    assert groups({"phone": PHONE}, {"phone": "+7 916 5550142"}, {"phone": OTHER_PHONE}) == {
        frozenset({"1", "2"}),
        frozenset({"3"}),
    }


def test_more_phones_of_a_card_count(groups: Groups) -> None:
    assert linked(groups, IVAN, {"full_name": "Иван Иванов"}, identifiers=identifiers(("2", "phone", PHONE)))


def test_an_account_of_another_system_links_whoever_names_it(groups: Groups) -> None:
    held = identifiers(
        ("1", "account", "shop:user:17"), ("2", "account", "Shop:user:17"), ("2", "visitor", "0a1b"),
        ("3", "visitor", "0a1b"),
    )  # fmt: skip
    web = {"source_system": "web"}
    rows = held.to_pylist()
    held = held.set_column(
        0, "source_system", [["s" if r["source_record_id"] == "1" else "web" for r in rows]]
    )
    found = groups(IVAN, web | {"source_record_id": "2"}, web | {"source_record_id": "3"}, identifiers=held)
    # A browser by itself is nobody.
    assert found == {frozenset({"1", "2"}), frozenset({"3"})}


def test_orders_of_a_guest_are_one_profile_whatever_their_numbers(model: Model) -> None:
    held = identifiers(("1", "account", "shop:order:1"), ("2", "account", "shop:order:2"))
    found = resolve(cards(IVAN, IVAN), held, model)
    assert [edge["linked_by"] for edge in found.edges.to_pylist()] == ["deterministic:same_content"]
    assert not {row["kind"] for row in found.record_identifiers.to_pylist()} - {"phone"}


def test_companies_are_linked_by_tax_number_only(groups: Groups) -> None:
    firm = {"full_name": "ООО Ромашка", "is_company": True, "phone": PHONE}
    assert linked(
        groups, firm | {"tax_id": "7701234567"}, firm | {"tax_id": "7701234567", "phone": OTHER_PHONE}
    )
    assert not linked(groups, firm, firm)
    assert not linked(groups, firm, IVAN)


def test_the_companys_own_number_is_no_evidence(groups: Groups) -> None:
    cards_ = ({"full_name": "Иван Котов", "phone": PHONE}, {"full_name": "Иван Котов", "phone": PHONE})
    assert linked(groups, *cards_)
    assert not linked(groups, *cards_, company=Company(("8 (916) 555-01-42",)))


def test_a_value_that_too_many_names_share_is_learned_as_a_placeholder() -> None:
    names = ["Иван", "Олег", "Анна", "Мария", "Пётр", "Глеб", "Вера", "Нина", "Юрий", "Лев"]
    con = read(
        *({"full_name": f"{name} Котов{i}", "phone": "89161110022"} for i, name in enumerate(names)),
        *({"full_name": "Иван Белов", "phone": "89035554466"} for _ in range(40)),
    )
    drop_placeholders(con, [])
    assert con.execute("select value, reason from placeholders").fetchall() == [("+79161110022", "learned")]
    assert con.execute("select distinct value from held").fetchall() == [("+79035554466",)]


def test_structural_placeholders() -> None:
    fakes = [{"phone": phone} for phone in ("80000000000", "89999999999", "89161234567", "+7 912 345 67 890")]
    fakes += [
        {"email": f"{box}@{at}"}
        for box, at in (("no", "mail.ru"), ("test", "test.ru"), ("aaa", "bk.ru"), ("x1", "example.com"))
    ]
    con = read(*fakes, {"phone": PHONE, "email": "kotova@mail.ru"})
    drop_placeholders(con, [])
    assert con.execute("select value from held order by value").fetchall() == [
        ("+79165550142",),
        ("kotova@mail.ru",),
    ]


def test_a_default_birth_date_is_learned() -> None:
    days = [{"birth_date": f"19{50 + i % 40}-0{1 + i % 9}-1{i % 9}", "full_name": "Иван"} for i in range(200)]
    con = read(*days, *({"birth_date": "1985-01-01", "full_name": "Иван"} for _ in range(60)))
    drop_placeholders(con, [])
    assert con.execute("select count(*) from cards where birth_date = date '1985-01-01'").fetchall() == [(0,)]
    assert con.execute("select count(*) from cards where birth_date is not null").fetchall() == [(200,)]


def test_a_stewards_word_holds_against_any_evidence(groups: Groups) -> None:
    same = IVAN | {"email": "ivi@bk.ru"}
    assert linked(groups, same, same)
    assert not linked(groups, same, same, decisions=decisions(("1", "2", "different", 1)))
    stranger = {"full_name": "Анна Котова", "phone": OTHER_PHONE}
    assert linked(groups, IVAN, stranger, decisions=decisions(("2", "1", "same", 1)))
    assert not linked(
        groups, IVAN, stranger, decisions=decisions(("1", "2", "same", 1), ("2", "1", "different", 2))
    )


def test_what_is_held_apart_does_not_meet_by_a_third_card(groups: Groups) -> None:
    same = IVAN | {"email": "ivi@bk.ru"}
    found = groups(same, same, same, {"phone": PHONE}, decisions=decisions(("1", "2", "different", 1)))
    assert not any({"1", "2"} <= group for group in found)


def test_edges_say_why(model: Model) -> None:
    resolution = resolve(
        cards(
            IVAN, {"full_name": "Ivan Ivanov", "phone": PHONE}, {"full_name": "Мария Иванова", "phone": PHONE}
        ),
        identifiers(),
        model,
    )
    assert together(resolution) == {frozenset({"1", "2"}), frozenset({"3"})}
    edges = {(e["source_record_id_l"], e["source_record_id_r"]): e for e in resolution.edges.to_pylist()}
    assert edges["1", "2"]["linked_by"] == "deterministic:phone" and edges["1", "2"]["is_used"]
    levels = dict(zip(COMPARISONS, edges["1", "2"]["levels"].split(" "), strict=True))
    # Of phone's three levels the best; nothing is known of the address.
    assert (levels["phone"], levels["address"]) == ("c", "-")
    assert all(
        not e["is_used"] and e["rejected_by"] == "given_name_differs" for k, e in edges.items() if "3" in k
    )
