"""One dlt load package: what is read becomes resources, resources become rows of raw tables.

Belongs here: dlt's settings, and whose fault a load is that failed. Does not belong here: which rows are read
(window.py), what follows from a load (extract.py).
"""

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from dagster_project.errors import C360Error, WarehouseError
from dagster_project.sources import leftovers, window
from dagster_project.sources.arrival import Arrival, TableLoad
from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.delivery import Delivery
from dagster_project.sources.failures import chain
from dagster_project.sources.raw_tables import DELETED_AT, forget_dropped, holds_rows
from dagster_project.sources.reflect import Reflected
from dagster_project.sources.window import Picked, Window
from dagster_project.warehouse import Warehouse, schema

CHUNK_ROWS = 10_000
FILE_BYTES = 4 << 20


def table_resource(
    engine: sa.Engine,
    source: Source,
    of: Window | Picked,
    reflected: Reflected,
    load: TableLoad,
    warehouse: Warehouse,
) -> Any:
    from dlt.sources.sql_database import sql_table

    from dagster_project.sources.arrow import ArrowLoader

    table = of.table
    where = of.where(source, reflected)

    def in_window(query: sa.Select, _: sa.Table) -> sa.Select:
        return query if where is None else query.where(where)

    arrival = Arrival()
    load.arrivals.append(arrival)

    def complete(rows: pa.Table) -> pa.Table:
        arrival.read(rows, table)
        if table.watermark:
            latest = window.as_text(_latest_watermark(rows.column(table.watermark)))
            load.watermark_to = max(filter(None, (load.watermark_to, latest)), default=None)
        return rows.append_column(DELETED_AT, pa.nulls(len(rows), pa.timestamp("us", "UTC")))

    resource = sql_table(
        engine,
        table=table.name,
        metadata=reflected[table.name].metadata,
        backend="pyarrow",
        table_loader_class=ArrowLoader,
        chunk_size=CHUNK_ROWS,
        reflection_level="full_with_precision",
        query_adapter_callback=in_window,
        primary_key=list(table.key),
        # One query returns no row twice: where raw is empty there is nothing to merge with.
        write_disposition="merge" if holds_rows(source, table, warehouse) else "append",
    )
    resource.apply_hints(columns={DELETED_AT: {"data_type": "timestamp", "nullable": True}})
    return resource.add_map(complete)


def delivered_resource(table: Table, delivery: Delivery, reflected: Reflected, load: TableLoad) -> Any:
    import dlt

    arrival = Arrival()
    load.arrivals.append(arrival)

    def batches() -> Iterator[pa.Table]:
        for batch in delivery.batches(table):
            arrival.read(batch, table)
            yield batch.append_column(DELETED_AT, pa.nulls(len(batch), pa.timestamp("us", "UTC")))

    columns: dict[str, Any] = {
        c.name: _hint(c) | {"nullable": c.name not in table.key} for c in reflected[table.name].c
    }
    return dlt.resource(
        batches,
        name=table.name,
        primary_key=list(table.key),
        write_disposition="merge",
        columns={**columns, DELETED_AT: {"data_type": "timestamp", "nullable": True}},
    )


def _hint(column: sa.Column) -> dict[str, Any]:
    """A delivered column's type, as dlt calls it."""
    if isinstance(column.type, sa.DateTime):
        return {"data_type": "timestamp", "timezone": column.type.timezone}
    return {"data_type": "bigint" if isinstance(column.type, sa.BigInteger) else "text"}


def _latest_watermark(column: pa.ChunkedArray) -> Any:
    """The latest value that may be a watermark: one row dated 9999 must not hide the others."""
    if pa.types.is_timestamp(column.type):
        limit = pa.scalar(window.horizon(), pa.timestamp("us", "UTC")).cast(
            pa.timestamp("us", column.type.tz)
        )
        column = column.filter(pc.less_equal(column, limit.cast(column.type)))
    return pc.max(column).as_py()


