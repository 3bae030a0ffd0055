"""The audit: the same figures from files and from a database, and no value of a person in them."""

import csv
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

import dagster_project.commands.audit as command
from dagster_project.audit import Audit, audit
from dagster_project.audit.columns import holds
from dagster_project.audit.measure import CardFigures, ColumnFigures, Placeholder, TableFigures, masked
from dagster_project.audit.page import page, share
from dagster_project.cli import main
from dagster_project.errors import ConfigError, SourceError
from dagster_project.sources import Source, Table
from dagster_project.sources.declaration import Files
from tests.integration.sources.conftest import new_database  # noqa: F401

# Anna is in both; Пётр twice in the CRM; Олег's phone is nobody's else; Игорь has a name alone.
# One row has nothing usable, one nothing at all.
# 0000000000 is held by two, and can be read as no phone; 9999999999 can, and names nobody.
PEOPLE = [
    ("1", "Анна Белова", "8 916 234-17-89", "Anna.Belova@ya.ru", "1980-02-03"),
    ("2", "Пётр Громов", "+7 903 481 26 37", "", ""),
    ("3", "Громов Пётр", "89034812637", "", ""),
    ("4", "Олег Синицын", "+7 921 640 38 52", "", ""),
    ("5", "Игорь Воронцов", "", "", ""),
    ("6", "Мария Котова", "9999999999", "", ""),
    ("7", "Дарья Серова", "9999999999", "нет", ""),
    ("8", "", "доб. 12", "", ""),
    ("9", "", "", "", " "),
]
ORDERS = [
    ("100", "anna.belova+shop@yandex.ru", "79162341789", "Чайник 2 л"),
    ("101", "ANNA.BELOVA@YA.RU", "", "Чайник 2 л"),
    ("102", "kirill.f@mail.ru", "8 (912) 406-13-28", "Ложка"),
]
HEADERS = {
    "people": ("id", "name", "phone", "email", "birth_date"),
    "orders": ("number", "email", "phone", "product"),
}
ROWS = {"people": PEOPLE, "orders": ORDERS}


def source(name: str, table: str, key: str, is_files: bool) -> Source:
    files = Files(f"{table}.csv", "csv") if is_files else None
    return Source(name, "other", f"{name} for tests", (Table(table, (key,), (), files=files),))


def declared(is_files: bool) -> list[Source]:
    return [source("crm", "people", "id", is_files), source("shop", "orders", "number", is_files)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("audited")
    for name, rows in ROWS.items():
        with (place / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEADERS[name], *rows])
    return place


@pytest.fixture(scope="module")
def found(folder: Path) -> Audit:
    return audit([(each, folder.as_uri()) for each in declared(is_files=True)])


def column(found: Audit, name: str) -> ColumnFigures:
    return next(c for c in found.columns if f"{c.table}.{c.column}" == name)


def test_columns_are_counted_in_one_spelling(found: Audit) -> None:
    assert [f"{c.table}.{c.column}: {c.holds}" for c in found.columns] == [
        "people.birth_date: birth_date", "people.email: email", "people.name: full_name", "people.phone: phone",
        "orders.email: email", "orders.phone: phone",
    ]  # fmt: skip
    assert column(found, "people.phone") == ColumnFigures(
        "crm", "people", "phone", "phone", rows=9, filled=7, valid=6, distinct=5, repeated=4
    )
    assert column(found, "orders.email") == ColumnFigures(
        "shop", "orders", "email", "email", rows=3, filled=3, valid=3, distinct=2, repeated=2
    )
    assert column(found, "people.name").valid is None
    assert [(t.table, t.rows, t.is_card) for t in found.tables] == [("people", 9, True), ("orders", 3, False)]


def test_each_card_is_under_the_first_that_is_true_of_it(found: Audit) -> None:
    assert found.cards == [
        CardFigures("crm", 8, known_elsewhere=1, twin_here=2, alone=1, by_name=3, unlinkable=1, with_twin=2)
    ]
    shared = {(o.kind, o.source, o.other): o.shared for o in found.overlaps}
    assert shared["email", "crm", "shop"] == shared["phone", "crm", "shop"] == 1
    assert shared["phone", "crm", "crm"] == 3, "what names nobody is no common value"


