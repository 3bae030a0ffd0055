"""The ledger: what each run did, in schema ops, for the run's summary and for BI.

Belongs here: ops.extractions, ops.loads and ops.publications. Does not belong here: gate results (quality/),
identity runs (identity/), and anything personal.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from dagster_project.warehouse.connect import Warehouse


def record_extraction(
    warehouse: Warehouse, run_id: str, source: str, load_id: str | None, tables: Sequence[Any]
) -> None:
    """One row a table, and one for each load of it; `tables` are sources.extract.TableLoad."""
    _append(
        warehouse,
        """
        insert into ops.extractions (run_id, source, table_name, load_id, rows_at_source, rows_loaded,
            rows_missing, tombstones, returned, watermark_from, watermark_to, new_columns)
        values (:run_id, :source, :table, :load_id, :rows_at_source, :rows_loaded,
            :rows_missing, :tombstones, :returned, :watermark_from, :watermark_to, :new_columns)
        on conflict (run_id, source, table_name) do update set
            load_id = excluded.load_id, rows_at_source = excluded.rows_at_source,
            rows_loaded = excluded.rows_loaded, finished_at = now()
        """,
        [{**vars(load), "run_id": run_id, "source": source, "load_id": load_id} for load in tables],
    )
    _record_loads(warehouse, run_id, source, tables)


def _record_loads(warehouse: Warehouse, run_id: str, source: str, tables: Sequence[Any]) -> None:
    """One row a load and table that it brought rows of.

    What was told of the table as a whole (rejects, tombstones) stands with the last of its loads.
    """
    rows = []
    for load in tables:
        for arrival in load.arrivals:
            is_last = arrival is load.arrivals[-1]
            rows.append(
                {
                    **{name: getattr(arrival, name) for name in ("load_id", "rows_read", "rows_arrived")},
                    "source": source,
                    "table": load.table,
                    "run_id": run_id,
                    "rows_inserted": arrival.rows_inserted,
                    "rows_updated": max(0, arrival.rows_arrived - arrival.rows_inserted),
                    "rows_rejected": load.rows_rejected if is_last else 0,
                    "tombstones": load.tombstones if is_last else 0,
                    "returned": load.returned if is_last else 0,
                    "amount_column": load.amount_column,
                    "amount_read": arrival.amount_read,
                    "amount_arrived": arrival.amount_arrived,
                }
            )
    _append(
        warehouse,
        """
        insert into ops.loads (load_id, source, table_name, run_id, rows_read, rows_arrived, rows_inserted,
            rows_updated, rows_rejected, tombstones, returned, amount_column, amount_read, amount_arrived)
        values (:load_id, :source, :table, :run_id, :rows_read, :rows_arrived, :rows_inserted,
            :rows_updated, :rows_rejected, :tombstones, :returned, :amount_column, :amount_read, :amount_arrived)
        """,
        rows,
    )


def record_publication(warehouse: Warehouse, run_id: str, marts: Sequence[Any]) -> None:
    """One row a mart; `marts` are warehouse.publish.Published."""
    _append(
        warehouse,
        """
        insert into ops.publications (run_id, mart, rows, written, removed)
        values (:run_id, :mart, :rows, :written, :removed)
        on conflict (run_id, mart) do update set
            rows = excluded.rows, written = excluded.written, removed = excluded.removed
        """,
        [{**vars(mart), "run_id": run_id} for mart in marts],
    )


def _append(warehouse: Warehouse, statement: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    with warehouse.begin() as connection:
        connection.execute(sa.text(statement), rows)
