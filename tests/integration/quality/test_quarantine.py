"""Rows that break a row rule: out with their reason, back once mended, never lost."""

from collections import Counter

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.quality import GateOutcome, Status, Suite, forget, run_gate
from dagster_project.warehouse import Warehouse
from tests.integration.quality.conftest import DATE_RULE, MakeSuite, check, execute, load, one, rows

pytestmark = pytest.mark.every_server

BAD, GOOD = "0001-01-01", "2026-01-01"
AMOUNT_RULE = check("expect_column_values_to_be_between", column="amount_total", min_value=0) | {
    "meta": {"row_rule": "the amount is not negative"}
}
TILL_ROWS = "select id from raw_odoo.pos_order order by 1"
TILL_QUARANTINE = "select row_key from quarantine.odoo__pos_order order by 1"


def gate(warehouse: Warehouse, suite: Suite, run_id: str = "r1") -> GateOutcome:
    return run_gate(warehouse, suite, run_id=run_id)


def moves(outcome: GateOutcome) -> tuple[int, int, int]:
    return outcome.rows_quarantined, outcome.rows_still_quarantined, outcome.rows_released


# -- raw tables: a mended row comes with a later load


def test_a_bad_row_is_moved_with_its_reasons_and_the_rest_goes_on(
    tills: Warehouse, make_suite: MakeSuite
) -> None:
    suite = make_suite("raw/odoo/pos_order", DATE_RULE, AMOUNT_RULE)
    load(tills, "1", (1, BAD), (2, GOOD))
    execute(tills, "update raw_odoo.pos_order set amount_total = -1 where id = 1")
    outcome = gate(tills, suite)
    assert outcome.status is Status.WARNED
    assert moves(outcome) == (1, 0, 0)
    assert rows(tills, TILL_ROWS) == [(2,)]
    assert rows(
        tills, "select row_key, reasons, load_id, run_id, row ->> 'id' from quarantine.odoo__pos_order"
    ) == [("1", ["the amount is not negative", "the date is between 1990 and one day ahead"], "1", "r1", "1")]


def test_times_that_python_cannot_hold_are_found(tills: Warehouse, make_suite: MakeSuite) -> None:
    load(tills, "1", (1, "infinity"), (2, "0044-03-15 BC"), (3, "9999-12-31"), (4, "20260-01-01"), (5, GOOD))
    assert moves(gate(tills, make_suite("raw/odoo/pos_order", DATE_RULE))) == (4, 0, 0)
    assert rows(tills, TILL_ROWS) == [(5,)]


def test_more_bad_rows_than_great_expectations_lists_by_itself(
    tills: Warehouse, make_suite: MakeSuite
) -> None:
    execute(
        tills,
        "insert into raw_odoo.pos_order select i, timestamp '0001-01-01', 1, 'done', '', '1', null "
        "from generate_series(1, 1000) i",
    )
    load(tills, "1", (2000, GOOD))
    assert moves(gate(tills, make_suite("raw/odoo/pos_order", DATE_RULE))) == (1000, 0, 0)