def test_what_names_nobody_is_masked_and_no_other_value_is_told(found: Audit) -> None:
    assert found.placeholders == [Placeholder("phone", "+7…99", "digits", 2, 2)]
    told = json.dumps(found.as_dict(), ensure_ascii=False) + page(found, dt.datetime.now(dt.UTC))
    for row in (*PEOPLE, *ORDERS):
        for value in row[1:]:
            assert len(value) < 6 or value not in told
    assert masked("email", "zakaz@firma.example") == "z…@firma.example"
    assert masked("birth_date", "1900-01-01") == "1900-01-01"
    assert masked("tax_id", "000000") == "…"


def test_the_page_is_whole_and_loads_nothing(found: Audit) -> None:
    written = page(found, dt.datetime(2026, 9, 30, 12, tzinfo=dt.UTC))
    assert written.count("<svg") == 3
    assert "2026-09-30 at 12:00 UTC" in written
    assert "crm.people.phone" in written
    assert not [
        word for word in ("<script", "href=", "src=", "url(") if word in written.replace("xlink:href", "")
    ]
    assert page(Audit(tables=[TableFigures("a", "b", 0, None, None, 0, False)]), dt.datetime.now(dt.UTC))


def test_a_database_gives_the_same_figures_with_the_times_of_its_rows(
    found: Audit,
    new_database: Callable[[str], str],  # noqa: F811
) -> None:
    url = new_database("")
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        for name, rows in ROWS.items():
            columns = HEADERS[name]
            connection.exec_driver_sql(
                f"create table {name} ({', '.join(f'{c} text' for c in columns)}, at timestamp)"
            )
            for row in rows:
                places = ", ".join(["%s"] * len(row))
                connection.exec_driver_sql(f"insert into {name} values ({places}, '2026-03-04')", tuple(row))
        connection.exec_driver_sql(
            "update people set at = null where id = '8'; update people set email = null where email = ''"
        )
    sources = [
        Source(
            s.name, s.kind, s.description, tuple(Table(t.name, t.key, (), watermark="at") for t in s.tables)
        )
        for s in declared(is_files=False)
    ]
    same = audit([(each, url) for each in sources])
    assert (same.columns, same.cards, same.overlaps, same.placeholders) == (
        found.columns, found.cards, found.overlaps, found.placeholders,
    )  # fmt: skip
    assert same.tables[0] == TableFigures(
        "crm", "people", 9, "2026-03-04 00:00:00", "2026-03-04 00:00:00", without_time=1, is_card=True
    )

    with pytest.raises(SourceError, match="no table visits"):
        audit([(source("web", "visits", "id", is_files=False), url)])
    with pytest.raises(ConfigError, match="no source"):
        audit([])


@pytest.mark.parametrize(
    ("header", "values", "kind"),
    [
        ("phone_work", ["84951234567", "+7 916 1234567", "нет"], "phone"),
        ("contact", ["89161234567", "+7 (903) 765-43-21", "9031112233"], "phone"),
        ("uniqueid", ["1711111111.22", "1711111119.23", "1711111121.24"], None),
        ("barcode", ["4601234567890", "4601234567891", "4601234567892"], None),
        ("write_to", ["a.b@ya.ru", "c@mail.ru", "d@mail.ru"], "email"),
        ("note", ["звонить на a.b@ya.ru", "просил скидку", "перезвонить"], None),
        ("vat", ["7707083893", "7736050003", "500100732259"], "tax_id"),
        ("amount", ["7707083893", "7736050003", "500100732259"], None),
        ("loyalty_card_number", ["2900 0001", "2900 0002", "2900 0003"], "loyalty_card"),
        ("mobile", ["89161234567"], "phone"),
        ("contact", ["89161234567"], None),
        ("contact", ["89161234567", "a.b@ya.ru", "8 (495) 123-45-67, c@mail.ru"], "contact"),
        ("email", ["a.b@ya.ru", "89161234567", "c@mail.ru"], "contact"),
        ("email", ["a.b@ya.ru", "c@mail.ru", "d@mail.ru", "нет"], "email"),
        ("note", ["a.b@ya.ru", "просил скидку", "89161234567"], None),
        (
            "fields",
            ['[{"code": "PHONE", "values": [{"value": "+79161234567"}]}]', "[]", '{"a": "x@y.ru"}'],
            "contacts",
        ),
        ("fields", ['[{"code": "SIZE", "values": [{"value": "4601234567890"}]}]', "[]", "{"], None),
    ],
)
def test_what_a_column_holds(header: str, values: list[str], kind: str | None) -> None:
    assert holds("t", {header: values}).get(header) == kind


