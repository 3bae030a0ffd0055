"""PostgreSQL read over ADBC: the same raw tables as SQLAlchemy's reading gives, and the same errors."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pytest
import sqlalchemy as sa

from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.quality import reconcile
from dagster_project.sources import Table
from dagster_project.sources.arrow import ArrowLoader
from dagster_project.sources.engine import libpq_address, source_engine
from dagster_project.sources.naming import normalise
from dagster_project.sources.raw_types import raw_column
from tests.integration.sources.conftest import SHOP, Shop

EVERY_TYPE = """
create type mood as enum ('хорошо', 'плохо');
create type pair as (a int, b text);
create domain email as text check (value like '%%@%%');
create domain share_of as numeric;
create table every_type (
    id smallint primary key, "share of 100%%" integer, big bigint, amount numeric(12, 2), exact numeric,
    wide numeric(60, 30), thousands numeric(6, -3), ratio real, double_ratio double precision, is_paid boolean,
    note text, short varchar(5), padded char(5), at_local timestamp, at_zone timestamptz, born date, opens time,
    closes timetz, lasts interval, body json, names jsonb, visitor uuid, token bytea, kind mood, both_of pair,
    mail email, share share_of, price money, flags bit(3), mask bit varying, host inet, net cidr, mac macaddr,
    spot point, area polygon, words tsvector, page xml, number_range numrange, days datemultirange, tags text[],
    grid int[][], oid_of oid, lsn pg_lsn, xmin_like "char", changed_at timestamp);
insert into every_type values
    (1, 7, 5000000000, 12345.60, 1.500000000000000, 123456789012345678901234567890.123456789012345678901234567891,
     123000, 0.1, 0.2, true, 'Ёж 🦔', 'абвгд', 'ab', '2026-01-02 03:04:05.123456', '2026-01-02 03:04:05+05',
     '1980-02-29', '12:13:14.5', '12:13:14.5+03', '1 year -2 days 03:04:05.678', '{"а": [1, null], "b": 1.10}',
     '{"ru_RU": "Ёж", "n": 1.5}', '00ff10aa-0000-4000-8000-000000000001', '\\x00ff', 'плохо', (1, 'x, "y"'),
     'a@b.ru', 1.0 / 3, 1234.56, b'101', b'1', '10.0.0.1', '10.1.0.0/16', '08:00:2b:01:02:03', '(1.5,-2)',
     '((0,0),(1,1),(1,0))', 'fat:2 cat:3', null, '[1.5,2)', '{[2026-01-01,2026-02-01)}',
     array['a', null, 'б"'], array[[1, 2], [3, 4]], 4000000000, '16/B374D848', 'x', '2026-01-02'),
    (2, -7, -1, 'NaN', 12345678901234567890.123456789, 'NaN', -999000, 1e30, 'NaN', false, '', '', '', '0001-01-01',
     '0001-01-01 00:00+00', '0001-01-01', '24:00', '00:00:00-15:59', '-178000000 years', 'null', 'null', null, '',
     'хорошо', (null, ''), 'a@b', 'NaN', -92233720368547758.08, b'000', b'', '::1', '::/0', null, null, null, '',
     null, 'empty', '{}', '{}', '{}', 0, '0/0', '', '0001-01-01'),
    (3, 0, 0, 0, 'Infinity', 0, 0, 'infinity', '-infinity', null, null, null, null, '9999-12-31 23:59:59.999999',
     '9999-12-31 23:59:59.999999+00', '9999-12-31', '23:59:59.999999', '24:00:00+15:59', '0', '"text"', '[]', null,
     null, null, null, null, '-Infinity', 0, null, null, '10.0.0.0/8', null, null, null, null, null, null,
     '(,1e40)', null, null, null, null, null, null, '9999-12-31');
insert into every_type (id, changed_at, big, amount, exact) values
    (4, null, null, null, null), (5, '2025-01-01', 0, 0, 1e100), (6, '2025-01-01', 0, 0, 1e-50),
    (7, '2025-01-01', 0, 0, -123456789012345678901234567890), (8, '2025-01-01', 0, 0, 0.3333333333333333);
"""
# What raw has in another form: an expression for the source's side.
OTHERWISE = {"tags": "to_json({})::text", "grid": "to_json({})::text", "host": "abbrev({})", "price": "{}::numeric::text",
             "padded": "rpad({}::text, 5)", "body": "nullif({}::text, 'null')", "names": "nullif({}::text, 'null')"}  # fmt: skip
TABLE = Table("every_type", ("id",), (), watermark="changed_at")


@pytest.fixture
def typed(shop: Shop) -> Shop:
    shop.source = replace(SHOP, tables=(TABLE,))
    shop.run(EVERY_TYPE)
    return shop


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Whether ADBC read each table."""
    begin, begun = ArrowLoader._begin, []

    def noted(self: ArrowLoader, *arguments: Any) -> Iterator[pa.RecordBatch] | None:
        batches = begin(self, *arguments)
        begun.append(batches is not None)
        return batches

    monkeypatch.setattr(ArrowLoader, "_begin", noted)
    yield begun


