"""Extraction from a real database into a real warehouse: increments, tombstones, refusals."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from dagster_project.assets.raw import reconciled
from dagster_project.errors import SourceError, SourceUnavailable, WarehouseError
from dagster_project.quality import Reconciliation, reconcile
from dagster_project.sources import Table
from dagster_project.sources import extract as extract_module
from dagster_project.summary import gather
from dagster_project.warehouse import ledger
from tests.integration.sources.conftest import SHOP, Shop


def test_the_first_load_brings_every_row_with_its_values(shop: Shop) -> None:
    done = shop.extract()

    assert {load.table: load.rows_loaded for load in done.tables} == {
        "orders": 100, "order_items": 200, "calls": 50, "empty_so_far": 0,
    }  # fmt: skip
    assert {load.table: load.rows_at_source for load in done.tables}["orders"] == 100
    assert shop.raw("select id, amount, placed_at, note from raw_testshop.orders where id = 7") == [
        (7, Decimal("10.50"), dt.datetime(2026, 1, 1, 7), "заказ 7")
    ]
    assert shop.raw("select count(distinct _dlt_load_id) from raw_testshop.orders") == [(1,)]


def test_a_table_without_rows_is_made_all_the_same_with_its_optional_columns(shop: Shop) -> None:
    shop.extract()

    assert shop.raw("select id, changed_at, mobile, _deleted_at from raw_testshop.empty_so_far") == []


def test_a_table_that_was_empty_fills_up_later(shop: Shop) -> None:
    shop.run("alter table empty_so_far add share float8")
    shop.extract()
    shop.run("insert into empty_so_far values (1, '2026-03-01', 0.25)")

    assert shop.load("empty_so_far").rows_loaded == 1
    assert shop.raw("select id, mobile, share from raw_testshop.empty_so_far") == [(1, None, 0.25)]


MODULE = Table(
    "cards",
    ("id",),
    ("code", "points"),
    optional=("member_id", "is_live", "data"),
    watermark="changed_at",
    deletes="compared",
    amount="paid",
    types={"id": "integer", "points": "float", "member_id": "integer", "is_live": "boolean", "data": "json",
           "changed_at": "time"},
    is_optional=True,
)  # fmt: skip


def test_a_module_that_is_not_installed_is_an_empty_table_and_is_read_once_it_is(shop: Shop) -> None:
    shop.source = replace(SHOP, tables=(*SHOP.tables, MODULE))
    assert shop.load("cards").is_absent
    types = shop.raw(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = 'raw_testshop' and table_name = 'cards' and column_name !~ '^_'"
    )
    assert dict(types) == {
        "id": "bigint", "changed_at": "timestamp without time zone", "code": "text", "points": "double precision",
        "member_id": "bigint", "is_live": "boolean", "data": "json", "paid": "numeric",
    }  # fmt: skip

    # In other types than declared, while a view reads the table.
    shop.run_raw("create view public.reader as select id, points from raw_testshop.cards")
    shop.run(
        "create table cards (id integer primary key, code varchar, points numeric(9, 2), member_id varchar, "
        "paid numeric, changed_at timestamp)"
    )
    shop.run("insert into cards values (1, 'a', 1.25, 'm-1', 7, '2026-01-01')")
    assert shop.load("cards").rows_loaded == 1
    assert shop.raw("select id, code, points, member_id, is_live, data, paid from raw_testshop.cards") == [
        (1, "a", Decimal("1.25"), "m-1", None, None, Decimal(7))
    ]

    shop.run("drop table cards")
    with pytest.raises(SourceError, match=r"testshop\.cards returns no rows where there were 1"):
        shop.extract()
    assert shop.load("cards", may_be_emptied=frozenset({"testshop.cards"})).tombstones == 1


def test_an_optional_column_that_is_missing_has_its_type_and_takes_the_source_s_when_it_comes(
    shop: Shop,
) -> None:
    typed = replace(SHOP.table("orders"), optional=("parent_id", "rate"), types={"parent_id": "integer"})
    # As the release before left it: null, and text.
    shop.source = replace(SHOP, tables=(replace(typed, types={}), *SHOP.tables[1:]))
    shop.extract()
    shop.source = replace(SHOP, tables=(typed, *SHOP.tables[1:]))
    shop.extract()
    assert shop.raw(
        "select count(*) from raw_testshop.orders o join raw_testshop.orders p on p.id = o.parent_id"
    ) == [(0,)]

    shop.run("alter table orders add parent_id integer, add rate float8")
    shop.run("update orders set parent_id = 1, rate = 0.5, changed_at = '2026-02-01' where id = 7")
    assert shop.load("orders").rows_loaded == 3
    assert shop.raw("select parent_id, rate from raw_testshop.orders where id = 7") == [(1, 0.5)]
    assert shop.raw("select count(*), count(parent_id) from raw_testshop.orders") == [(100, 1)]


def test_a_second_load_reads_the_look_back_and_what_changed(shop: Shop) -> None:
    shop.extract()
    shop.run("update orders set note = 'новое', changed_at = '2026-02-01' where id = 3")
    shop.run("update order_items set sku = 'changed' where id = 5")  # of order 3

    done = {load.table: load for load in shop.extract().tables}

    assert done["orders"].rows_loaded == 2 + 1  # the last two hours' look-back, and the change
    assert done["order_items"].rows_loaded == 2 * 3
    assert shop.raw("select note from raw_testshop.orders where id = 3") == [("новое",)]
    assert shop.raw("select sku from raw_testshop.order_items where id = 5") == [("changed",)]
    assert shop.raw("select count(*) from raw_testshop.orders") == [(100,)]


def test_rows_that_left_the_source_get_a_tombstone_and_lose_it_when_they_return(shop: Shop) -> None:
    shop.extract()
    shop.run("create table kept as select * from orders where id = 9; delete from orders where id = 9")

    assert shop.load("orders").tombstones == 1
    assert shop.raw("select id from raw_testshop.orders where _deleted_at is not null") == [(9,)]
    assert shop.load("orders").tombstones == 0, "a tombstone is set once"

    shop.run("insert into orders select * from kept")
    assert shop.load("orders").returned == 1
    assert shop.raw("select count(*) from raw_testshop.orders where _deleted_at is not null") == [(0,)]


def test_rows_of_a_rotated_log_stay(shop: Shop) -> None:
    shop.extract()
    shop.run("delete from calls where uniqueid < 'c3'")
    shop.extract()

    assert shop.raw("select count(*), count(_deleted_at) from raw_testshop.calls") == [(50, 0)]


def test_a_late_row_of_a_rotated_log_is_found(shop: Shop) -> None:
    """Raw has more rows than the source: what the log had before it was rotated does not count."""
    shop.extract()
    shop.run("delete from calls where ended_at < (select max(ended_at) - interval '10 hours' from calls)")
    shop.extract()
    shop.run("insert into calls select 'late', 0, max(ended_at) - interval '9 hours' from calls")
    shop.extract()
    assert shop.raw("select count(*), count(_deleted_at) from raw_testshop.calls") == [(51, 0)]


def test_a_row_from_the_future_does_not_hide_the_ones_after_it(shop: Shop) -> None:
    shop.run("insert into orders values (101, 1, '9999-12-31', 'x', '9999-12-31')")
    shop.run("insert into orders values (102, 1, '0001-01-01', 'x', '0001-01-01')")
    assert shop.load("orders").watermark_to == "2026-01-05T04:00:00"

    shop.run("insert into orders values (103, 1, '2026-02-01', 'x', '2026-02-01')")
    shop.extract()

    assert shop.raw("select id from raw_testshop.orders where id > 100 order by id") == [
        (101,),
        (102,),
        (103,),
    ]


def test_a_new_column_is_taken_in_and_reported(shop: Shop) -> None:
    shop.extract()
    shop.run("alter table orders add column channel text default 'web'")
    shop.run("update orders set changed_at = '2026-02-01' where id = 1")

    assert shop.load("orders").new_columns == ["channel"]
    assert shop.raw("select channel from raw_testshop.orders where id = 1") == [("web",)]


def test_a_number_that_grows_is_a_watermark_with_numbers_to_look_back(shop: Shop) -> None:
    orders = replace(SHOP.table("orders"), watermark="id", look_back_numbers=10)
    shop.source = replace(SHOP, tables=(orders,))
    shop.run("create table late as select * from orders where id = 95; delete from orders where id = 95")
    shop.extract()
    # A number is given before its transaction commits: 95 lands after 100.
    shop.run("insert into orders select * from late; insert into orders (id) values (101)")

    assert shop.load("orders").rows_loaded == 12  # from 90
    assert shop.raw("select count(*) from raw_testshop.orders where id in (95, 101)") == [(2,)]


def test_of_a_narrow_table_only_the_named_columns_are_read(shop: Shop) -> None:
    orders = replace(SHOP.table("orders"), is_narrow=True)
    shop.source = replace(SHOP, tables=(orders,))
    shop.run("alter table orders add column password text default 'secret'")

    assert shop.load("orders").new_columns == []
    columns = shop.raw(
        "select string_agg(column_name, ' ' order by column_name) from information_schema.columns "
        "where table_schema = 'raw_testshop' and table_name = 'orders' and column_name not like '\\_%'"
    )
    assert columns == [("amount changed_at id placed_at",)]
    shop.run("update orders set password = 'other', changed_at = '2026-02-01' where id = 1")
    assert shop.load("orders").new_columns == []


def test_a_killed_load_leaves_its_window_to_be_read_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.extract()
    shop.run("update orders set note = 'во время', changed_at = '2026-02-01' where id = 3")
    shop.run("insert into order_items values (201, 3, 'late')")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(extract_module.keys, "index", killed)  # loaded, but not finished
        with pytest.raises(KeyboardInterrupt):
            shop.extract()
    # What came later than the killed load's rows must not hide the children it did not finish.
    shop.run("delete from order_items where id = 201; insert into order_items values (202, 3, 'later')")
    shop.extract()

    assert shop.raw("select id from raw_testshop.order_items where id > 200 and _deleted_at is null") == [
        (202,)
    ]


def test_a_killed_first_load_is_read_again_and_no_row_stands_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(extract_module.keys, "index", killed)  # the rows are in, without a key and unfinished
        with pytest.raises(KeyboardInterrupt):
            shop.extract()
    loaded = shop.raw("select id from raw_testshop.orders order by id")
    assert len(loaded) > 1
    shop.run("update orders set note = 'позже', changed_at = changed_at + interval '1 minute' where id = 3")
    shop.extract()
    assert shop.raw("select id from raw_testshop.orders order by id") == loaded
    assert shop.raw("select note from raw_testshop.orders where id = 3") == [("позже",)]


def test_rows_that_no_window_shows_are_read_by_their_keys(shop: Shop) -> None:
    items = replace(SHOP.table("order_items"), deletes="kept")
    calls = replace(SHOP.table("calls"), refers={"sequence": "orders"})
    shop.source = replace(SHOP, tables=(SHOP.table("orders"), items, calls))
    shop.run("update calls set sequence = 9 where uniqueid in ('c1', 'c2')")
    shop.extract()
    shop.run("insert into orders values (101, 1, '2020-01-01', 'old', '2020-01-01')")
    shop.run(
        "update order_items set id = 201 where id = 5; update orders set changed_at = now() where id = 3"
    )
    shop.run("delete from orders where id = 9")
    done = {load.table: load for load in shop.extract().tables}

    assert shop.raw("select note from raw_testshop.orders where id = 101") == [("old",)]
    assert done["order_items"].tombstones == 1
    assert shop.raw("select id from raw_testshop.order_items where _deleted_at is not null") == [(5,)]
    assert shop.raw("select id from raw_testshop.order_items where order_id = 3 and _deleted_at is null order by 1") == [
        (6,), (201,),
    ]  # fmt: skip
    loads = "select count(distinct _dlt_load_id) from raw_testshop.calls where uniqueid in ('c1', 'c3')"
    assert shop.raw(loads) == [(2,)], "a call that refers to the lost order was read again"


# -- did all of it arrive? ------------------------------------------------------------------------------


def test_each_load_tells_what_it_brought_and_that_all_of_it_arrived(shop: Shop) -> None:
    orders = replace(SHOP.table("orders"), amount="amount")
    shop.source = replace(SHOP, tables=(orders,))
    ledger.record_extraction(shop.warehouse, "run 1", "testshop", None, shop.extract().tables)
    shop.run(
        "insert into orders values (101, 7.25, now(), 'new', '2026-02-01'); delete from orders where id = 9; "
        "insert into orders values (102, 1, now(), 'long ago', '2020-01-01')"
    )
    done = shop.extract()
    ledger.record_extraction(shop.warehouse, "run 2", "testshop", done.load_id, done.tables)

    brought = (
        "select run_id, rows_read, rows_arrived, rows_inserted, rows_updated, rows_lost, tombstones, amount_read, "
        "amount_read - amount_arrived from ops.loads where source = 'testshop' order by load_id"
    )
    assert shop.raw(brought) == [
        ("run 1", 100, 100, 100, 0, 0, 0, Decimal("7575.00"), 0),
        ("run 2", 3, 3, 1, 2, 0, 0, Decimal("305.75"), 0),  # the look-back's two and the new one
        ("run 2", 1, 1, 1, 0, 0, 1, Decimal("1.00"), 0),  # no window showed it
    ]
    assert done.tables[0].lost == []

    def check() -> dg.AssetCheckResult:
        load = done.tables[0]
        held = reconcile(shop.warehouse, "raw_testshop", "orders", ("id",), load.rows_at_source)
        return reconciled(shop.source, load, held)

    assert check().passed
    with shop.warehouse.begin() as connection:
        connection.exec_driver_sql("delete from raw_testshop.orders where id in (3, 101)")
    assert (check().passed, "2 rows of the source" in str(check().description)) == (False, True)


@pytest.mark.parametrize(
    ("spoil", "says", "summary"),
    [
        (
            "if new.id = 101 then return null; end if",
            "3 rows were read, 2 arrived in raw",
            "1 did not arrive in raw",
        ),
        ("new.amount = new.amount + 1", "amounts were 305.75 and are 308.75 in raw", "the sum of amount"),
    ],
)
def test_what_a_load_loses_is_told(shop: Shop, spoil: str, says: str, summary: str) -> None:
    shop.source = replace(SHOP, tables=(replace(SHOP.table("orders"), amount="amount", deletes="kept"),))
    shop.extract()
    with shop.warehouse.begin() as connection:
        connection.exec_driver_sql(
            "create function raw_testshop.spoil() returns trigger language plpgsql as "
            f"$$ begin {spoil}; return new; end $$; create trigger spoil before insert on raw_testshop.orders "
            "for each row execute function raw_testshop.spoil()"
        )
    shop.run("insert into orders values (101, 7.25, now(), 'new', '2026-02-01')")
    done = shop.extract()

    assert says in done.tables[0].lost[0]
    check = reconciled(shop.source, done.tables[0], Reconciliation(101, 101, 0))
    assert (check.passed, says in str(check.description)) == (False, True)
    ledger.record_extraction(shop.warehouse, "run", "odoo", done.load_id, done.tables)
    assert any(summary in line for line in gather(shop.warehouse, "run").unexplained)


def test_an_amount_that_is_no_exact_number_is_refused(shop: Shop) -> None:
    shop.source = replace(SHOP, tables=(replace(SHOP.table("orders"), amount="note"),))
    with pytest.raises(SourceError, match=r"the amount orders\.note is no exact number"):
        shop.extract()


# -- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("drop table order_items", "no table order_items"),
        ("alter table orders rename column amount to sum", "no column orders.amount"),
        ("alter table calls drop column ended_at", "no column calls.ended_at"),
        ("insert into calls values ('c1', 0, '2026-01-03')", "1 values of the key (uniqueid, sequence)"),
    ],
)
def test_a_source_that_is_not_as_declared_is_refused_before_anything_is_loaded(
    shop: Shop, spoil: str, says: str
) -> None:
    shop.run(spoil)

    with pytest.raises(SourceError) as refused:
        shop.extract()

    assert says in refused.value.problem
    assert refused.value.remedy
    assert shop.raw("select count(*) from pg_tables where schemaname = 'raw_testshop'") == [(0,)]


def test_a_raw_table_dropped_as_the_refusal_says_is_read_anew_in_its_new_type(shop: Shop) -> None:
    shop.extract()
    shop.run("alter table orders alter column amount type text")
    with pytest.raises(SourceError, match=r"orders\.amount was a number and is now text") as refused:
        shop.extract()
    assert "drop table raw_testshop.orders cascade" in refused.value.remedy
    shop.run_raw("drop table raw_testshop.orders cascade")
    assert shop.load("orders").rows_loaded == 100
    assert shop.raw("select amount from raw_testshop.orders where id = 7") == [("10.50",)]
    shop.run("update orders set note = 'новое', changed_at = '2026-02-01' where id = 3")
    shop.extract()
    assert shop.raw("select note, count(*) over () from raw_testshop.orders where id = 3") == [("новое", 1)]


def test_a_dropped_schema_is_made_anew(shop: Shop) -> None:
    shop.extract()
    shop.run_raw(
        "drop schema if exists raw_testshop, raw_testshop_staging cascade; create schema raw_testshop"
    )
    assert shop.load("orders").rows_loaded == 100
    assert shop.raw("select count(*) from raw_testshop.order_items") == [(200,)]
    shop.extract()


def test_columns_that_grew_take_what_they_may_now_hold(shop: Shop) -> None:
    shop.run(
        "alter table order_items add quantity smallint default 1; alter table order_items alter sku type varchar(10)"
    )
    shop.extract()
    with shop.warehouse.begin() as connection:  # as dbt's staging does
        connection.exec_driver_sql(
            "create view raw_testshop.seen as select id, amount from raw_testshop.orders"
        )
    shop.run(
        "alter table orders alter amount type numeric(20, 4), alter note type varchar(5000), alter id type bigint; "
        "alter table order_items alter id type bigint, alter order_id type bigint, alter quantity type bigint, "
        "alter sku type text"
    )
    shop.run(
        "insert into orders values (5000000000, 1234567890123.4567, '2026-03-01', repeat('ё', 5000), '2026-03-01'); "
        "insert into order_items values (6000000000, 5000000000, repeat('x', 400), 7000000000)"
    )

    shop.extract()

    assert shop.raw("select amount, length(note) from raw_testshop.orders where id = 5000000000") == [
        (Decimal("1234567890123.4567"), 5000)
    ]
    assert shop.raw("select length(sku), quantity from raw_testshop.order_items where id = 6000000000") == [
        (400, 7000000000)
    ]


def test_a_table_that_lost_all_its_rows_is_refused_unless_that_is_meant(shop: Shop) -> None:
    shop.extract()
    shop.run("delete from order_items")

    with pytest.raises(SourceError, match=r"order_items returns no rows where there were 200") as refused:
        shop.extract()
    assert "C360_MAY_BE_EMPTIED=testshop.order_items" in refused.value.remedy
    assert shop.raw("select count(*) from raw_testshop.order_items where _deleted_at is null") == [(200,)]

    assert shop.load("order_items", may_be_emptied=frozenset({"testshop.order_items"})).tombstones == 200


def test_bytes_that_are_no_utf8_are_named_by_table_and_column(
    shop: Shop, new_database: Callable[[str], str]
) -> None:
    shop.url = new_database("encoding 'SQL_ASCII' locale 'C' template template0")
    from tests.integration.sources.conftest import DDL

    shop.run(DDL.replace("'заказ ' || i", "'order'"))
    shop.run(r"update orders set note = E'\xd0\x97\xff' where id = 5")

    with pytest.raises(SourceError) as refused:
        shop.extract()

    assert "orders" in refused.value.problem
    assert "note" in refused.value.problem
    assert "\xff" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"password": "wrong"}, SourceError, "password authentication failed"),
        ({"database": "nowhere"}, SourceError, '"nowhere" does not exist'),
        ({"username": "nobody"}, SourceError, "password authentication failed"),
        ({"port": 1}, SourceUnavailable, "127.0.0.1:1"),
        ({"host": "no.such.host.invalid"}, SourceUnavailable, "no.such.host.invalid"),
    ],
)
def test_a_wrong_url_says_which_part_of_it_and_never_the_password(
    shop: Shop, change: dict, error: type[Exception], says: str
) -> None:
    url = sa.make_url(shop.url).set(**change)
    shop.url = url.render_as_string(hide_password=False)

    with pytest.raises(error) as refused:
        shop.extract()

    assert type(refused.value) is error
    assert says in str(refused.value)
    assert "C360_SOURCE_TESTSHOP_URL" in str(refused.value)
    assert str(url.password) not in str(refused.value) or url.password == "wrong"


def test_a_disk_without_room_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)

    with pytest.raises(WarehouseError, match="testshop: No space left on the disk below C360_HOME"):
        shop.extract()


def test_a_warehouse_that_goes_away_while_loading_is_the_warehouses_error(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dlt

    real = dlt.Pipeline.load

    def load_without_server(self: dlt.Pipeline, *arguments: object, **more: object) -> object:
        with shop.warehouse.admin_engine("postgres").connect() as admin:
            admin.exec_driver_sql("alter role c360_owner nologin")
        return real(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(dlt.Pipeline, "load", load_without_server)
    try:
        with pytest.raises(WarehouseError, match="loading into the warehouse") as lost:
            shop.extract()
        assert "run the refresh again" in lost.value.remedy
    finally:
        with shop.warehouse.admin_engine("postgres").connect() as admin:
            admin.exec_driver_sql("alter role c360_owner login")
    monkeypatch.setattr(dlt.Pipeline, "load", real)
    assert shop.load("orders").rows_loaded == 100