def test_a_column_of_phones_and_emails_is_counted_as_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested = '[{"code": "PHONE", "values": [{"value": "+7 916 234-17-89"}, {"value": "89034812637"}]}]'
    rows = [
        ("id", "name", "contact", "fields"),
        ("1", "Анна Белова", "8 916 234-17-89, anna@ya.ru", nested),
        ("2", "Пётр Громов", "+7 903 481 26 37", '[{"values": [{"value": "petr@ya.ru"}]}]'),
        ("3", "Олег Синицын", "oleg@ya.ru и OLEG@ya.ru", "[]"),
        ("4", "Мария Котова", "8 912 406-13-28; 8 (495) 640-38-52", ""),
        ("5", "Дарья Серова", "anna@ya.ru", "{"),
        ("6", "Игорь Серов", "спросить 5", "[]"),
    ]
    with (tmp_path / "people.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    broken = "people [/] of: 2.csv"
    (tmp_path / broken).parent.mkdir()
    (tmp_path / broken).write_text("id;name\n", encoding="utf-8")
    with (tmp_path / "people.csv").open("a", encoding="utf-8") as file:
        file.write("7,short\n")
    people = Table("people", ("id",), (), files=Files("people*.csv", "csv"))
    found = audit([(Source("crm", "other", "People", (people,)), tmp_path.as_uri())])
    counted = {c.label: (c.rows, c.filled, c.valid, c.distinct, c.repeated) for c in found.columns}
    assert counted == {
        "crm.people.contact (emails)": (6, 3, 3, 2, 2),
        "crm.people.fields (emails)": (6, 1, 1, 1, 0),
        "crm.people.name": (6, 6, None, 6, 0),
        "crm.people.contact (phones)": (6, 4, 3, 5, 0),
        "crm.people.fields (phones)": (6, 1, 1, 2, 0),
    }
    assert found.cards == [
        CardFigures("crm", 6, known_elsewhere=0, twin_here=3, alone=2, by_name=1, unlinkable=0, with_twin=3)
    ]
    (figures,) = found.tables
    assert (figures.rejected, figures.refused) == (1, ((broken, "it has no column id"),))
    written = page(found, dt.datetime.now(dt.UTC))
    assert f"{broken}</td><td>it has no column id" in written
    # In the terminal too a name is text: brackets are no markup, a colon ends nothing.
    monkeypatch.setattr(command.console, "width", 200)
    with command.console.capture() as shown:
        command._show(found)
    assert f"{broken}  it has no column id" in shown.get()
    assert "crm.people.contact (phones)" in written and "@" not in written.replace("@media", "")


def test_a_name_counts_beside_an_identifier_only_and_is_made_of_words() -> None:
    phones = ["89161234567", "89161234568", "89161234569"]
    assert holds("goods", {"name": ["Чайник", "Ложка"]}) == {}
    assert holds("receipts", {"name": ["Касса/0001", "Касса/0002"], "phone": phones}) == {"phone": "phone"}
    assert holds("people", {"name": ["Анна Белова", "О'Нил Джон"], "phone": phones})["name"] == "full_name"


def test_shares_are_told_as_a_person_reads_them() -> None:
    assert [share(0, 9), share(9, 9), share(1, 3), share(1, 3000), share(2999, 3000), share(1, 0)] == [
        "0 %", "100 %", "33 %", "0.0 %", "100.0 %", "",
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["/proc/audit.html", "folder.html", "nowhere/audit.html"])
def test_a_page_that_cannot_be_written_is_refused_before_anything_is_read(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "folder.html").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dagster_project.audit.audit", lambda *_, **__: pytest.fail("sources were read"))
    monkeypatch.setattr("sys.argv", ["c360", "audit", "--html", place])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 1 and said.startswith("error: --html") and "mistake" not in said
