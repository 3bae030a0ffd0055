"""One identifier in its one spelling: the same one by one and for a whole table of cards."""

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dagster_project.identity import canonical
from dagster_project.identity.identifiers import canonical_values
from tests.unit.identity.conftest import identifiers
from tests.unit.identity.test_standardise import EMAILS, PHONES, read

OTHERS = [
    ("loyalty_card", "№ 2900-0012 34", "2900001234"), ("loyalty_card", "ab-77", "AB77"),
    ("loyalty_card", "---", None), ("login", " Anna.O ", "anna.o"), ("visitor", "GA1.2", "ga1.2"),
    ("messenger", "Telegram:AnnaO", "telegram:annao"), ("tax_id", "7707 083 893", "7707083893"),
    ("tax_id", "77", None), ("shoe_size", "42", None), ("phone", "", None),
    ("phone", "8 916 123-45-67, +7 903 111 22 33", "+79161234567"), ("phone", "нет, +7 903 111 22 33", "+79031112233"),
]  # fmt: skip
CASES = [("phone", *case) for case in PHONES] + [("email", *case) for case in EMAILS] + OTHERS
# Digits, signs and words in any order.
PHONE_PARTS = [
    "8916",
    "+7",
    "+375",
    "00",
    "810",
    " ",
    "-",
    "(",
    ")",
    ",",
    " и ",
    "доб",
    "x",
    "т",
    *"0123456789",
]
EMAIL_PARTS = ["ivan", "А", ".", "-", "+shop", "@", "ya.ru", "gmail.com", "Mail.ry", " ", "<", "'", "ё"]


def texts(parts: list[str]) -> st.SearchStrategy[list[str]]:
    text = st.lists(st.sampled_from(parts), max_size=16).map("".join)
    return st.lists(text, min_size=1, max_size=30, unique=True)


written_phones, written_emails = texts(PHONE_PARTS), texts(EMAIL_PARTS)
# An example costs a session of DuckDB: no shrinking.
several = settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate], derandomize=True)


def test_each_case_has_its_spelling() -> None:
    assert [canonical(kind, written) for kind, written, _ in CASES] == [value for *_, value in CASES]


def test_company_phones_in_any_form() -> None:
    written = ["8 800 555-35-35", "88005553535", "+7 (495) 000-10-10", "", "x"]
    assert canonical_values("phone", written) == ["+78005553535", "+78005553535", "+74950001010", None, None]


def table_says(kind: str, written: list[str]) -> dict[str, list[tuple[str, bool]]]:
    """What `record_identifiers` has of cards that hold one written value each."""
    con = read(
        *({"source_record_id": str(i)} for i in range(len(written))),
        held=identifiers(*((str(i), kind, value) for i, value in enumerate(written))),
    )
    found: dict[str, list[tuple[str, bool]]] = {}
    for record, value, is_canonical in con.execute(
        "select source_record_id, value, is_canonical from record_identifiers order by value"
    ).fetchall():
        found.setdefault(written[int(record)], []).append((value, is_canonical))
    return found


def agree(kind: str, written: list[str]) -> None:
    found = table_says(kind, written)
    assert set(found) == {text for text in written if text.strip()}  # nothing disappears
    for text, value in zip(written, canonical_values(kind, written), strict=True):
        if value is not None:
            assert (value, True) in found[text]
        elif text.strip():
            assert found[text] == [(text.strip().lower(), False)]


def test_table_and_look_up_agree_on_the_cases() -> None:
    for kind in ("phone", "email", "loyalty_card", "login", "visitor", "messenger"):
        agree(kind, [written for case_kind, written, _ in CASES if case_kind == kind])


@several
@given(phones=written_phones, emails=written_emails)
def test_table_and_look_up_agree_on_anything(phones: list[str], emails: list[str]) -> None:
    agree("phone", phones)
    agree("email", emails)


@several
@given(phones=written_phones, emails=written_emails)
def test_a_canonical_value_is_its_own_spelling(phones: list[str], emails: list[str]) -> None:
    for kind, written in (("phone", phones), ("email", emails)):
        values = [value for value in canonical_values(kind, written) if value]
        assert canonical_values(kind, values) == values


def test_a_card_s_own_identifiers_are_main_and_companies_have_theirs() -> None:
    con = read(
        {"phone": "89161234567", "email": "A@ya.ru", "tax_id": "7707083893", "is_company": True},
        {"phone": "0000000000", "messenger_kind": "Telegram", "messenger_id": "55"},
        {"phone": "89161234567", "deleted_at": "2026-01-01 00:00:00+00"},
        held=identifiers(
            ("1", "phone", "+7 916 123 45 67"), ("1", "email", "b@ya.ru"), ("1", "phone", "Нет")
        ),
    )
    assert con.execute(
        "select source_record_id, kind, value, is_main, is_canonical from record_identifiers order by all"
    ).fetchall() == [
        ("1", "email", "a@yandex.ru", True, True),
        ("1", "email", "b@yandex.ru", False, True),
        ("1", "phone", "+79161234567", True, True),
        ("1", "phone", "нет", False, False),
        ("2", "messenger", "telegram:55", True, True),
        ("2", "phone", "0000000000", True, False),
    ]
