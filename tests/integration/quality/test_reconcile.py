"""A load against its source: nothing missing, or how much is."""

import pytest

from dagster_project.quality import Suite, load_suite, reconcile, run_gate
from dagster_project.sources.arrival import Arrival, TableLoad
from dagster_project.warehouse import Warehouse, ledger

SUITE = """
{"name": "t", "meta": {"key": ["id"]}, "expectations": [
  {"type": "expect_column_values_to_be_between", "severity": "critical",
   "kwargs": {"column": "amount", "min_value": 0}, "meta": {"row_rule": "amount is not negative"}}]}
"""


@pytest.fixture
def suite(tmp_path) -> Suite:
    file = tmp_path / "raw" / "odoo" / "t.json"
    file.parent.mkdir(parents=True)
    file.write_text(SUITE)
    return load_suite(file, tmp_path)


def run(warehouse: Warehouse, statement: str) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql(statement)


def test_rows_are_in_raw_in_quarantine_or_missing(clean_warehouse: Warehouse, suite: Suite) -> None:
    run(
        clean_warehouse,
        """
        create table raw_odoo.t (id int primary key, amount numeric, _dlt_load_id text, _deleted_at timestamptz);
        insert into raw_odoo.t select i, i - 3, '1', null from generate_series(1, 10) i
        """,
    )
    assert reconcile(clean_warehouse, "raw_odoo", "t", ("id",), 10).rows_missing == 0

    arrived = Arrival("1", rows_read=10, rows_arrived=10, rows_after=10)
    ledger.record_extraction(clean_warehouse, "r", "odoo", "1", [TableLoad("t", 10, arrivals=[arrived])])
    assert run_gate(clean_warehouse, suite, run_id="r").rows_quarantined == 2
    with clean_warehouse.begin() as connection:
        loads = connection.exec_driver_sql(
            "select load_id, rows_arrived, rows_quarantined from ops.loads"
        ).all()
    assert loads == [("1", 10, 2)]
    held = reconcile(clean_warehouse, "raw_odoo", "t", ("id",), 10)
    assert (held.rows_live, held.rows_quarantined, held.rows_missing) == (8, 2, 0)

    run(clean_warehouse, "insert into raw_odoo.t values (1, -2, '2', null)")  # the look-back read it again
    again = reconcile(clean_warehouse, "raw_odoo", "t", ("id",), 10)
    assert (again.rows_live, again.rows_quarantined) == (9, 1)

    run(
        clean_warehouse,
        "delete from raw_odoo.t where id > 7; update raw_odoo.t set _deleted_at = now() where id = 7",
    )
    assert reconcile(clean_warehouse, "raw_odoo", "t", ("id",), 10).rows_missing == 4
    assert reconcile(clean_warehouse, "raw_odoo", "t", ("id",), 5).rows_missing == 0, "more rows are no loss"