def loaded(shop: Shop) -> tuple[list[tuple], list[tuple]]:
    """Raw's columns and rows of a first load, as text."""
    shop.run_raw("drop schema raw_testshop cascade; create schema raw_testshop")
    shop.run_raw("delete from ops.extraction_watermarks")
    shop.work_dir = shop.work_dir / "again"
    load = shop.load("every_type")
    columns = shop.raw(
        "select column_name, data_type, numeric_precision, numeric_scale, is_nullable from information_schema.columns "
        "where table_schema = 'raw_testshop' and table_name = 'every_type' and column_name <> '_dlt_load_id' "
        "order by ordinal_position"
    )
    names = ", ".join(f't."{name}"::text' for name, *_ in columns)
    rows = shop.raw(f"select {names} from raw_testshop.every_type t order by id")
    return columns, [(load.watermark_to, load.rows_loaded), *rows]


def as_text(shop: Shop) -> tuple[dict[str, list], dict[str, list]]:
    """Every column of every_type as the source and as raw write it, by its name in raw."""
    engine = sa.create_engine(shop.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        names = [column["name"] for column in sa.inspect(connection).get_columns("every_type")]
        source, raw = {}, {}
        for name in names:
            quoted, ours = f'"{name}"'.replace("%", "%%"), normalise(name)
            written = OTHERWISE.get(name, "{}::text").format(quoted)
            source[ours] = list(
                connection.exec_driver_sql(f"select {written} from every_type order by id").scalars()
            )
            raw[ours] = [
                value
                for (value,) in shop.raw(f'select "{ours}"::text from raw_testshop.every_type order by id')
            ]
    for name in ("exact", "wide", "share", "price", "amount", "thousands"):
        for side in (source, raw):
            side[name] = [number and Decimal(number) for number in side[name]]
            side[name] = ["NaN" if number and number.is_nan() else number for number in side[name]]
    return source, raw


def test_every_type_arrives_as_by_sqlalchemy(
    typed: Shop, read: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed.run(
        "update every_type set at_local = 'infinity' where id = 5; update every_type set born = '20000-01-01' where id = 6"
    )
    by_adbc = loaded(typed)
    assert read == [True]
    monkeypatch.setattr(ArrowLoader, "_begin", lambda *_: None)

    assert loaded(typed) == by_adbc


def test_every_value_is_what_the_source_holds_and_so_it_is_after_a_change(
    typed: Shop, read: list[bool]
) -> None:
    typed.extract()
    source, raw = as_text(typed)
    assert raw == source
    assert [column for column in raw if raw[column].count(None) == len(raw[column])] == ["page"], (
        "no XML here"
    )

    typed.run(
        "update every_type set exact = 2.0 / 3, amount = 'NaN', tags = '{b}', lasts = '2 mons', changed_at = now()"
    )
    load = typed.load("every_type")
    assert (load.rows_loaded, load.new_columns, load.rows_unfit, read) == (8, [], 0, [True, True])
    source, raw = as_text(typed)
    assert raw == source
    assert typed.raw("select sum(exact * 3) = 16 from raw_testshop.every_type") in ([(True,)], [(False,)])


def test_numbers_of_any_length_are_summed_as_an_amount(typed: Shop) -> None:
    typed.source = replace(SHOP, tables=(replace(TABLE, amount="exact"),))
    load = typed.load("every_type")
    assert load.lost == []
    assert load.arrivals[0].amount_read is not None
    assert load.arrivals[0].amount_read > Decimal("9.9e99")


def test_where_statements_have_a_limit_a_table_is_read_in_portions(typed: Shop, read: list[bool]) -> None:
    typed.run(
        "do $$ begin execute format('alter database %%I set statement_timeout = 60000', current_database()); end $$"
    )
    _, (_, *rows) = loaded(typed)
    assert (True in read, len(rows)) == (False, 8)


def test_rows_that_raw_cannot_take_wait_in_quarantine_until_they_are_fixed(typed: Shop) -> None:
    typed.run(
        "update every_type set at_zone = '-infinity' where id = 4; update every_type set born = '20000-01-01' where id = 5; "
        "update every_type set at_local = 'infinity', body = '\"\\u0000\"' where id = 6; "
        "update every_type set changed_at = '2025-01-01' where id in (4, 5, 6)"
    )
    waiting = "select row_key, reasons from quarantine.testshop__every_type__rejects order by 1"
    load = typed.load("every_type")
    assert (load.rows_loaded, load.rows_unfit, load.lost) == (5, 3, [])
    held = reconcile(
        typed.warehouse, "raw_testshop", "every_type", ("id",), load.rows_at_source, load.rows_unfit
    )
    assert (held.rows_missing, held.rows_quarantined) == (0, 3)
    assert typed.raw(waiting) == [
        ("4", ["at_zone: a time outside the years 1 to 9999"]),
        ("5", ["born: a date outside the years 1 to 9999"]),
        ("6", ["at_local: a time outside the years 1 to 9999", "body: a character that is none (NUL, half of a pair) in JSON"]),
    ]  # fmt: skip

    typed.run("update every_type set at_zone = null, changed_at = '2026-06-01' where id = 4")
    typed.run("update every_type set born = 'infinity', changed_at = '2026-06-01' where id = 1")
    load = typed.load("every_type")
    assert (load.rows_unfit, [row[0] for row in typed.raw(waiting)]) == (2, ["1", "5", "6"])
    held = reconcile(
        typed.warehouse, "raw_testshop", "every_type", ("id",), load.rows_at_source, load.rows_unfit
    )
    assert held.rows_missing == 0, "row 1 is in raw as it was before"
    typed.extract()
    assert [row[0] for row in typed.raw(waiting)] == ["1", "5", "6"]


@pytest.mark.parametrize(
    ("breaks", "error", "says"),
    [
        ("hung_up()", SourceUnavailable, "terminating connection"),
        ("1 / (15000 - i)", SourceError, "column every_type.broken"),
    ],
)
def test_a_reading_that_breaks_off_is_told_as_by_psycopg(
    shop: Shop, read: list[bool], breaks: str, error: type[Exception], says: str
) -> None:
    shop.source = replace(SHOP, tables=(replace(TABLE, watermark=None),))
    shop.run(
        # Not volatile: what only counts the view's rows does not call it.
        "create function hung_up() returns int language sql stable "
        "as 'select pg_terminate_backend(pg_backend_pid())::int'; "
        f"create view every_type as select i as id, repeat('x', 1000) as note, "
        f"case when i = 15000 then {breaks} end as broken from generate_series(1, 20000) i"
    )
    with pytest.raises(error) as broken:
        shop.extract()
    assert read == [True], "the first portion had come"
    assert type(broken.value) is error
    assert says in str(broken.value)
    assert "COPY" not in str(broken.value)


def test_a_reading_that_is_given_up_does_not_wait_for_the_source(shop: Shop) -> None:
    shop.run(
        "create function sleepy() returns int language sql stable as 'select 1 from pg_sleep(120)'; "
        "create view slow as select i as id, repeat('x', 1000) as note, "
        "case when i = 15000 then sleepy() end as broken from generate_series(1, 20000) i"
    )
    engine = source_engine(sa.make_url(shop.url))
    table = sa.Table("slow", sa.MetaData(), autoload_with=engine)
    started = time.monotonic()
    rows = ArrowLoader(engine, table, [raw_column(c.name, c, "postgresql") for c in table.c]).load_rows()
    assert len(next(rows).rows) > 1000
    rows.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 30
    engine.dispose()


def test_adbc_reads_in_a_session_that_cannot_write(shop: Shop) -> None:
    address = libpq_address(sa.make_url(shop.url))
    assert address is not None
    with adbc.connect(address) as connection, connection.cursor() as cursor:
        with pytest.raises(adbc.Error, match="read-only transaction"):
            cursor.execute("create table mine (a integer)")
        connection.rollback()
        cursor.execute("select current_setting('timezone'), current_setting('client_encoding')")
        assert cursor.fetchone() == ("UTC", "UTF8")


def test_no_session_stays_at_the_source(typed: Shop, read: list[bool]) -> None:
    typed.extract()
    assert read == [True]
    sessions = f"select count(*) from pg_stat_activity where datname = '{sa.make_url(typed.url).database}'"
    until = time.monotonic() + 10  # a session that was closed takes a moment to go
    while typed.raw(sessions) != [(0,)]:
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("kind", ["date", "timestamptz"])
def test_the_window_of_a_date_or_a_time_with_a_zone_is_read(typed: Shop, read: list[bool], kind: str) -> None:
    typed.run(f"alter table every_type alter changed_at type {kind}")
    typed.run("update every_type set changed_at = '2025-01-01' where id = 3")
    typed.extract()
    assert (typed.load("every_type").rows_loaded, read) == (3, [True, True])