def test_a_mended_row_leaves_quarantine(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", DATE_RULE)
    load(tills, "1", (1, BAD), (2, GOOD), (3, BAD))
    gate(tills, suite)
    load(tills, "2", (1, GOOD))
    outcome = gate(tills, suite, "r2")
    assert (outcome.status, moves(outcome)) == (Status.PASSED, (0, 1, 1))
    assert rows(tills, TILL_ROWS) == [(1,), (2,)]
    assert rows(tills, TILL_QUARANTINE) == [("3",)]


def test_a_row_that_is_bad_again_is_known_not_new(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", DATE_RULE)
    load(tills, "1", (1, BAD), (2, GOOD))
    gate(tills, suite)
    first = one(tills, "select first_quarantined_at from quarantine.odoo__pos_order")
    load(tills, "2", (1, "9999-01-01"))
    outcome = gate(tills, suite, "r2")
    assert (outcome.status, moves(outcome)) == (Status.PASSED, (0, 1, 0))
    entry = rows(
        tills,
        "select first_quarantined_at, last_seen_at > first_quarantined_at, load_id, run_id, "
        "row ->> 'date_order' from quarantine.odoo__pos_order",
    )
    assert entry == [(first, True, "2", "r2", "9999-01-01T00:00:00")]


def test_nothing_new_still_tells_what_is_in_quarantine(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", DATE_RULE)
    load(tills, "1", (1, BAD), (2, GOOD))
    gate(tills, suite)
    assert moves(gate(tills, suite, "r2")) == (0, 1, 0)


def test_changed_rules_judge_everything_again(tills: Warehouse, make_suite: MakeSuite) -> None:
    load(tills, "1", (1, "1985-01-01"), (2, GOOD), (3, BAD))
    gate(tills, make_suite("raw/odoo/pos_order", DATE_RULE))
    assert rows(tills, TILL_QUARANTINE) == [("1",), ("3",)]
    older = DATE_RULE | {"kwargs": DATE_RULE["kwargs"] | {"min_value": "1980-01-01 00:00:00"}}
    outcome = gate(tills, make_suite("raw/odoo/pos_order", older), "r2")
    assert (outcome.status, moves(outcome)) == (Status.PASSED, (0, 1, 1))
    assert rows(
        tills, "select id, date_order::date::text, amount_total, email, _dlt_load_id from raw_odoo.pos_order"
    ) == [
        (2, GOOD, 10.5, "anna@example.com", "1"),
        (1, "1985-01-01", 10.5, "anna@example.com", "1"),
    ]
    stricter = check("expect_column_values_to_be_in_set", column="id", value_set=[1]) | {
        "meta": {"row_rule": "only the first"}
    }
    assert moves(gate(tills, make_suite("raw/odoo/pos_order", stricter), "r3")) == (1, 1, 0)
    assert rows(tills, TILL_ROWS) == [(1,)]
    assert rows(tills, "select row_key, reasons from quarantine.odoo__pos_order order by 1") == [
        ("2", ["only the first"]),
        ("3", ["only the first"]),
    ]


def test_changed_rules_do_not_revive_a_row_that_was_replaced(tills: Warehouse, make_suite: MakeSuite) -> None:
    load(tills, "1", (1, BAD), (2, GOOD))
    gate(tills, make_suite("raw/odoo/pos_order", DATE_RULE))
    load(tills, "2", (1, GOOD))
    outcome = gate(tills, make_suite("raw/odoo/pos_order", DATE_RULE, AMOUNT_RULE), "r2")
    assert moves(outcome) == (0, 0, 1)
    assert rows(tills, "select id, date_order::date::text from raw_odoo.pos_order order by 1") == [
        (1, GOOD),
        (2, GOOD),
    ]


def test_a_failed_gate_keeps_what_it_moved_and_loses_nothing(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite(
        "raw/odoo/pos_order",
        DATE_RULE,
        check("expect_column_values_to_be_in_set", column="state", value_set=["x"]),
    )
    load(tills, "1", (1, BAD), (2, GOOD))
    assert gate(tills, suite).status is Status.FAILED
    again = gate(tills, suite, "r2")
    assert (again.status, moves(again)) == (Status.FAILED, (0, 1, 0))
    assert rows(tills, TILL_ROWS) + rows(tills, TILL_QUARANTINE) == [(2,), ("1",)]


def test_a_table_that_is_empty_after_quarantine_fails(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", DATE_RULE)
    load(tills, "1", (1, BAD))
    outcome = gate(tills, suite)
    assert outcome.status is Status.FAILED
    where = 'quarantine."odoo__pos_order"'
    assert f"raw_odoo.pos_order: the table is empty: all of its 1 rows are in {where}" in outcome.messages


def test_rows_without_a_key_and_copies_of_a_key_are_moved_whole(
    tills: Warehouse, make_suite: MakeSuite
) -> None:
    unique = check("expect_column_values_to_be_unique", column="id") | {
        "meta": {"row_rule": "one row a receipt"}
    }
    no_key = check("expect_column_values_to_not_be_null", column="id") | {
        "meta": {"row_rule": "a receipt has an id"}
    }
    suite = make_suite("raw/odoo/pos_order", unique, no_key)
    execute(
        tills,
        "insert into raw_odoo.pos_order (id, state, _dlt_load_id) values "
        "(1, 'a', '1'), (1, 'b', '1'), (null, 'c', '1'), (null, 'd', '1'), (2, 'e', '1')",
    )
    assert moves(gate(tills, suite)) == (4, 0, 0)
    assert rows(tills, "select row_key, row ->> 'state' from quarantine.odoo__pos_order order by 2") == [
        ("1", "a"),
        ("1", "b"),
        (None, "c"),
        (None, "d"),
    ]


def test_a_key_of_two_columns(clean_warehouse: Warehouse, make_suite: MakeSuite) -> None:
    execute(
        clean_warehouse,
        "create table raw_asterisk.cdr as select * from (values ('a', 1, timestamp '0001-01-01', '1'), "
        "('a', 2, timestamp '2026-01-01', '1')) as v (uniqueid, sequence, \"end\", _dlt_load_id)",
    )
    rule = check("expect_column_values_to_be_between", column="end", min_value="1990-01-01 00:00:00") | {
        "meta": {"row_rule": "the call ends after 1990"}
    }
    gate(clean_warehouse, make_suite("raw/asterisk/cdr", rule, key=["uniqueid", "sequence"]))
    assert one(clean_warehouse, "select row_key from quarantine.asterisk__cdr") == "a|1"
    assert one(clean_warehouse, "select sequence from raw_asterisk.cdr") == 2


def test_a_row_that_its_source_no_longer_has_is_forgotten(tills: Warehouse, make_suite: MakeSuite) -> None:
    with tills.begin() as connection:
        assert forget(connection, "raw_odoo", "pos_order", ["id"], "raw_odoo.pos_order") == 0
    load(tills, "1", (1, BAD), (2, GOOD), (3, BAD))
    gate(tills, make_suite("raw/odoo/pos_order", DATE_RULE))
    with tills.begin() as connection:
        connection.execute(
            sa.text(
                "create temp table source_keys on commit drop as select * from (values (2), (3)) as v (id)"
            )
        )
        assert forget(connection, "raw_odoo", "pos_order", ["id"], "source_keys") == 1
    assert rows(tills, TILL_QUARANTINE) == [("3",)]


# -- contracts: dbt makes the table anew


def build_orders(warehouse: Warehouse, *orders: tuple[str, str]) -> None:
    """intermediate.orders as dbt makes it: a new table in the old one's place."""
    execute(warehouse, "drop table if exists intermediate.orders")
    execute(warehouse, "create table intermediate.orders (order_id text, status text)")
    for order_id, status in orders:
        execute(warehouse, "insert into intermediate.orders values (:o, :s)", o=order_id, s=status)


STATUS_RULE = check("expect_column_values_to_be_in_set", column="status", value_set=["paid", "placed"]) | {
    "meta": {"row_rule": "the status is in the dictionary"}
}


def test_a_contract_row_is_known_when_it_is_built_again(
    clean_warehouse: Warehouse, make_suite: MakeSuite
) -> None:
    suite = make_suite("intermediate/orders", STATUS_RULE, key=["order_id"])
    build_orders(clean_warehouse, ("a", "paid"), ("b", "eaten"), ("c", "lost"), ("d", "gone"))
    assert moves(gate(clean_warehouse, suite)) == (3, 0, 0)
    build_orders(clean_warehouse, ("a", "paid"), ("b", "eaten"), ("c", "placed"))
    outcome = gate(clean_warehouse, suite, "r2")
    assert (outcome.status, moves(outcome)) == (Status.PASSED, (0, 1, 2)), "c is mended, d is gone"
    assert rows(clean_warehouse, "select order_id from intermediate.orders order by 1") == [("a",), ("c",)]
    assert rows(clean_warehouse, "select row_key, run_id from quarantine.orders") == [("b", "r2")]


def test_a_contract_gated_twice_loses_nothing(clean_warehouse: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("intermediate/orders", STATUS_RULE, key=["order_id"])
    build_orders(clean_warehouse, ("a", "paid"), ("b", "eaten"))
    gate(clean_warehouse, suite)
    assert moves(gate(clean_warehouse, suite, "r2")) == (0, 1, 0)
    wider = make_suite(
        "intermediate/orders",
        STATUS_RULE | {"kwargs": {"column": "status", "value_set": ["paid", "eaten"]}},
        key=["order_id"],
    )
    assert moves(gate(clean_warehouse, wider, "r3")) == (0, 0, 1)
    assert rows(clean_warehouse, "select * from intermediate.orders order by 1") == [
        ("a", "paid"),
        ("b", "eaten"),
    ]
    assert one(clean_warehouse, "select count(*) from quarantine.orders") == 0


def test_an_emptied_contract_keeps_no_stale_entries(
    clean_warehouse: Warehouse, make_suite: MakeSuite
) -> None:
    suite = make_suite("intermediate/orders", STATUS_RULE, key=["order_id"], may_be_empty=True)
    build_orders(clean_warehouse, ("a", "paid"), ("b", "eaten"))
    gate(clean_warehouse, suite)
    build_orders(clean_warehouse)
    assert moves(gate(clean_warehouse, suite, "r2")) == (0, 0, 1)


# -- nothing is lost, whatever comes


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.booleans(),  # whether the rules change before this load
            st.dictionaries(st.integers(1, 8), st.sampled_from([BAD, GOOD, "1985-01-01"]), max_size=6),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_row_is_in_the_table_or_in_quarantine(
    tills: Warehouse, make_suite: MakeSuite, loads: list[tuple[bool, dict[int, str]]]
) -> None:
    execute(tills, "truncate raw_odoo.pos_order; drop table if exists quarantine.odoo__pos_order")
    execute(tills, "truncate ops.gated_loads, ops.gate_results")
    newest: dict[int, str] = {}
    since = "1990"
    for number, (is_changed, orders) in enumerate(loads, start=1):
        if is_changed:
            since = {"1990": "1980", "1980": "1990"}[since]
        rule = DATE_RULE | {"kwargs": DATE_RULE["kwargs"] | {"min_value": f"{since}-01-01 00:00:00"}}
        load(tills, str(number), *orders.items())
        newest |= orders
        gate(tills, make_suite("raw/odoo/pos_order", rule, may_be_empty=True), f"r{number}")
        with tills.begin() as connection:
            good = Counter(connection.scalars(sa.text("select id from raw_odoo.pos_order")))
            has_quarantine = connection.scalar(sa.text("select to_regclass('quarantine.odoo__pos_order')"))
            query = "select row_key::integer from quarantine.odoo__pos_order"
            bad = Counter(connection.scalars(sa.text(query)) if has_quarantine else [])
        assert good == Counter(k for k, date in newest.items() if date[:4] >= since)
        assert bad == Counter(k for k, date in newest.items() if date[:4] < since)


def test_what_is_not_in_a_closed_list_is_counted_by_source_and_named_unless_it_may_be_personal(
    clean_warehouse: Warehouse, make_suite: MakeSuite
) -> None:
    rule = check("expect_column_values_to_be_in_set", column="channel", value_set=["phone"])
    suite = make_suite(
        "intermediate/calls", rule | {"meta": {"row_rule": "channel is a known one"}}, key=["id"]
    )
    execute(
        clean_warehouse,
        "create table intermediate.calls (id text, source_system text, channel text); "
        "insert into intermediate.calls values ('1', 'pbx', 'phone'), ('2', 'pbx', 'kiosk'), "
        "('3', 'pbx', 'kiosk'), ('4', 'events', '+79161234567'), ('5', 'events', 'anna@example.ru')",
    )
    outcome = gate(clean_warehouse, suite)
    assert (outcome.status, outcome.rows_quarantined) == (Status.WARNED, 4)
    assert outcome.messages == (
        "intermediate.calls.channel: 4 of 5 rows break 'channel is a known one' "
        "(pbx: 'kiosk' 2, events: another value 1, events: another value 1), "
        'moved to quarantine."calls"',
    )


def test_a_row_whose_key_no_index_takes_waits_as_any_other(
    clean_warehouse: Warehouse, make_suite: MakeSuite
) -> None:
    execute(
        clean_warehouse,
        "create table intermediate.customer_record_identifiers as "
        "select 'crm' as source_system, 'c' || n as source_record_id, 'email' as kind, "
        "case when n = 1 then (select string_agg(md5(i::text), '') from generate_series(1, 320) i) "
        "else 'anna@example.ru' end as value from generate_series(1, 3) n",
    )
    rule = check("expect_column_value_lengths_to_be_between", column="value", min_value=1, max_value=320)
    suite = make_suite(
        "intermediate/customer_record_identifiers",
        rule | {"meta": {"row_rule": "an identifier has 1 to 320 characters"}},
        key=["source_system", "source_record_id", "kind", "value"],
    )
    assert moves(gate(clean_warehouse, suite)) == (1, 0, 0)
    assert rows(
        clean_warehouse,
        "select row ->> 'source_record_id', length(row_key) > 10000, reasons "
        "from quarantine.customer_record_identifiers",
    ) == [("c1", True, ["an identifier has 1 to 320 characters"])]
