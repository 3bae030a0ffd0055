"""PostgreSQL read over ADBC: the same raw tables as SQLAlchemy's reading gives, and the same errors."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pytest
import sqlalchemy as sa

from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.sources import Table
from dagster_project.sources.arrow import ArrowLoader
from dagster_project.sources.engine import libpq_address, source_engine
from tests.integration.sources.conftest import SHOP, Shop

EVERY_TYPE = """
create type mood as enum ('хорошо', 'плохо');
create table every_type (
    id smallint primary key, "share of 100%%" integer, big bigint, amount numeric(12, 2), exact numeric,
    ratio real, double_ratio double precision, is_paid boolean, note text, short varchar(5), padded char(5),
    at_local timestamp, at_zone timestamptz, born date, opens time, body json, names jsonb, visitor uuid,
    token bytea, kind mood, changed_at timestamp);
insert into every_type values
    (1, 7, 5000000000, 12345.60, 1.500000000000000, 0.1, 0.2, true, 'Ёж 🦔', 'абвгд', 'ab', '2026-01-02 03:04:05.123456',
     '2026-01-02 03:04:05+05', '1980-02-29', '12:13:14.5', '{"а": [1, null]}', '{"ru_RU": "Ёж", "n": 1.5}',
     '00ff10aa-0000-4000-8000-000000000001', '\\x00ff', 'плохо', '2026-01-02'),
    (2, -7, -1, -0.01, 12345678901234567890.123456789, 1e30, 'NaN', false, '', '', '', '0001-01-01', '0001-01-01 00:00+00',
     '0001-01-01', '00:00', 'null', 'null', null, '', 'хорошо', '0001-01-01'),
    (3, 0, 0, 0, 0, 'infinity', '-infinity', null, null, null, null, '9999-12-31 23:59:59.999999',
     '9999-12-31 23:59:59.999999+00', '9999-12-31', '23:59:59.999999', '"text"', '[]', null, null, null, '9999-12-31'),
    (4, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
     null);
"""
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
    """Raw's columns and rows of a first load."""
    shop.run_raw("drop schema raw_testshop cascade; create schema raw_testshop")
    shop.run_raw("truncate ops.extraction_watermarks")
    shop.work_dir = shop.work_dir / "again"  # dlt forgets what it loaded
    load = shop.load("every_type")
    columns = shop.raw(
        "select column_name, data_type, numeric_precision, numeric_scale, is_nullable from information_schema.columns "
        "where table_name = 'every_type' and column_name <> '_dlt_load_id' order by ordinal_position"
    )
    names = ", ".join(f't."{name}"' for name, *_ in columns)
    rows = shop.raw(f"select {names} from raw_testshop.every_type t order by id")
    return columns, [(load.watermark_to, load.rows_loaded), *rows]


def test_every_type_arrives_as_by_sqlalchemy(
    typed: Shop, read: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_adbc = loaded(typed)
    assert read == [True]
    monkeypatch.setattr(ArrowLoader, "_begin", lambda *_: None)

    assert repr(loaded(typed)) == repr(by_adbc)  # NaN equals itself as text alone


@pytest.mark.parametrize(
    "slow",
    ["alter table every_type add tags text[]", "alter table every_type add place inet"],
)
def test_types_that_adbc_cannot_bring_are_read_all_the_same(typed: Shop, read: list[bool], slow: str) -> None:
    typed.run(slow)
    _, (_, *rows) = loaded(typed)
    assert (True in read, len(rows)) == (False, 4)


def test_where_statements_have_a_limit_a_table_is_read_in_portions(typed: Shop, read: list[bool]) -> None:
    typed.run(
        "do $$ begin execute format('alter database %%I set statement_timeout = 60000', current_database()); end $$"
    )
    _, (_, *rows) = loaded(typed)
    assert (True in read, len(rows)) == (False, 4)


@pytest.mark.parametrize(
    ("wrong", "column", "why"),
    [
        ("at_zone = '-infinity'", "at_zone", "years 1 to 9999"),
        ("born = '20000-01-01'", "born", "years 1 to 9999"),
        ("opens = '24:00'", "opens", "hours 0 to 23"),
        ("exact = 'NaN'", "exact", "not a number that fits decimal128(38, 9)"),
        ("exact = 1.1234567898765", "exact", "not a number that fits decimal128(38, 9)"),
    ],
)
def test_a_value_that_raw_cannot_take_is_refused_by_its_columns_name(
    typed: Shop, wrong: str, column: str, why: str
) -> None:
    typed.run(f"update every_type set {wrong} where id = 4")
    with pytest.raises(SourceError) as refused:
        typed.extract()
    assert f"column every_type.{column} holds a value" in refused.value.problem
    assert why in refused.value.problem
    assert "98765" not in str(refused.value)


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
    columns: Any = {
        name: {"name": name, "data_type": "text" if name == "note" else "bigint"}
        for name in table.c.keys()  # noqa: SIM118
    }
    started = time.monotonic()
    rows = ArrowLoader(engine, "pyarrow", table, columns).load_rows()
    assert len(next(rows)) > 1000
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
