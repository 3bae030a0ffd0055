"""Gates on a real PostgreSQL: each kind passing and failing, and what they write down."""

import contextlib
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from dagster_project.config import EXPECTATIONS_DIR
from dagster_project.errors import GateError, WarehouseError
from dagster_project.quality import Batch, GateOutcome, Status, Suite, ledger, load_suites, run_gate
from dagster_project.quality.metrics import Planner, Rows
from dagster_project.quality.quarantine import Place
from dagster_project.warehouse import Warehouse
from tests.integration.quality.conftest import DATE_RULE, MakeSuite, check, execute, load, one, rows

NOT_NULL = check("expect_column_values_to_not_be_null", column="id")
STATES = check("expect_column_values_to_be_in_set", "warning", column="state", value_set=["done", "paid"])


def gate(warehouse: Warehouse, suite: Suite, run_id: str = "r1") -> GateOutcome:
    return run_gate(warehouse, suite, run_id=run_id)


def test_a_sound_load_passes_and_is_not_looked_at_again(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", NOT_NULL, STATES, DATE_RULE)
    load(tills, "1", (1, "2026-01-01"), (2, "2026-01-02"))
    first = gate(tills, suite)
    assert (first.status, first.rows_checked, len(first.results)) == (Status.PASSED, 2, 3), first.messages
    second = gate(tills, suite, "r2")
    assert (second.status, second.rows_checked, second.results) == (Status.PASSED, 0, ())
    assert second.messages == ("raw_odoo.pos_order: nothing new",)
    assert second.seconds < 0.5
    load(tills, "2", (3, "2026-01-03"))
    assert gate(tills, suite, "r3").rows_checked == 1


def test_a_load_of_a_clock_that_went_back_is_validated(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", NOT_NULL, DATE_RULE)
    load(tills, "1767000000.5", (1, "2026-01-01"))
    assert gate(tills, suite).status is Status.PASSED
    load(tills, "1766000000.5", (2, "0001-01-01"), (3, "2026-01-01"))
    outcome = gate(tills, suite, "r2")
    assert (outcome.rows_checked, outcome.rows_quarantined) == (2, 1)
    assert gate(tills, suite, "r3").rows_checked == 0


def test_loads_without_rows_are_forgotten(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", NOT_NULL)
    load(tills, "1", (1, "2026-01-01"))
    load(tills, "2", (2, "2026-01-01"))
    gate(tills, suite)
    assert one(tills, "select loads from ops.gated_loads") == ["1", "2"]
    load(tills, "3", (1, "2026-01-01"))
    assert gate(tills, suite, "r2").rows_checked == 1
    assert one(tills, "select loads from ops.gated_loads") == ["2", "3"]


def test_a_row_of_no_load_is_new_each_time(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", NOT_NULL)
    load(tills, "it's :one", (1, "2026-01-01"))
    gate(tills, suite)
    execute(tills, "insert into raw_odoo.pos_order (id) values (2)")
    assert [gate(tills, suite, run).rows_checked for run in ("r2", "r3")] == [1, 1]
    load(tills, "it's :another", (3, "2026-01-01"))
    assert gate(tills, suite, "r4").rows_checked == 2


def test_an_index_answers_whether_values_are_unique(clean_warehouse: Warehouse) -> None:
    execute(
        clean_warehouse,
        "create table marts_build.t (a text, b int, c int unique, d int, e int, primary key (a, b), "
        "unique (d) deferrable);"
        "create unique index on marts_build.t (e) where e > 0; create unique index on marts_build.t (lower(a));"
        'create unique index on marts_build.t (a collate "C"); create index on marts_build.t (b)',
    )
    from great_expectations.expectations.registry import get_expectation_impl

    suite = load_suites(EXPECTATIONS_DIR)["marts", "dim_customer"]
    with clean_warehouse.begin() as connection:
        state = ledger.look(connection, suite, Place("marts_build", "t", ("a", "b")))
    assert state.unique == {frozenset("ab"), frozenset("c")}
    rows = Rows("select * from marts_build.t", tuple(state.columns), state.unique)
    for column_list, is_known in (("ab", True), ("abe", True), ("ae", False)):
        rule = get_expectation_impl("expect_compound_columns_to_be_unique")(column_list=list(column_list))
        plan = Planner(rows).plan(rule)
        assert plan is not None and bool(plan.known) is is_known


def test_every_rule_of_a_table_is_counted_in_one_scan(tills: Warehouse, make_suite: MakeSuite) -> None:
    ends = check("unexpected_rows_expectation", unexpected_rows_query="select * from {batch} where id < 0")
    suite = make_suite("raw/odoo/pos_order", NOT_NULL, STATES, DATE_RULE, ends)
    load(tills, "1", (1, "2026-01-01"))
    said: list[str] = []
    with listening(tills.engine, said):
        assert gate(tills, suite).status is Status.PASSED
    assert len([statement for statement in said if 'from "raw_odoo"."pos_order" t' in statement]) == 1


def test_what_no_condition_of_a_row_says_is_asked_of_great_expectations(
    tills: Warehouse, make_suite: MakeSuite
) -> None:
    mean = check("expect_column_mean_to_be_between", column="amount_total", min_value=10, max_value=11)
    suite = make_suite("raw/odoo/pos_order", NOT_NULL, mean)
    load(tills, "1", (1, "2026-01-01"))
    assert gate(tills, suite).status is Status.PASSED
    execute(tills, "update raw_odoo.pos_order set amount_total = 12, _dlt_load_id = '2'")
    assert gate(tills, suite, "r2").messages == (
        "raw_odoo.pos_order.amount_total: 'expect_column_mean_to_be_between' does not hold",
    )


@contextlib.contextmanager
def listening(engine: sa.Engine, said: list[str]) -> Iterator[None]:
    def hear(connection: object, cursor: object, statement: str, *others: object) -> None:
        said.append(statement)

    sa.event.listen(engine, "before_cursor_execute", hear)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", hear)


def test_a_critical_failure_stops_and_is_judged_again(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", NOT_NULL)
    load(tills, "1", (1, "2026-01-01"))
    assert gate(tills, suite).status is Status.PASSED
    execute(tills, "insert into raw_odoo.pos_order values (null, now(), 1, 'done', '', '2', null)")
    failed = gate(tills, suite, "r2")
    assert failed.status is Status.FAILED
    assert failed.messages == (
        "raw_odoo.pos_order.id: 1 of 1 rows break 'expect_column_values_to_not_be_null'",
    )
    assert gate(tills, suite, "r3").status is Status.FAILED, "a failed load stays new"
    execute(tills, "update raw_odoo.pos_order set id = 2 where id is null")
    assert gate(tills, suite, "r4").status is Status.PASSED


def test_a_warning_lets_the_data_go_on(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", NOT_NULL, STATES)
    load(tills, "1", (1, "2026-01-01"), state="folded")
    outcome = gate(tills, suite)
    assert outcome.status is Status.WARNED
    assert outcome.messages == (
        "raw_odoo.pos_order.state: 1 of 1 rows break 'expect_column_values_to_be_in_set'",
    )
    assert gate(tills, suite, "r2").rows_checked == 0


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_a_missing_column_stops_whatever_the_severity(
    tills: Warehouse, make_suite: MakeSuite, severity: str
) -> None:
    suite = make_suite(
        "raw/odoo/pos_order", check("expect_column_values_to_not_be_null", severity, column="uuid")
    )
    load(tills, "1", (1, "2026-01-01"))
    outcome = gate(tills, suite)
    assert outcome.status is Status.FAILED
    assert outcome.messages == ("raw_odoo.pos_order: the column uuid is missing",)
    assert outcome.results[0].is_error


def test_a_retyped_column_is_an_error_and_only_its_own(tills: Warehouse, make_suite: MakeSuite) -> None:
    amounts = check("expect_column_values_to_be_between", "warning", column="amount_total", min_value=0)
    suite = make_suite("raw/odoo/pos_order", NOT_NULL, amounts, STATES, DATE_RULE)
    load(tills, "1", (1, "2026-01-01"))
    assert gate(tills, suite).status is Status.PASSED
    execute(tills, "alter table raw_odoo.pos_order alter amount_total type text")
    load(tills, "2", (2, "2026-01-01"))
    outcome = gate(tills, suite, "r2")
    assert outcome.status is Status.FAILED
    assert [r.column_name for r in outcome.results if not r.success] == ["amount_total"]
    assert "cannot be evaluated (UndefinedFunction: amount_total is text)" in outcome.messages[0]


def test_a_retyped_column_of_a_row_rule_moves_nothing(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", DATE_RULE)
    execute(tills, "alter table raw_odoo.pos_order alter date_order type integer using 0")
    execute(tills, "insert into raw_odoo.pos_order (id, date_order, _dlt_load_id) values (1, 0, '1')")
    outcome = gate(tills, suite)
    assert outcome.status is Status.FAILED
    assert one(tills, "select count(*) from raw_odoo.pos_order") == 1


def test_a_table_that_never_had_a_row_passes(tills: Warehouse, make_suite: MakeSuite) -> None:
    passed = gate(tills, make_suite("raw/odoo/pos_order", NOT_NULL))
    assert (passed.status, passed.messages) == (Status.PASSED, ("raw_odoo.pos_order: nothing new",))


@pytest.mark.parametrize(("rows_before", "status"), [(10, Status.PASSED), (11, Status.FAILED)])
def test_a_table_that_had_a_few_rows_may_lose_them(
    clean_warehouse: Warehouse, make_suite: MakeSuite, rows_before: int, status: Status
) -> None:
    execute(
        clean_warehouse,
        "create table marts_build.made_up as select generate_series(1, :n) as id",
        n=rows_before,
    )
    suite = make_suite("marts/made_up", NOT_NULL)
    assert gate(clean_warehouse, suite).status is Status.PASSED
    execute(clean_warehouse, "truncate marts_build.made_up")
    assert gate(clean_warehouse, suite).status is status


def test_a_missing_table_fails(clean_warehouse: Warehouse, make_suite: MakeSuite) -> None:
    outcome = gate(clean_warehouse, make_suite("raw/odoo/nothing", NOT_NULL, may_be_empty=True))
    assert outcome.status is Status.FAILED
    assert outcome.messages == ("raw_odoo.nothing: the table does not exist",)


def test_a_raw_table_without_loads_fails(clean_warehouse: Warehouse, make_suite: MakeSuite) -> None:
    execute(clean_warehouse, "create table raw_odoo.t as select 1 as id")
    outcome = gate(clean_warehouse, make_suite("raw/odoo/t", NOT_NULL))
    assert outcome.messages == ("raw_odoo.t: the column _dlt_load_id is missing",)


def test_a_query_on_other_tables_both_ways(clean_warehouse: Warehouse, make_suite: MakeSuite) -> None:
    orphan = check(
        "unexpected_rows_expectation",
        unexpected_rows_query="select * from {batch} where parent_id not in (select id from {schema}.parent)",
    )
    suite = make_suite("marts/child", orphan)
    execute(clean_warehouse, "create table marts_build.parent as select 1 as id")
    execute(clean_warehouse, "create table marts_build.child as select 1 as id, 1 as parent_id")
    assert gate(clean_warehouse, suite).status is Status.PASSED
    execute(clean_warehouse, "insert into marts_build.child values (2, 7)")
    outcome = gate(clean_warehouse, suite)
    assert outcome.status is Status.FAILED
    assert outcome.results[0].rows_failed == 1


def test_a_row_count_bound_both_ways(clean_warehouse: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("identity/made_up", check("expect_table_row_count_to_be_between", min_value=2))
    execute(clean_warehouse, "create table identity.made_up as select 1 as id")
    outcome = gate(clean_warehouse, suite)
    assert outcome.status is Status.FAILED
    assert outcome.messages == ("identity.made_up: 'expect_table_row_count_to_be_between' does not hold",)
    execute(clean_warehouse, "insert into identity.made_up values (2)")
    assert gate(clean_warehouse, suite).status is Status.PASSED


def test_a_whole_raw_table_can_be_asked_for(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", NOT_NULL)
    load(tills, "1", (1, "2026-01-01"))
    gate(tills, suite)
    assert run_gate(tills, suite, run_id="r2", batch=Batch.WHOLE_TABLE).rows_checked == 1


def test_a_rule_that_great_expectations_would_drop_is_an_error(
    tills: Warehouse, make_suite: MakeSuite
) -> None:
    suite = make_suite("raw/odoo/pos_order", check("expect_column_values_to_be_in_set", columm="state"))
    load(tills, "1", (1, "2026-01-01"))
    with pytest.raises(GateError, match=r"pos_order\.json, expectations\[0\] .*in_set"):
        gate(tills, suite)


def test_results_are_written_as_counts(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", NOT_NULL, STATES, DATE_RULE)
    load(tills, "1", (1, "0001-01-01"), (2, "2026-01-01"), state="folded")
    gate(tills, suite, "r7")
    assert rows(
        tills,
        "select run_id, layer, table_name, column_name, severity, success, is_error, rows_checked, "
        "rows_failed, rows_quarantined from ops.gate_results order by column_name",
    ) == [
        ("r7", "raw", "odoo/pos_order", "date_order", "critical", False, False, 2, 1, 1),
        ("r7", "raw", "odoo/pos_order", "id", "critical", True, False, 1, 0, 0),
        ("r7", "raw", "odoo/pos_order", "state", "warning", False, False, 1, 1, 0),
    ]


def test_no_personal_value_leaves_the_table(
    tills: Warehouse,
    make_suite: MakeSuite,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    planted = "planted@person.example"
    shape = check("expect_column_values_to_match_regex", "warning", column="email", regex="^[a-z]+$")
    among = check("expect_column_values_to_be_in_set", "critical", column="email", value_set=["x"])
    broken = check(
        "unexpected_rows_expectation",
        unexpected_rows_query="select * from {batch} where email::numeric > 0",
    )
    row_rule = check("expect_column_values_to_not_match_regex", column="email", regex="nobody@") | {
        "meta": {"row_rule": "nobody is no person"}
    }
    suite = make_suite("raw/odoo/pos_order", shape, among, broken, row_rule, DATE_RULE)
    load(tills, "1", (1, "0001-01-01"), (2, "2026-01-01"))
    execute(tills, "update raw_odoo.pos_order set email = :planted", planted=planted)
    outcome = gate(tills, suite)
    assert (outcome.status, outcome.rows_quarantined) == (Status.FAILED, 1)
    written = str(rows(tills, "select to_jsonb(r) from ops.gate_results r"))
    said = caplog.text + "".join(capfd.readouterr())
    assert planted in str(rows(tills, "select row from quarantine.odoo__pos_order")), (
        "the test plants nothing"
    )
    assert planted not in str(outcome) + written + said


def test_a_broken_connection_is_no_failed_check(tills: Warehouse, make_suite: MakeSuite) -> None:
    killer = check(
        "unexpected_rows_expectation",
        unexpected_rows_query="select * from {batch} where pg_terminate_backend(pg_backend_pid())",
    )
    suite = make_suite("raw/odoo/pos_order", killer)
    load(tills, "1", (1, "2026-01-01"))
    with pytest.raises(WarehouseError, match="went away"):
        gate(tills, suite)
    assert one(tills, "select count(*) from ops.gate_results") == 0
    assert gate(tills, make_suite("raw/odoo/pos_order", NOT_NULL)).status is Status.PASSED, (
        "the pool recovers"
    )


def test_a_gate_is_quick(tills: Warehouse, make_suite: MakeSuite) -> None:
    suite = make_suite("raw/odoo/pos_order", NOT_NULL, STATES, DATE_RULE)
    load(tills, "1", (1, "2026-01-01"))
    gate(tills, suite)
    started = time.perf_counter()
    for number in range(2, 7):
        load(tills, str(number), (number, "2026-01-01"))
        assert gate(tills, suite).rows_checked == 1
    assert time.perf_counter() - started < 15  # 1.5 s on a quiet machine


def test_gates_leave_no_open_transaction(tills: Warehouse, make_suite: MakeSuite) -> None:
    load(tills, "1", (1, "2026-01-01"))
    gate(tills, make_suite("raw/odoo/pos_order", NOT_NULL, DATE_RULE))
    with tills.begin() as connection:
        open_ones = connection.scalar(
            sa.text("select count(*) from pg_stat_activity where state like 'idle in transaction%'")
        )
    assert open_ones == 0
