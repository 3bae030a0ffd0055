"""The step that runs dbt: what it notes of the tables that it built, and of those that it left out."""

import dagster as dg
import pytest
import sqlalchemy as sa

from dagster_project.assets import dbt
from dagster_project.assets.dbt import note_rebuilt
from dagster_project.assets.dbt_runner import ON_HOLD
from dagster_project.warehouse import Warehouse


def test_the_gate_learns_that_an_incremental_table_is_what_dbt_just_made(clean_warehouse: Warehouse) -> None:
    with clean_warehouse.begin() as connection:
        connection.exec_driver_sql(
            "insert into ops.gated_loads (layer, table_name, relation) values "
            "('intermediate', 'customer_records', 1), ('intermediate', 'orders', 1)"
        )

    for name in ("customer_records", "orders"):
        note_rebuilt(dg.Output(None, f"intermediate__{name}"), clean_warehouse, "intermediate")

    with clean_warehouse.begin() as connection:
        rows = connection.execute(sa.text("select table_name, relation from ops.gated_loads order by 1"))
        assert rows.tuples().all() == [("customer_records", None), ("orders", 1)]


def test_rows_are_counted_of_tables_that_dbt_built_and_of_no_other(
    clean_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "staging__matomo__visitors"
    monkeypatch.setattr(dbt, "_tables", lambda: {name: "staging.stg_matomo__visitors"})
    # A new source on hold has no table at all.
    left_out = dg.Output(None, name, metadata={ON_HOLD: "matomo"})
    assert dbt._with_row_count(left_out, clean_warehouse) is left_out
    with clean_warehouse.begin() as connection:
        connection.exec_driver_sql("create table staging.stg_matomo__visitors as select 1 as id")
    counted = dbt._with_row_count(dg.Output(None, name), clean_warehouse)
    assert counted.metadata["dagster/row_count"].value == 1
