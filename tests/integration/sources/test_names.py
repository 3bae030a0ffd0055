"""Names of a source that are not PostgreSQL's, Latin or small: one rule, the same tables at every refresh."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from dagster_project import summary
from dagster_project.errors import SourceError
from dagster_project.quality import reconcile
from dagster_project.refresh import Outcome
from dagster_project.sources import Source, Table, unfit
from dagster_project.sources.declaration import Follows
from dagster_project.warehouse import ledger
from tests.integration.sources.conftest import Shop

CLIENTS = """
create table "Клиенты" (
    "ID" integer primary key, "Имя" text, "Тел" text, "orderCount" integer, "select" text, "_deleted_at" timestamp,
    "_dlt_load_id" text, "_dlt_id" text, "xmin_" text, "CTID" text, "№" text, "%" text, "ChangedAt" timestamp);
create table "Orders" ("ID" integer primary key, "clientId" integer, "Sum" numeric, "Note" text);
insert into "Клиенты" select i, 'Имя ' || i, '+7' || i, i, 'x', '2026-01-01', 'theirs', 'id', 'a', 'b', 'c', 'd',
    timestamp '2026-01-01' + i * interval '1 hour' from generate_series(1, 20) i;
insert into "Orders" select i, (i + 1) / 2, i / 3.0, 'n' from generate_series(1, 40) i;
"""
ERP = Source(
    "testshop",
    "ERP",
    "Names of its own",
    (
        Table("Клиенты", ("ID",), ("Имя", "tel"), watermark="ChangedAt", deletes="compared"),
        Table(
            "Orders", ("ID",), ("Note",), follows=Follows("Клиенты", "clientId", "ID"), deletes="compared",
            amount="Sum", refers={"clientId": "Клиенты"},
        ),
    ),
)  # fmt: skip


@pytest.fixture
def erp(shop: Shop) -> Shop:
    shop.source = ERP
    shop.run(CLIENTS.replace("%", "%%"))
    return shop


def columns(shop: Shop, table: str) -> set[str]:
    return {
        name
        for (name,) in shop.raw(
            f"select column_name from information_schema.columns where table_schema = 'raw_testshop' and table_name = '{table}'"
        )
    }


def test_tables_and_columns_of_any_name_are_read_merged_and_compared(erp: Shop) -> None:
    loads = {load.table: load for load in erp.extract().tables}
    assert {name: load.rows_loaded for name, load in loads.items()} == {"klienty": 20, "orders": 40}
    assert columns(erp, "klienty") >= {
        "id", "imya", "tel", "order_count", "select", "deleted_at", "dlt_load_id", "dlt_id", "xmin_", "ctid_", "changed_at",
    }  # fmt: skip
    assert erp.raw(
        'select imya, tel, "select", dlt_load_id, xmin_, ctid_ from raw_testshop.klienty where id = 7'
    ) == [("Имя 7", "+77", "x", "theirs", "a", "b")]

    erp.run(
        """update "Клиенты" set "Имя" = 'новое', "ChangedAt" = '2026-02-01' where "ID" = 3; """
        """delete from "Клиенты" where "ID" = 9; update "Orders" set "Note" = 'moved' where "clientId" in (3, 10); """
        """alter table "Клиенты" add "newColumn" text"""
    )
    loads = {load.table: load for load in erp.extract().tables}
    assert {name: (load.tombstones, load.new_columns, load.lost) for name, load in loads.items()} == {
        "klienty": (1, ["new_column"], []), "orders": (0, [], []),
    }  # fmt: skip
    assert loads["klienty"].watermark_to == "2026-02-01T00:00:00"
    assert erp.raw("select imya from raw_testshop.klienty where id = 3") == [("новое",)]
    assert erp.raw("select count(*), count(_deleted_at) from raw_testshop.klienty") == [(20, 1)]
    assert erp.raw("select count(*) from raw_testshop.orders where note = 'moved'") == [(2,)]
    assert (
        len(erp.raw("select distinct _dlt_load_id from raw_testshop.orders where client_id in (9, 1)")) == 2
    ), "orders of the client that is gone were read again"

    erp.run("""alter table "Клиенты" alter "orderCount" type text""")
    with pytest.raises(SourceError, match=r"column klienty\.order_count was a number and is now text"):
        erp.extract()


def test_names_that_would_be_one_are_named_before_anything_is_loaded(erp: Shop) -> None:
    erp.run("""alter table "Клиенты" add "tel" text""")
    with pytest.raises(
        SourceError, match="columns Тел and tel of Клиенты are both called tel here"
    ) as refused:
        erp.extract()
    assert "rename" in refused.value.remedy
    assert columns(erp, "klienty") == set()
    clients, orders = ERP.tables
    erp.source = replace(ERP, tables=(replace(clients, rename={"Тел": "mobile"}), orders))
    erp.extract()
    assert erp.raw("select mobile, tel from raw_testshop.klienty where id = 1") == [("+71", None)]


def test_two_tables_that_would_be_one_are_told_apart_by_how_they_are_written(erp: Shop) -> None:
    erp.run('create table "ORDERS" ("ID" integer primary key)')
    erp.source = replace(ERP, tables=(*ERP.tables, Table("small", ("id",), (), at_source="orders")))
    assert {load.table: load.rows_loaded for load in erp.extract().tables} == {
        "klienty": 20, "orders": 40, "small": 100,
    }  # fmt: skip
    erp.run("alter table orders rename to unused")
    erp.source = replace(ERP, tables=(Table("orders", ("ID",), ()),))
    with pytest.raises(
        SourceError, match="tables ORDERS and Orders of the source are both called orders here"
    ):
        erp.extract()


def test_what_an_earlier_rule_named_is_renamed_once_and_stays_readable(erp: Shop) -> None:
    erp.extract()
    # As dlt's rule had it.
    erp.run_raw(
        'alter table raw_testshop.orders rename to "_orders_of_before"; '
        'alter table raw_testshop.klienty rename column dlt_id to "_dlt_id"; '
        'create view public.reader as select note as theirs from raw_testshop."_orders_of_before"; '
        "create table quarantine.testshop__klienty (row_key text, row jsonb not null); "
        """insert into quarantine.testshop__klienty values ('1', '{"id": 1, "_dlt_id": "kept"}')"""
    )
    erp.run("""alter table "Orders" rename to "_orders_of_before" """)
    # A time with a zone, as it was read before: without.
    erp.run("""alter table "Клиенты" add opens timetz default '09:00+03'""")
    erp.run_raw("alter table raw_testshop.klienty add opens time default '09:00'")
    clients, orders = ERP.tables
    erp.source = replace(ERP, tables=(clients, replace(orders, name="_orders_of_before", at_source="")))
    erp.run_raw(
        "update ops.extraction_watermarks set table_name = '_orders_of_before' where table_name = 'orders'"
    )
    loads = {load.table: load for load in erp.extract().tables}
    assert erp.raw("select distinct opens from raw_testshop.klienty") == [("09:00:00+03",)]
    assert (loads["orders_of_before"].rows_loaded < 10, loads["klienty"].new_columns) == (True, [])
    assert erp.raw("select count(theirs) from public.reader") == [(40,)]
    assert erp.raw("select row ->> 'dlt_id' from quarantine.testshop__klienty") == [("kept",)]
    assert erp.raw("select count(*), count(dlt_id) from raw_testshop.klienty") == [(20, 20)]
    assert erp.raw("select count(*) from raw_testshop.orders_of_before") == [(40,)]
    renamed = "select table_name, column_name, renamed_to from ops.raw_renames order by 1"
    assert erp.raw(renamed) == [
        ("_orders_of_before", None, "orders_of_before"),
        ("klienty", "_dlt_id", "dlt_id"),
    ]
    erp.extract()
    assert len(erp.raw(renamed)) == 2
    erp.run_raw("drop view public.reader")


def test_a_null_or_a_long_key_waits_in_quarantine_and_is_read_again_each_time(shop: Shop) -> None:
    shop.run("create table loose (code text, changed_at timestamp)")
    shop.run(
        "insert into loose select 'c' || i, '2026-01-01' from generate_series(1, 10) i; "
        "insert into loose values (null, '2020-01-01'), (null, '2026-01-01'), (repeat('ключ', 999), '2026-01-01')"
    )
    shop.source = replace(
        ERP, tables=(Table("loose", ("code",), (), watermark="changed_at", deletes="compared"),)
    )
    waiting = "select row_key is null, reasons from quarantine.testshop__loose__rejects order by 1"
    for rows in (10, 10):
        load = shop.load("loose")
        assert (load.rows_loaded, load.rows_unfit, load.tombstones) == (rows, 3, 0)
        assert shop.raw(waiting) == [
            (False, ["code: a key of more than 1,000 bytes"]), (True, ["no code"]), (True, ["no code"]),
        ]  # fmt: skip
        held = reconcile(
            shop.warehouse, "raw_testshop", "loose", ("code",), load.rows_at_source, load.rows_unfit
        )
        assert (held.rows_missing, held.rows_quarantined) == (0, 3)

    shop.run(
        "update loose set code = 'c11' where changed_at = '2020-01-01'; delete from loose where length(code) > 99"
    )
    load = shop.load("loose")
    assert (load.rows_unfit, shop.raw(waiting)) == (1, [(True, ["no code"])])
    assert shop.raw("select count(*) from raw_testshop.loose") == [(11,)]


def test_rows_that_raw_cannot_take_are_counted_and_named_by_the_summary(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "source_contracts", lambda: {"testshop": []})
    shop.run("create table loose (code text); insert into loose values ('a'), (null), (repeat('k', 2000))")
    shop.source = replace(ERP, tables=(Table("loose", ("code",), ()),))

    def figures(run_id: str) -> summary.Figures:
        load = shop.load("loose")
        ledger.record_extraction(shop.warehouse, run_id, "testshop", None, [load])
        found = summary.gather(shop.warehouse, run_id)
        shop.run_raw(f"insert into ops.publications values ('{run_id}', 'mart', 1, 1, 0)")
        return found

    first = figures("run 1")
    assert (first.newly_quarantined, first.in_quarantine, first.sources[0]["quarantined"]) == (2, 2, 2)
    lines = [
        "testshop.loose: 1 rows in quarantine: code: a key of more than 1,000 bytes",
        "testshop.loose: 1 rows in quarantine: no code",
    ]
    assert first.refused_rows == lines
    console = Console(width=200)
    with console.capture() as capture:
        summary.show(console, Outcome("run 1", True, 1.0), first, None)
    assert all(f"! {line}" in capture.get() for line in lines)

    # Known rows are no news, which exit code 3 is for; another one is.
    again = figures("run 2")
    assert (again.newly_quarantined, again.in_quarantine, again.refused_rows) == (0, 2, lines)
    shop.run("insert into loose values (repeat('m', 2000))")
    assert figures("run 3").newly_quarantined == 1


def test_a_row_wider_than_a_page_waits_and_the_others_are_loaded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wide(count: int, value: str) -> str:
        return ", ".join(f"{value} as c{i}" for i in range(count))

    narrow = "case when id = 2 then repeat(md5(id::text), 3) else 'short' end"
    shop.run(f"create view wide as select id, {wide(480, narrow)} from generate_series(1, 3) id")
    shop.source = replace(ERP, tables=(Table("wide", ("id",), ()),))
    load = shop.load("wide")
    assert (load.rows_loaded, load.rows_unfit) == (2, 1)
    assert shop.raw("select reasons from quarantine.testshop__wide__rejects") == [
        (["wider than a page of the warehouse (8,160 bytes)"],)
    ]

    monkeypatch.setattr(unfit, "PAGE_BYTES", 1 << 20)  # what is not foreseen
    with pytest.raises(
        SourceError, match=r"testshop: wide holds a value or row that is too large.*SQLSTATE 54000"
    ):
        shop.extract()

    shop.run(f"drop view wide; create view wide as select 1 as id, {wide(1599, '1')}")
    with pytest.raises(
        SourceError, match=r"with 1,119 more columns wide would have 1,602 in raw; a table takes 1,600"
    ):
        shop.extract()


def test_another_engine_is_read_by_sqlalchemy_and_what_is_no_value_of_its_column_waits(
    shop: Shop, tmp_path: Path
) -> None:
    shop.url = f"sqlite:///{tmp_path / 'shop.sqlite'}"
    engine = sa.create_engine(shop.url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            'create table "Клиенты" ("ID" integer primary key, "Имя" text, age integer, balance numeric(10, 2), rate float, '
            "seen datetime, body json, token blob, is_vip boolean)"
        )
        connection.exec_driver_sql(
            """insert into "Клиенты" values (1, 'Анна', 30, 1.25, 0.5, '2026-01-02 03:04:05', '{"a": 1}', x'00ff', 1),"""
            """ (2, 'Пётр', 'молодой', null, null, null, null, null, 0), (3, 'Zo' || char(0) || 'ë', 1, 12345678901.5,"""
            """ null, null, 'no JSON', null, null)"""
        )
    engine.dispose()
    shop.source = replace(ERP, tables=(Table("Клиенты", ("ID",), ("Имя",), deletes="compared"),))
    for _ in range(2):
        load = shop.load("klienty")
        assert (load.rows_loaded, load.rows_unfit, load.lost) == (1, 2, [])
        assert shop.raw(
            "select imya, age, balance, rate, body, token::text, is_vip from raw_testshop.klienty"
        ) == [("Анна", 30, Decimal("1.25"), 0.5, '{"a": 1}', "\\x00ff", True)]
        assert shop.raw("select row_key, reasons from quarantine.testshop__klienty__rejects order by 1") == [
            ("2", ["age: a value that is not bigint"]), ("3", ["imya: a NUL character"]),
        ]  # fmt: skip