def run_load(
    source: Source,
    resources: list[Any],
    loads: dict[str, TableLoad],
    warehouse: Warehouse,
    work_dir: Path,
    at_source: Callable[[Any], C360Error] | None = None,
    retyped: Sequence[str] = (),
) -> str | None:
    """One load package; its id, None where nothing was new. `at_source` says whose fault a failed reading is.

    `retyped` are raw tables whose columns are no longer as dlt has made them.
    """
    os.environ.update(
        RUNTIME__DLTHUB_TELEMETRY="false",
        RUNTIME__LOG_LEVEL="CRITICAL",  # its log lines may quote values
        NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID="true",
        EXTRACT__NEXT_ITEM_MODE="fifo",  # one table at a time: one connection, one chunk in memory
        DATA_WRITER__COMPRESSION="lz4",
        # Loading holds as much of a table in memory as one file has.
        DATA_WRITER__FILE_MAX_BYTES=str(FILE_BYTES),
        LOAD__WORKERS="2",
        LOAD__DELETE_COMPLETED_JOBS="true",
        LOAD__RAISE_ON_MAX_RETRIES="2",
        DESTINATION__POSTGRES__CREATE_INDEXES="true",
    )
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    _allow_percent_in_folders()
    name, folder = schema.raw_schema(source.name), work_dir / leftovers.PIPELINES
    if forget_dropped(source, warehouse, retyped):
        shutil.rmtree(folder / name, ignore_errors=True)
    leftovers.clear(folder / name)  # a killed run's: its window is read again below
    pipeline = dlt.pipeline(
        pipeline_name=name,
        pipelines_dir=str(folder),
        destination=dlt.destinations.postgres(credentials=warehouse.libpq_url()),
        dataset_name=name,
    )
    begun = [(source.table(resource.name), loads[resource.name].arrivals[-1]) for resource in resources]
    for table, arrival in begun:
        arrival.begin(source, table, warehouse)
    try:
        info = pipeline.run(resources, loader_file_format="parquet")
        normalized = pipeline.last_trace.last_normalize_info if pipeline.last_trace else None
    except PipelineStepFailed as failed:
        raise _cause(failed, source, warehouse, at_source) from failed
    finally:
        leftovers.clear(folder / name)
    counts = normalized.row_counts if normalized else {}
    for table_name, load in loads.items():
        load.rows_loaded += counts.get(table_name, 0)
    load_id = info.loads_ids[0] if info.loads_ids else None
    for table, arrival in begun:
        if arrival.rows_read and load_id:
            arrival.end(load_id, source, table, warehouse)
        else:
            loads[table.name].arrivals.remove(arrival)
    return load_id


@cache
def _allow_percent_in_folders() -> None:
    """dlt formats the whole path of a file with its ID: a % in a folder's name must not count as a format."""
    from dlt.common.data_writers.buffered import BufferedDataWriter

    original = BufferedDataWriter.__init__

    def init(self: Any, writer_spec: Any, file_name_template: str, *args: Any, **kwargs: Any) -> None:
        folder, name = os.path.split(file_name_template)
        original(self, writer_spec, os.path.join(folder.replace("%", "%%"), name), *args, **kwargs)

    BufferedDataWriter.__init__ = init  # type: ignore[method-assign]


def _cause(
    failed: Any, source: Source, warehouse: Warehouse, at_source: Callable[[Any], C360Error] | None
) -> C360Error:
    """Whose fault a failed dlt step is: reading fails at the source, everything later at the warehouse or disk."""
    if full := no_space(source, failed):
        return full
    if failed.step == "extract" and at_source:
        return at_source(failed)
    links = chain(failed)
    said = str(links[-1]).strip().splitlines() or [type(links[-1]).__name__]
    return WarehouseError(
        f"{source.name}: loading into the warehouse at {warehouse.url.host}:{warehouse.url.port} "
        f"failed: {said[0]}.",
        "Mend the warehouse and run the refresh again: it reads the same rows anew.",
    )


def no_space(source: Source, error: BaseException) -> WarehouseError | None:
    if not any(isinstance(link, OSError) and link.errno == errno.ENOSPC for link in chain(error)):
        return None
    return WarehouseError(
        f"{source.name}: no space left on the disk while loading.",
        "Make room below C360_HOME and the warehouse's data folder, then run the refresh again.",
    )
