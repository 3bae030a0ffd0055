"""Two records' values and the level of likeness they have; the order in which keys spend the budget of pairs."""

from typing import Any

import duckdb
import pytest

from dagster_project.identity.engine import connect
from dagster_project.identity.files import block, compare, fit, prepare
from dagster_project.identity.files.compare import Comparison, Design

Made = tuple[Comparison, list[compare.Key], dict[str, str]]


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = connect()
    for macro in compare.MACROS:
        con.execute(macro)
    return con


def level(con: duckdb.DuckDBPyConnection, made: Made, one: dict[str, Any], other: dict[str, Any]) -> str:
    """The label of the level of `one` and `other` (columns of a file), or `missing`."""
    comparison, _, columns = made
    sides = []
    for values, side in ((one, "l"), (other, "r")):
        literals = ", ".join(f"{_literal(value)} as {name}" for name, value in values.items())
        made_columns = ", ".join(f"{sql} as {name}_{side}" for name, sql in columns.items())
        sides.append(f"(select {made_columns} from (select {literals}))")
    found = con.execute(f"select {fit.levels_sql([comparison])} from {sides[0]} l, {sides[1]} r").fetchall()[
        0
    ][0]
    return "missing" if found == fit.NOTHING else comparison.levels[found][0]


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"cast([{', '.join(map(_literal, value))}] as varchar[])"
    return "cast(null as varchar)" if value is None else repr(value)


def names(given: str, known: bool) -> dict[str, Any]:
    return {
        "given": given,
        "givens": [given],
        "given_key": given,
        "given_known": known,
        "given_written": given,
    }


def test_two_names_that_a_dictionary_has_are_two_names(con: duckdb.DuckDBPyConnection) -> None:
    made = compare.given_name(None)
    assert level(con, made, names("maria", True), names("marina", True)) == "other"
    assert level(con, made, names("maria", True), names("mariia", False)) == "alike"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("dorthe", "dorthe marit", "first"),
        ("dorthe m", "dorthe marit", "first"),
        ("lone maria", "signe maria", "near"),
        ("dorthe marit", "dorthe signe", "near"),
        ("w k", "wilma", "initials"),
        ("r s", "roger simon", "initials"),
        ("r s", "simon", "other"),
    ],
)
def test_of_several_first_names_the_first_counts(
    con: duckdb.DuckDBPyConnection, one: str, other: str, expected: str
) -> None:
    made = compare.given_name(None)
    assert level(con, made, names(one, False), names(other, False)) == expected
    assert level(con, made, names(other, False), names(one, False)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("harish", "harish t", "contained"),
        ("suresh g", "gupta suresh", "contained"),
        ("savita", "savita srinivas", "contained"),
        ("suresh k", "gupta suresh", "word"),
        ("anita khan", "khan suresh", "word"),
    ],
)
def test_a_name_may_be_held_in_the_other(
    con: duckdb.DuckDBPyConnection, one: str, other: str, expected: str
) -> None:
    def whole(name: str) -> dict[str, Any]:
        return {"name": name, "words": name.split(), "givens": []}

    assert level(con, compare.whole_name(), whole(one), whole(other)) == expected
    assert level(con, compare.whole_name(), whole(other), whole(one)) == expected


def test_a_slip_is_nearest_as_it_was_written(con: duckdb.DuckDBPyConnection) -> None:
    """Катюшв is Катюша with a slip, though Катюша counts as Екатерина."""
    made = compare.given_name(None)
    slip = names("katiushv", False)
    short = names("ekaterina", True) | {"given_written": "katiusha"}
    assert level(con, made, slip, short) == "alike"
    assert level(con, made, slip, short | {"given_written": "ekaterina"}) == "other"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1980-05-06", "1980-05-06", "same"),
        ("1980-05-06", "1980", "year_alone"),
        ("1980", "1980", "same"),
        ("1980-05-06", "1980-11-23", "year"),
        ("1980", "1981-05-06", "near"),
        ("1980", "1992-05-06", "other"),
        ("1980", None, "missing"),
    ],
)
def test_a_year_alone_contradicts_no_day_of_it(
    con: duckdb.DuckDBPyConnection, one: str, other: str | None, expected: str
) -> None:
    assert level(con, compare.date("born", "born"), {"born": one}, {"born": other}) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("jan.kowalski@wp.pl", "jan.kowalski@onet.pl", "missing"),
        ("tiger9199@wp.pl", "tiger9199@onet.pl", "alike"),
        ("jan.kowalski@wp.pl", "jan.kowalski@wp.pl", "same"),
        ("jan.kowalski@wp.pl", "maria@wp.pl", "other"),
    ],
)
def test_a_mailbox_of_ones_own_name_is_no_second_proof(
    con: duckdb.DuckDBPyConnection, one: str, other: str, expected: str
) -> None:
    made = compare.email("email", "email", "family")
    assert (
        level(con, made, *({"email": text, "family": "kovalski"} for text in (one, other)))
        == expected.strip()
    )
    # Whoever of the two it is made of.
    sides = [{"email": one, "family": "kovalski"}, {"email": other, "family": "nowak"}]
    assert level(con, made, *sides) == level(con, made, *sides[::-1]) == expected
    without = compare.email("email", "email")
    expected = "alike" if expected == "missing" else expected
    assert level(con, without, {"email": one}, {"email": other}) == expected


