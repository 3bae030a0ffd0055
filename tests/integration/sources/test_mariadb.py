"""SuiteCRM, WooCommerce, Asterisk and Matomo from a real MariaDB: what arrives is what arrives from PostgreSQL."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import demo_company
from dagster_project.errors import SourceError
from dagster_project.sources import Source, Table, load_source
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.extract import Extraction, extract
from dagster_project.warehouse import Warehouse, schema
from tests.integration.sources import mariadb

pytestmark = pytest.mark.skipif(
    not mariadb.SERVER or not mariadb.INSTALLER, reason="MariaDB is not installed: make servers"
)
SYSTEMS = ("suitecrm", "woocommerce", "asterisk", "matomo")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    with mariadb.server(tmp_path_factory.mktemp("mariadb")) as url:
        yield url


@pytest.fixture(scope="module")
def company(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> demo_company.Generated:
    """A company in PostgreSQL, and the same tables in memory."""
    demo_company.create(warehouse, customers=60, seed=5, folder=tmp_path_factory.mktemp("files"))
    return demo_company.generate(60, seed=5)


def forget(warehouse: Warehouse, source: str) -> None:
    raw = schema.raw_schema(source)
    with warehouse.begin() as connection:
        for name in (raw, f"{raw}_staging"):
            connection.execute(sa.text(f"drop schema if exists {name} cascade"))
        connection.execute(sa.text(f"create schema {raw}"))
        connection.execute(sa.text("truncate ops.extraction_watermarks"))


def rows(warehouse: Warehouse, source: str, table: str) -> list[dict]:
    """What staging reads of a raw table: its live rows."""
    with warehouse.begin() as connection:
        found = connection.scalars(
            sa.text(
                "select to_jsonb(t) - array['_dlt_load_id', '_deleted_at'] "
                f'from raw_{source}."{table}" t where _deleted_at is null'
            )
        ).all()
        return sorted(found, key=str)


def told(load: TableLoad) -> dict[str, Any]:
    """What a load says of itself, but its number."""
    arrivals = [replace(arrival, load_id=None) for arrival in load.arrivals]
    return {**vars(load), "arrivals": arrivals}


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_arrives_as_from_postgresql(
    clean_warehouse: Warehouse,
    company: demo_company.Generated,
    server: sa.URL,
    tmp_path: Path,
    name: str,
) -> None:
    source, warehouse = load_source(name), clean_warehouse
    text = demo_company.source_url(warehouse, name).render_as_string(hide_password=False)
    forget(warehouse, name)
    first = extract(source, text, warehouse, tmp_path / "postgresql")
    expected = {table.name: rows(warehouse, name, table.name) for table in source.tables}

    url = mariadb.make_database(server, name)
    mariadb.fill(url, name, company.tables[name])
    forget(warehouse, name)
    second = extract(source, url.render_as_string(), warehouse, tmp_path / "mariadb")

    for table in source.tables:
        assert rows(warehouse, name, table.name) == expected[table.name], table.name
        assert expected[table.name], table.name
    assert [told(load) for load in second.tables] == [told(load) for load in first.tables]


# -- types and times of MySQL's own -----------------------------------------------------------------

LEDGER = Source(
    name="testledger",
    kind="shop",
    description="Every type that MySQL systems use",
    tables=(
        Table("entries", ("id",), (), watermark="changed_at", deletes="compared"),
        Table("visits", ("visitor",), (), deletes="compared"),
    ),
)
DDL = (
    "create table entries (id bigint unsigned primary key, small tinyint unsigned, flag tinyint(1), "
    "amount decimal(26,8), share double, born date, changed_at datetime null, precise datetime(6), "
    "stamp timestamp null, kind enum('a', 'b'), tags set('x', 'y'), body json, "
    "western varchar(40) character set latin1, russian varchar(40) character set cp1251, "
    "note varchar(40) character set utf8mb4, old_note varchar(40) character set utf8, "
    "token binary(4), blobs longblob, bits bit(3), a_year year, length_of time)",
    "create table visits (visitor binary(8) primary key, seen datetime)",
    "insert into entries values (18446744073, 255, 1, 1.50000000, 0.1, '1980-02-03', '2026-01-02 03:04:05', "
    "'2026-01-02 03:04:05.123456', '2026-01-02 03:04:05', 'b', 'x,y', '{\"a\": [1]}', 'Zoë', 'Пётр', 'Ёж 🦔', 'Ёж', "
    "x'00ff10aa', x'00ff', b'101', 2026, '12:13:14')",
    "insert into entries (id, born, changed_at, precise, stamp) values "
    f"(2, '0000-00-00', '{mariadb.ZERO}', '{mariadb.ZERO}', '{mariadb.ZERO}'), (3, '1980-00-10', null, null, null)",
    "insert into visits values (x'00ff10aa00ff10aa', '2026-01-02 03:04:05'), (x'0000000000000001', null)",
)


@pytest.fixture
def ledger(clean_warehouse: Warehouse, server: sa.URL, tmp_path: Path) -> Iterator[Callable[..., Extraction]]:
    url = mariadb.make_database(server, "ledger")
    mariadb.run(url, *DDL)
    forget(clean_warehouse, LEDGER.name)

    def again(*statements: str) -> Extraction:
        mariadb.run(url, *statements)
        return extract(LEDGER, url.render_as_string(), clean_warehouse, tmp_path)

    yield again
    with clean_warehouse.begin() as connection:
        connection.execute(sa.text("drop schema raw_testledger cascade"))


def test_each_type_keeps_its_value_and_a_zero_date_is_none(
    ledger: Callable[..., Extraction], clean_warehouse: Warehouse
) -> None:
    ledger()
    with clean_warehouse.begin() as connection:
        whole, zero, partial = connection.execute(
            sa.text("select * from raw_testledger.entries order by id desc, born nulls first")
        ).mappings().all()  # fmt: skip
        visitors = list(connection.scalars(sa.text("select visitor from raw_testledger.visits order by 1")))
    assert whole["id"] == 18446744073
    assert (whole["small"], whole["flag"], whole["amount"]) == (255, 1, Decimal("1.5"))
    assert (whole["share"], whole["born"]) == (0.1, dt.date(1980, 2, 3))
    assert whole["changed_at"] == dt.datetime(2026, 1, 2, 3, 4, 5)
    assert whole["precise"] == dt.datetime(2026, 1, 2, 3, 4, 5, 123456)
    assert whole["stamp"] == dt.datetime(2026, 1, 2, 3, 4, 5), "as the server writes it"
    assert (whole["kind"], whole["tags"]) == ("b", "x,y")
    assert (whole["western"], whole["russian"], whole["note"], whole["old_note"]) == (
        "Zoë",
        "Пётр",
        "Ёж 🦔",
        "Ёж",
    )
    assert (bytes(whole["token"]), bytes(whole["blobs"])) == (b"\x00\xff\x10\xaa", b"\x00\xff")
    assert visitors == [b"\x00\x00\x00\x00\x00\x00\x00\x01", b"\x00\xff\x10\xaa\x00\xff\x10\xaa"]
    for row in (zero, partial):
        assert [row[name] for name in ("born", "changed_at", "precise", "stamp")] == [None] * 4


def test_rows_without_a_time_are_read_each_time_and_rows_that_left_get_a_tombstone(
    ledger: Callable[..., Extraction], clean_warehouse: Warehouse
) -> None:
    ledger()
    done = ledger(
        "update entries set note = 'новое' where id in (2, 3)",
        "delete from visits where seen is null",
        "insert into entries (id, changed_at) values (4, '2026-01-02 03:30:00')",
    )
    entries, visits = done.tables
    assert (
        entries.rows_loaded == 4 - 0
    )  # three known ones without a time or in the look-back, and the new one
    assert (entries.tombstones, visits.tombstones) == (0, 1)
    with clean_warehouse.begin() as connection:
        notes = connection.execute(sa.text("select id, note from raw_testledger.entries order by id")).all()
    assert notes[:2] == [(2, "новое"), (3, "новое")]


def test_a_wrong_password_or_database_and_a_wish_to_write(
    server: sa.URL, clean_warehouse: Warehouse, tmp_path: Path
) -> None:
    for wrong, says in (
        (server.set(database="nowhere"), "Unknown database 'nowhere'"),
        (
            server.set(username="nobody", password="wrong", database="mysql"),
            "Access denied for user 'nobody'",
        ),
    ):
        with pytest.raises(SourceError) as refused:
            extract(LEDGER, wrong.render_as_string(hide_password=False), clean_warehouse, tmp_path)
        assert says in refused.value.problem
        assert "C360_SOURCE_TESTLEDGER_URL" in refused.value.remedy

    from dagster_project.sources.engine import source_engine

    with (
        source_engine(mariadb.make_database(server, "locked")).connect() as connection,
        pytest.raises(sa.exc.DBAPIError, match="READ ONLY"),
    ):
        connection.exec_driver_sql("create table mine (a integer)")


# -- every type with its edges, and names of WordPress and of people who write Cyrillic ----------------------

EVERY_TYPE = """
create table EveryType (
    ID bigint unsigned primary key, tiny tinyint, flag tinyint(1), big bigint, amount decimal(12,2), wide decimal(65,30),
    ratio float, double_ratio double, note text, short varchar(5), padded char(5), sorted varchar(9) collate utf8mb4_bin,
    token varbinary(16), fixed binary(4), blobs longblob, kind enum('a','б'), tags set('x','y'), body json, born date,
    precise datetime(6), length_of time, precise_length time(6), a_year year, bits bit(9), spot point, host inet6,
    visitor uuid, changedAt datetime)
