"""What one source's staging models would do to everybody: found before the conformed tables are built."""

from collections.abc import Iterator

import pytest

from dagster_project.quality import Expectation, holding
from dagster_project.quality.staged import ConformedTable, find_faults, hold_faulty
from dagster_project.warehouse import Warehouse
from tests.integration.quality.conftest import execute

CHANNEL = Expectation(
    *(0, "expect_column_values_to_be_in_set", {"column": "channel", "value_set": {"$PARAMETER": "channels"}}),
    *("critical", None, "channel is a known one"),
)
ORDERS = ConformedTable(
    "orders",
    key=("order_id",),
    columns={
        "order_id": "text",
        "source_system": "text",
        "channel": "text",
        "amount_total": "numeric(18, 4)",
        "ordered_at": "timestamptz",
        "card": "text",
        "note": "text",
    },
    indexed=("order_id", "card"),
    amount="amount_total",
    rules=(CHANNEL,),
)
SOURCE_ROWS = ConformedTable(
    "source_rows",
    key=("source_system", "table_name", "row_id", "contract"),
    columns=dict.fromkeys(
        ("source_system", "table_name", "row_id", "contract", "contract_row_id", "left_out"), "text"
    )
    | {"amount": "numeric(18, 4)"},
)
TABLES = (ORDERS, SOURCE_ROWS)
WHICH = "where order_id in ('shop:1', 'shop:2')"


@pytest.fixture(scope="module")
def staging(warehouse: Warehouse) -> Iterator[Warehouse]:
    execute(
        warehouse,
        """
        create schema if not exists staging;
        create table staging.written as
        select 'shop:' || n as order_id, 'shop' as source_system, 'web' as channel, '10.5' as amount, false as is_gone,
            '' as card, '' as note
        from generate_series(1, 40) n;
        create table staging.sound as table staging.written;
        create view staging.stg_shop__orders as
        select order_id, source_system, channel, card, note, cast(amount as numeric) as amount_total
        from staging.written where not is_gone;
        create view staging.stg_shop__source_rows as
        select 'shop' as source_system, 'orders' as table_name, order_id as row_id, 'orders' as contract,
            order_id as contract_row_id, null as left_out, 10.5 as amount
        from staging.sound;
        """,
    )
    yield warehouse
    execute(warehouse, "drop table staging.written, staging.sound cascade")


@pytest.fixture(autouse=True)
def sound(staging: Warehouse) -> None:
    execute(staging, "truncate staging.written; insert into staging.written select * from staging.sound")


def faults(warehouse: Warehouse) -> list[str]:
    return find_faults(warehouse, "shop", TABLES)


def test_a_sound_source_has_no_faults_and_leaves_nothing_behind(staging: Warehouse) -> None:
    assert faults(staging) == faults(staging) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("order_id = null", "stg_shop__orders.order_id: 2 of 40 rows have none, and it is part of the key"),
        (
            "order_id = 'shop:9'",
            "stg_shop__orders: 1 values of the key (order_id) are there more than once, in 3 of 40 rows",
        ),
        (
            "order_id = order_id || repeat('0', 1250)",
            "stg_shop__orders.order_id: 2 of 40 rows are longer than an index takes (1,250 bytes)",
        ),
        (
            "card = repeat('0', 1251)",
            "stg_shop__orders.card: 2 of 40 rows are longer than an index takes (1,250 bytes)",
        ),
        ("note = repeat('0', 1251)", None),
        ("source_system = 'erp'", "stg_shop__orders.source_system: 2 of 40 rows are not of shop"),
        ("amount = 'двенадцать'", "stg_shop__orders.amount_total: invalid input syntax for type numeric: …"),
        ("amount = '1e15'", "stg_shop__orders.amount_total: numeric field overflow"),
        (
            "is_gone = true",
            "raw_shop.orders: 2 of 40 rows are not in orders as stg_shop__source_rows has them",
        ),
        ("amount = '11'", "raw_shop.orders: the sum of amount_total is another in orders"),
    ],
)
def test_what_one_source_has_wrong_is_named_without_a_value(
    staging: Warehouse, broken: str, said: str | None
) -> None:
    execute(staging, f"update staging.written set {broken} {WHICH}")
    assert faults(staging) == ([said] if said else [])


def test_few_unknown_words_are_the_gates_and_most_put_the_source_on_hold(staging: Warehouse) -> None:
    execute(staging, f"update staging.written set channel = 'kiosk' {WHICH}")
    assert faults(staging) == []
    execute(staging, "update staging.written set channel = 'kiosk'")
    assert faults(staging) == ["stg_shop__orders.channel: 40 of 40 rows break 'channel is a known one'"]


def test_a_model_that_is_missing_or_has_a_column_too_many_is_named(staging: Warehouse) -> None:
    assert find_faults(staging, "kiosk", (ORDERS,)) == ["dbt has not built stg_kiosk__orders"]
    fewer = ConformedTable(
        "orders", ORDERS.key, {name: kind for name, kind in ORDERS.columns.items() if name != "amount_total"}
    )
    assert find_faults(staging, "shop", (fewer,)) == [
        "stg_shop__orders.amount_total: the conformed table orders has no such column"
    ]


def test_a_faulty_source_is_on_hold_until_it_is_sound(staging: Warehouse) -> None:
    tables = {"shop": TABLES, "erp": (), "phone": ()}
    lines: list[str] = []
    holding.hold(staging, "erp", holding.EXTRACTION, "It does not answer.", "r1")
    execute(staging, f"update staging.written set amount = 'двенадцать' {WHICH}")
    hold_faulty(
        staging, tables, {"phone": ["dbt model stg_phone__calls: no such column"]}, "r1", lines.append
    )
    assert holding.causes(staging) == {
        "shop": {holding.STAGED},
        "erp": {holding.EXTRACTION},
        "phone": {holding.STAGED},
    }
    assert lines[0] == (
        "shop is on hold: stg_shop__orders.amount_total: invalid input syntax for type numeric: …. "
        "Fix it at the source, or in dbt_project/models/staging/shop."
    )
    sound_again = {**tables, "shop": ()}
    hold_faulty(staging, sound_again, {}, "r2", lines.append)
    assert holding.causes(staging) == {"erp": {holding.EXTRACTION}}
    holding.release(staging, "erp", holding.EXTRACTION)