def whole(name: str, *short_for: str) -> dict[str, Any]:
    words = name.lower().split()
    return {"name": name.lower(), "words": words, "givens": list(short_for)}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (whole("William Smith"), whole("Mark Smith"), "word"),
        (whole("William Smith"), whole("Mark Smyth"), "part"),
        (whole("Bob Smith", "robert"), whole("Smith Robert"), "variant"),
        (whole("W Smith"), whole("William Smith"), "contained"),
        (whole("Graham Smith"), whole("Gladys Smith"), "word"),
        (whole("Muhammad Saleh"), whole("Mohammed Saleh"), "short"),
        (whole("William Smith"), whole("Mary Brown"), "other"),
    ],
)
def test_a_shared_surname_is_no_shared_name(
    con: duckdb.DuckDBPyConnection, one: dict[str, Any], other: dict[str, Any], expected: str
) -> None:
    assert level(con, compare.whole_name(), one, other) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12 Main St.", "12 MAIN STREET"),
        ("Hauptstr. 5", "Hauptstraße 5"),
        ("5th Ave", "5th Avenue"),
        ("ul. Długa 7", "ulica Dluga 7"),
    ],
)
def test_a_street_has_one_spelling_in_short_and_in_full(
    con: duckdb.DuckDBPyConnection, one: str, other: str
) -> None:
    spelt = [
        con.execute(f"select plain_text({compare.street_words('x')}) from (select ? as x)", [text]).fetchall()
        for text in (one, other)
    ]
    assert spelt[0] == spelt[1] and spelt[0][0][0]


def test_two_streets_have_no_word_in_common(con: duckdb.DuckDBPyConnection) -> None:
    made = compare.text("street", compare.street_words("street"))
    assert level(con, made, {"street": "12 Oak St"}, {"street": "99 Pine Street"}) == "other"
    assert level(con, made, {"street": "21st Ave"}, {"street": "21st Avenue"}) == "same"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Schröder", ["schroder"]),
        ("María de la Cruz", ["maria", "cruz"]),
        ("Łukasz", ["lukasz"]),
        ("Yıldız", ["yildiz"]),
        ("Dr. J. von Ørsted", ["j", "orsted"]),
    ],
)
def test_words_of_a_name_are_whole(con: duckdb.DuckDBPyConnection, written: str, words: list[str]) -> None:
    found = con.execute(f"select {prepare._words('x')} from (select ? as x)", [written]).fetchall()[0][0]
    plain = con.execute("select list_transform(?, lambda w: plain_word(w))", [words]).fetchall()[0][0]
    assert found == plain


def test_a_long_postcode_is_the_place_of_its_first_five_digits(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "create or replace table named as"
        " select * from (values (1, '10001-1234'), (2, '10001'), (3, '10002')) t(rid, postcode)"
    )
    compare.features(con, prepare.design(con, ["postcode"], None, ()))
    found = con.execute("select postcode from features order by unique_id").fetchall()
    assert found == [("10001",), ("10001",), ("10002",)]


def test_a_year_alone_is_kept_though_the_daily_step_reads_none(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """
        create or replace table fields as
        select * from (values (1, '1980'), (2, '1980-05-06'), (3, '01.01.0198')) t(rid, birth_date);
        create or replace table numbered_cards as select rid, rid as card from fields;
        create or replace table cards as select rid, try_cast(birth_date as date) as birth_date from fields;
        """
    )
    prepare.take_contacts(con, ["birth_date"])
    found = con.execute("select birth_date from fields order by rid").fetchall()
    assert found == [("1980",), ("1980-05-06",), (None,)]


def test_whole_keys_spend_before_cut_ones(con: duckdb.DuckDBPyConnection) -> None:
    design = Design()
    for name in ("card", "town", "postcode"):
        design.add(*compare.code(name, name), "")
    con.execute(
        """
        create or replace table named as
        select i as rid, (700000 + hash(i) % 1000)::varchar as card, (1000 + hash(i + 7) % 50)::varchar as town,
            (10000 + hash(i + 13) % 60)::varchar as postcode
        from range(1200) t(i)
        """
    )
    compare.features(con, design)
    found = block.find_pairs(con, design)
    rules = list(found.rules)
    assert {"town", "postcode"} <= set(found.left_out) and "card" not in found.left_out
    assert (
        rules.index("card")
        < rules.index("town + postcode")
        < min(rules.index("town"), rules.index("postcode"))
    )


@pytest.mark.parametrize(("known", "apart"), [(True, True), (False, False)])
def test_twins_share_their_birthday_and_no_name(
    con: duckdb.DuckDBPyConnection, known: bool, apart: bool
) -> None:
    comparisons = [compare.given_name(None)[0], compare.date("birth_date", "birth_date", is_own=True)[0]]
    other = len(comparisons[0].levels) - 1
    found = con.execute(
        f"select {fit._apart(comparisons)} from (select {other} as g_given, 0 as g_birth_date, {known} as both_known)"
    ).fetchall()
    assert found == [(apart,)]