"""
VALUES = (
    "(1, -128, 1, 9223372036854775807, 9999999999.99, 12345678901234567890123456789012345.123456789012345678901234567891, "
    "16777216, 0.1, 'Ёж 🦔', 'абвгд', 'ab', 'Я', x'00ff', x'00ff10aa', x'00', 'б', 'x,y', '{\"a\": 1.10}', '9999-12-31', "
    "'9999-12-31 23:59:59.999999', '838:59:59', '-838:59:59.000001', 2155, b'100000001', point(1.5, -2), '::1', "
    "'00ff10aa-0000-4000-8000-000000000001', '2026-01-02')",
    "(2, 127, 0, -9223372036854775808, -0.01, -0.000000000000000000000000000001, 0.1, -1.7976931348623157e308, '', '', '', '', "
    "'', x'00000000', '', 'a', '', 'null', '1000-01-01', '1000-01-01', '-00:00:01', '00:00:00', 0, b'0', null, "
    "'ffff::', null, '2026-01-02')",
    f"(3, null, null, null, null, null, 1234567.5, null, null, null, null, null, repeat('z', 16), null, null, null, null, "
    f"null, '0000-00-00', '{mariadb.ZERO}', null, null, null, null, null, null, null, '2020-01-01')",
)
CLIENTS = (
    "create table `Клиенты` (`ID` int primary key, `Имя` varchar(40), `Тел` varchar(40), `orderCount` int, `xmin` int)",
    "insert into `Клиенты` values (1, 'Анна', '+7916', 3, 1), (2, 'Пётр', null, 0, 2)",
    "create table wp_users (`ID` bigint unsigned primary key, user_login varchar(60), user_registered datetime)",
    "insert into wp_users values (1, 'anna', '2026-01-01'), (2, concat('p', char(0)), '2026-01-01'), "
    "(18446744073709551615, 'last', '2026-01-01')",
)
SITE = Source(
    name="testledger",
    kind="shop",
    description="Names and types of real installations",
    tables=(
        Table("EveryType", ("ID",), (), watermark="changedAt", amount="amount"),
        Table("Клиенты", ("ID",), ("Имя",), deletes="compared"),
        Table("wp_users", ("ID",), ("user_login",), watermark="user_registered", deletes="compared"),
    ),
)


def test_every_value_of_every_type_and_name_is_what_the_source_holds(
    clean_warehouse: Warehouse, server: sa.URL, tmp_path: Path
) -> None:
    url = mariadb.make_database(server, "site")
    mariadb.run(url, EVERY_TYPE, f"insert into EveryType values {', '.join(VALUES)}", *CLIENTS)
    forget(clean_warehouse, SITE.name)

    def raw(query: str) -> list[tuple]:
        with clean_warehouse.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def same() -> None:
        """As the server itself writes each value."""
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"charset": "utf8mb4"})
        with engine.connect() as connection:
            for name in OURS:
                written = WRITTEN.get(name, "cast({} as char)").format(name)
                theirs = connection.exec_driver_sql(f"select {written} from EveryType order by ID").scalars()
                ours = raw(f"select {OURS[name].format(name)} from raw_testledger.every_type order by id")
                assert [value for (value,) in ours] == list(theirs), name

    def extracted() -> dict[str, TableLoad]:
        return {
            load.table: load
            for load in extract(SITE, url.render_as_string(), clean_warehouse, tmp_path).tables
        }

    loads = extracted()
    assert {name: (load.rows_loaded, load.rows_unfit, load.lost) for name, load in loads.items()} == {
        "every_type": (3, 0, []), "klienty": (2, 0, []), "wp_users": (1, 2, []),
    }  # fmt: skip
    same()
    assert raw("select id, imya, tel, order_count, xmin_ from raw_testledger.klienty order by id") == [
        (1, "Анна", "+7916", 3, 1), (2, "Пётр", None, 0, 2),
    ]  # fmt: skip
    assert raw("select row_key, reasons from quarantine.testledger__wp_users__rejects order by 2") == [
        (None, ["id: a value that is not bigint"]), ("2", ["user_login: a NUL character"]),
    ]  # fmt: skip

    mariadb.run(
        url,
        "update EveryType set length_of = '-00:30:00', ratio = 0.3, token = x'01', changedAt = '2026-03-01' where ID = 2",
        "update wp_users set user_login = 'pyotr', user_registered = '2026-02-01' where ID = 2",
        "delete from wp_users where ID > 2",
        "delete from `Клиенты` where ID = 2",
    )
    loads = extracted()
    assert {name: (load.rows_unfit, load.tombstones, load.new_columns) for name, load in loads.items()} == {
        "every_type": (0, 0, []), "klienty": (0, 1, []), "wp_users": (0, 0, []),
    }  # fmt: skip
    same()
    assert raw("select id, user_login from raw_testledger.wp_users order by id") == [
        (1, "anna"),
        (2, "pyotr"),
    ]
    mariadb.run(url, "alter table `Клиенты` add `Imya` int")
    with pytest.raises(SourceError, match="columns Имя and Imya of Клиенты are both called imya here"):
        extracted()


# A column's value as text: in raw, and in MariaDB where a cast would not do.
OURS = dict.fromkeys(
    ("tiny", "flag", "big", "amount", "wide", "note", "short", "padded", "sorted", "kind", "tags", "body", "length_of",
     "precise_length", "a_year", "host", "visitor"), "{}::text",
) | dict.fromkeys(("token", "fixed", "blobs", "bits", "spot"), "upper(encode({}, 'hex'))") | {
    "ratio": "{}::float4::text", "double_ratio": "{}", "born": "{}::text", "precise": "to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')",
}  # fmt: skip
WRITTEN = dict.fromkeys(("token", "fixed", "blobs", "bits", "spot"), "hex({})") | {
    "bits": "lpad(hex({}), 4, '0')", "ratio": "case ID when 1 then '1.6777216e+07' when 3 then '1.2345675e+06' else ratio end",
    "double_ratio": "{}", "born": "nullif(cast({} as char), '0000-00-00')", "a_year": "cast(0 + {} as char)",
    "precise": f"nullif(cast({{}} as char), '{mariadb.ZERO}.000000')",
}  # fmt: skip
