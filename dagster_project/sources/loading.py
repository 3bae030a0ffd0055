"""One dlt load package: what is read becomes resources, resources become rows of raw tables.

Belongs here: dlt's settings, and whose fault a load is that failed. Does not belong here: which rows are read
(window.py), what follows from a load (extract.py).
"""

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from dagster_project.errors import C360Error
from dagster_project.sources import exact, leftovers
from dagster_project.sources.arrival import Arrival, TableLoad
from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.delivery import Delivery
from dagster_project.sources.failures import no_space, refused_rows
from dagster_project.sources.raw_tables import DELETED_AT, holds_rows
from dagster_project.sources.reflect import Reflected
from dagster_project.sources.window import Picked, Window
from dagster_project.warehouse import Warehouse, schema
from dagster_project.warehouse.failures import chain

FILE_BYTES = 4 << 20


def table_resource(
    engine: sa.Engine,
    source: Source,
    of: Window | Picked,
    reflected: Reflected,
    load: TableLoad,
    warehouse: Warehouse,
) -> Any:
    import dlt

    from dagster_project.sources.table_rows import TableRows

    table = of.table
    arrival = Arrival()
    load.arrivals.append(arrival)
    rows = TableRows(engine, source, table, reflected, of.where(source, reflected), load, arrival)

    def batches() -> Iterator[pa.Table]:
        yield from rows

    return dlt.resource(
        batches,
        name=table.name,
        primary_key=list(table.key),
        # One query returns no row twice: where raw is empty there is nothing to merge with.
        write_disposition="merge" if holds_rows(source, table, warehouse) else "append",
        columns=_hints(table, reflected),
    )


def delivered_resource(table: Table, delivery: Delivery, reflected: Reflected, load: TableLoad) -> Any:
    import dlt

    arrival = Arrival()
    load.arrivals.append(arrival)

    def batches() -> Iterator[pa.Table]:
        for batch in delivery.batches(table):
            arrival.read(batch, table)
            yield batch.append_column(DELETED_AT, pa.nulls(len(batch), pa.timestamp("us", "UTC")))

    return dlt.resource(
        batches,
        name=table.name,
        primary_key=list(table.key),
        write_disposition="merge",
        columns=_hints(table, reflected),
    )


def _hints(table: Table, reflected: Reflected) -> dict[str, Any]:
    """The types of a table's columns, as dlt calls them."""
    hints: dict[str, Any] = {column.name: column.hint(table.key) for column in reflected.columns[table.name]}
    return {**hints, DELETED_AT: {"data_type": "timestamp", "nullable": True}}


def run_load(
    source: Source,
    resources: list[Any],
    loads: dict[str, TableLoad],
    warehouse: Warehouse,
    work_dir: Path,
    at_source: Callable[[Any], C360Error] | None = None,
) -> str | None:
    """One load package; its id, None where nothing was new. `at_source` says whose fault a failed reading is.

    dlt remembers nothing: what is read and what raw looks like is settled before (window.py, raw_tables.py).
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
        RESTORE_FROM_DESTINATION="false",
        SCHEMA__NAMING="direct",  # names are ours already
    )
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    _leave_signals_alone()
    _allow_percent_in_folders()
    name, folder = schema.raw_schema(source.name), work_dir / leftovers.PIPELINES
    shutil.rmtree(folder / name, ignore_errors=True)  # with what a killed run left: its window is read again
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
        if any(not isinstance(link, Exception) for link in chain(failed)):
            raise KeyboardInterrupt from failed  # a request to end the program, whoever turned it into what
        raise _cause(failed, source, warehouse, at_source) from failed
    finally:
        leftovers.clear(folder / name)
    counts = normalized.row_counts if normalized else {}
    for table_name, load in loads.items():
        load.rows_loaded += counts.get(table_name, 0)
    load_id = info.loads_ids[0] if info.loads_ids else None
    for table, arrival in begun:
        if arrival.rows_read and load_id:
            if arrival.left:
                exact.write(source.name, table.name, table.key, arrival.left, load_id, warehouse)
            arrival.end(load_id, source, table, warehouse)
        else:
            loads[table.name].arrivals.remove(arrival)
    return load_id


@cache
def _leave_signals_alone() -> None:
    """dlt keeps Ctrl-C and SIGTERM to itself while it loads, and may forget them: a refresh ends when it is asked to."""
    from dlt.common.runtime import signals

    signals.intercepted_signals = contextlib.nullcontext  # type: ignore[assignment]


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
    """Whose fault a failed dlt step is: reading fails at the source; loading at the warehouse or disk, or by a value."""
    is_reading = failed.step == "extract" and at_source is not None
    if full := no_space(failed, source.name, is_reading=is_reading):
        return full
    if is_reading and at_source:
        return at_source(failed)
    return refused_rows(failed, source.name, warehouse.url)
