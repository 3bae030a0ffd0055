"""The step that runs dbt notes in the gates' ledger which tables it built."""

import dagster as dg
import sqlalchemy as sa

from dagster_project.assets.dbt import note_rebuilt
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
