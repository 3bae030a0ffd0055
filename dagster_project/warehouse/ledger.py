"""The ledger: what each run did, in schema ops, for the run's summary and for BI.

Belongs here: ops.extractions and ops.publications. Does not belong here: gate results (quality/),
identity runs (identity/), and anything personal.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from dagster_project.warehouse.connect import Warehouse

DDL = """
create table if not exists ops.extractions (
    run_id text not null, source text not null, table_name text not null, load_id text,
    rows_at_source bigint not null, rows_loaded bigint not null,
    rows_missing bigint not null, tombstones bigint not null,
    returned bigint not null, watermark_from text, watermark_to text, new_columns text[] not null,
    finished_at timestamptz not null default now(), primary key (run_id, source, table_name)
);
create table if not exists ops.publications (
    run_id text not null, mart text not null, rows bigint not null, written bigint not null,
    removed bigint not null, published_at timestamptz not null default now(), primary key (run_id, mart)
)"""


def record_extraction(
    warehouse: Warehouse, run_id: str, source: str, load_id: str | None, tables: Sequence[Any]
) -> None:
    """One row a table; `tables` are sources.extract.TableLoad."""
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
    with warehouse.begin() as connection:
        connection.execute(sa.text(DDL))
        if rows:
            connection.execute(sa.text(statement), rows)
