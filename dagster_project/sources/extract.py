"""Extraction: what changed in a source since the last finished load, into raw_<source>.

Belongs here: one dlt pipeline run a source, and what it reports. Does not belong here: declarations,
windows (window.py), keys (keys.py), judging the rows (quality/), Dagster.

A window begins at the last *finished* load's watermark less the look-back. A load that was killed never
moved it, so the next one reads the same rows again; merging by key makes that harmless.
"""

import errno
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from dagster_project.errors import C360Error, SourceError, WarehouseError
from dagster_project.sources import files, keys, rest, window
from dagster_project.sources.arrival import Arrival
from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.delivery import Delivery
from dagster_project.sources.diagnose import UnreadableValue, unreadable, unreadable_column
from dagster_project.sources.engine import source_engine
from dagster_project.sources.failures import chain, translate
from dagster_project.sources.reflect import Reflected, new_and_retyped, reflect
from dagster_project.sources.widen import widen
from dagster_project.sources.window import Picked, Window
from dagster_project.warehouse import Warehouse, schema

CHUNK_ROWS = 10_000
FILE_BYTES = 4 << 20
MOST_PICKED = 5_000  # rows named by their keys in one question; for more the whole table is read
DELETED_AT = "_deleted_at"


@dataclass
class TableLoad:
    """What one refresh did to one raw table. Rows are counted; watermarks as the source writes them.

    arrivals: each load's own account, of loads that read a row of the table.

    rows_rejected could not even be rows; refused says which files could not be read, and why.
    """

    table: str
    rows_at_source: int = 0
    rows_missing: int = 0
    rows_loaded: int = 0
    tombstones: int = 0
    returned: int = 0
    watermark_from: str | None = None
    watermark_to: str | None = None
    new_columns: list[str] = field(default_factory=list)
    rows_rejected: int = 0
    refused: list[str] = field(default_factory=list)
    amount_column: str | None = None
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def lost(self) -> list[str]:
        """What was read and did not arrive, in counts and sums."""
        return [arrival.problem for arrival in self.arrivals if not arrival.is_complete]


@dataclass(frozen=True)
class Extraction:
    """`load_id` is dlt's, None where nothing was new."""

    source: str
    load_id: str | None
    tables: list[TableLoad]


def extract(
    source: Source,
    url: str,
    warehouse: Warehouse,
    work_dir: Path,
    progress: Callable[[str], None] = lambda _: None,
    may_be_emptied: frozenset[str] = frozenset(),
    on_keys: keys.OnKeys = lambda *_: None,
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> Extraction:
    """Brings raw_<source> up to the source. `work_dir` holds dlt's files meanwhile.

    `may_be_emptied` names tables (`source.table`) that may lose all their rows; `on_keys` is handed each
    compared table's key set; `secrets` are an API's tokens.
    Raises SourceError (mend it), SourceUnavailable (try again) or WarehouseError.
    """
    if source.medium != "database":
        return _extract_delivered(
            source, url, warehouse, work_dir, progress, may_be_emptied, on_keys, secrets
        )
    place = make_url(url)
    if place.drivername in ("file", "s3", "http", "https"):
        raise SourceError(
            f"{source.name}: C360_SOURCE_{source.name.upper()}_URL leads to no database.",
            "Write it as postgresql+psycopg://… or mysql+pymysql://…",
        )
    engine = source_engine(place)
    try:
        reflected = reflect(source, engine)
        new_columns = new_and_retyped(source, reflected, warehouse)
        widen(source, reflected, warehouse)
        windows = window.windows(source, reflected, warehouse)
        loads = {
            t.name: TableLoad(t.name, new_columns=new_columns[t.name], amount_column=t.amount)
            for t in source.tables
        }
        with engine.connect() as connection:
            for table in source.tables:
                load = loads[table.name]
                load.watermark_from = window.as_text(windows[table.name].since)
                keys.refuse_duplicates(source, windows[table.name], reflected, connection)
                load.rows_at_source = _count(reflected[table.name], connection)
                if f"{source.name}.{table.name}" not in may_be_emptied:
                    _refuse_emptied(source, load, warehouse)
                if not load.rows_at_source:
                    _make_empty_table(source, table, reflected, warehouse)

        def read(those: Iterable[Window | Picked]) -> str | None:
            resources = [
                _resource(
                    engine,
                    source,
                    of,
                    reflected,
                    loads[of.table.name],
                    _holds_rows(source, of.table, warehouse),
                )
                for of in those
            ]
            return _run_dlt(
                source,
                resources,
                loads,
                warehouse,
                work_dir,
                lambda f: _at_source(f, source, reflected, engine),
            )

        load_id = read(windows[table.name] for table in source.parents_first)
        grown = [load.table for load in loads.values() if load.rows_loaded * 10 > load.rows_at_source]
        keys.index(source, grown, warehouse)
        with engine.connect() as connection:
            picked = _beyond_windows(source, loads, load_id, reflected, connection, warehouse, on_keys)
        load_id = (read(picked) if picked else None) or load_id
    except C360Error:
        raise
    except (sa.exc.SQLAlchemyError, OSError, UnicodeError) as error:
        raise _no_space(source, error) or translate(error, source.name, place, "reading") from error
    finally:
        engine.dispose()
    return _finished(source, loads, load_id, warehouse, progress)


def _beyond_windows(
    source: Source,
    loads: dict[str, TableLoad],
    load_id: str | None,
    reflected: Reflected,
    connection: sa.Connection,
    warehouse: Warehouse,
    on_keys: keys.OnKeys,
) -> list[Picked]:
    """What the whole key sets tell: tombstones are set, and rows are named that no window showed.

    These are rows that came with an old watermark or came back, and rows that a merge re-pointed.
    """
    unread: dict[str, set[tuple]] = {table.name: set() for table in source.tables}
    for table in source.tables:
        load = loads[table.name]
        if table.deletes == "compared" or load.rows_at_source > keys.count_held(source, table, warehouse):
            compared = keys.compare(
                source, table, keys.at_source(table, reflected, connection), warehouse, on_keys
            )
            load.tombstones, load.returned = compared.gone, compared.returned
            unread[table.name].update(compared.unread)
        if table.follows and table.deletes != "compared" and load_id:
            load.tombstones += keys.bury_children(source, table, load_id, warehouse)
    for table in source.tables:
        unread[table.name].update(keys.referring_to_gone(source, table, warehouse))
    return [
        Picked(table, sorted(found) if len(found) <= MOST_PICKED else None)
        for table in source.parents_first
        if (found := unread[table.name])
    ]


def _finished(
    source: Source,
    loads: dict[str, TableLoad],
    load_id: str | None,
    warehouse: Warehouse,
    progress: Callable[[str], None],
) -> Extraction:
    """The watermarks move last: a load that did not come so far is read again."""
    window.finish(
        source,
        {name: load.watermark_to for name, load in loads.items()},
        {name: load.rows_at_source for name, load in loads.items()},
        load_id,
        warehouse,
    )
    progress(f"{source.name}: {sum(load.rows_loaded for load in loads.values())} rows")
    return Extraction(source.name, load_id, list(loads.values()))


def _extract_delivered(
    source: Source,
    url: str,
    warehouse: Warehouse,
    work_dir: Path,
    progress: Callable[[str], None],
    may_be_emptied: frozenset[str],
    on_keys: keys.OnKeys,
    secrets: Mapping[str, str],
) -> Extraction:
    """`extract` of a source that is no database: what is new is read first, then loaded as one state."""
    loads = {t.name: TableLoad(t.name) for t in source.tables}
    work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=work_dir) as folder, Delivery(source, Path(folder)) as delivery:
        try:
            if source.medium == "api":
                api = rest.Api(source, url, secrets, work_dir)
                readings = _read_api(api, delivery, loads, warehouse)
            else:
                readings = files.read(source, url, files.known(source, warehouse), delivery)
            reflected = delivery.reflected()
            for name, new in new_and_retyped(source, reflected, warehouse).items():
                loads[name].new_columns = new
            counted = window.rows_at_source(source, warehouse)
            resources = []
            for table in source.tables:
                load, reading = loads[table.name], readings[table.name]
                load.refused, load.rows_rejected = reading.refused, reading.rejected
                delivery.settle(table)
                rows = delivery.count(table)
                if not rows:
                    _make_empty_table(source, table, reflected, warehouse)
                load.rows_at_source = counted.get(table.name, 0)
                if reading.is_whole and table.deletes == "compared":
                    load.rows_at_source = rows
                    if f"{source.name}.{table.name}" not in may_be_emptied:
                        _refuse_emptied(source, load, warehouse)
                elif rows:
                    load.rows_at_source += keys.count_new(source, table, delivery.keys(table), warehouse)
                if rows:
                    resources.append(_delivered_resource(table, delivery, reflected, load))
            load_id = None
            if resources:
                load_id = _run_dlt(source, resources, loads, warehouse, work_dir)
            keys.index(source, [load.table for load in loads.values() if load.rows_loaded], warehouse)
            for table in source.tables:
                if table.deletes == "compared" and readings[table.name].is_whole:
                    load = loads[table.name]
                    load.tombstones = keys.compare(
                        source, table, delivery.keys(table), warehouse, on_keys
                    ).gone
            with warehouse.begin() as connection:
                files.finish(source, readings, delivery, load_id, connection)
        except (OSError, sa.exc.SQLAlchemyError) as error:
            if full := _no_space(source, error):
                raise full from error
            raise
    return _finished(source, loads, load_id, warehouse, progress)


def _read_api(
    api: rest.Api, delivery: Delivery, loads: dict[str, TableLoad], warehouse: Warehouse
) -> dict[str, files.Reading]:
    reached = window.reached(api.source, warehouse)
    since = {
        table.name: datetime.fromisoformat(text) - table.look_back
        for table in api.source.tables
        if (text := reached.get(table.name)) and table.watermark
    }
    rejected = rest.read(api, since, delivery)
    for table in api.source.tables:
        load = loads[table.name]
        load.watermark_from = window.as_text(since.get(table.name))
        if table.watermark:
            load.watermark_to = window.as_text(delivery.latest(table, window.horizon()))
    return {
        table.name: files.Reading(
            [], [], table.deletes == "compared" and not rejected[table.name], rejected[table.name]
        )
        for table in api.source.tables
    }


def _delivered_resource(table: Table, delivery: Delivery, reflected: Reflected, load: TableLoad) -> Any:
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


def _count(table: sa.Table, connection: sa.Connection) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _refuse_emptied(source: Source, load: TableLoad, warehouse: Warehouse) -> None:
    """A table that had rows and now has none is a broken source far more often than an empty one."""
    if load.rows_at_source:
        return
    with warehouse.begin() as connection:
        if (raw := _raw(source, load.table, connection)) is None:
            return
        had = connection.scalar(sa.text(f"select count(*) from {raw} where {DELETED_AT} is null"))
    if had:
        name = f"{source.name}.{load.table}"
        raise SourceError(
            f"{name} returns no rows where there were {had}.",
            f"Mend the source; if it is meant to be empty, set C360_MAY_BE_EMPTIED={name}.",
        )


def _raw(source: Source, table: str, connection: sa.Connection) -> str | None:
    """The raw table as SQL names it; None where there is none yet."""
    raw = f'{schema.raw_schema(source.name)}."{table}"'
    return raw if connection.scalar(sa.text("select to_regclass(:raw)"), {"raw": raw}) else None


def _holds_rows(source: Source, table: Table, warehouse: Warehouse) -> bool:
    with warehouse.begin() as connection:
        raw = _raw(source, table.name, connection)
        return raw is not None and bool(connection.scalar(sa.text(f"select exists (select from {raw})")))


def _resource(
    engine: sa.Engine,
    source: Source,
    of: Window | Picked,
    reflected: Reflected,
    load: TableLoad,
    holds_rows: bool,
) -> Any:
    from dlt.sources.sql_database import sql_table

    from dagster_project.sources.arrow import ArrowLoader

    table = of.table
    where = of.where(source, reflected)
    absent = _absent(table, reflected)

    def in_window(query: sa.Select, _: sa.Table) -> sa.Select:
        return query if where is None else query.where(where)

    arrival = Arrival()
    load.arrivals.append(arrival)

    def complete(rows: pa.Table) -> pa.Table:
        arrival.read(rows, table)
        if table.watermark:
            latest = window.as_text(_latest_watermark(rows.column(table.watermark)))
            load.watermark_to = max(filter(None, (load.watermark_to, latest)), default=None)
        for name in absent:
            rows = rows.append_column(name, pa.nulls(len(rows), pa.string()))
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
        write_disposition="merge" if holds_rows else "append",
    )
    resource.apply_hints(
        columns={
            DELETED_AT: {"data_type": "timestamp", "nullable": True},
            **{name: {"data_type": "text", "nullable": True} for name in absent},
        }
    )
    return resource.add_map(complete)


def _make_empty_table(source: Source, table: Table, reflected: Reflected, warehouse: Warehouse) -> None:
    """dlt makes a table with its first row; staging reads it before that."""

    def generic(column: sa.Column) -> sa.types.TypeEngine:
        try:
            return column.type.as_generic()
        except NotImplementedError:
            return sa.Text()

    like = sa.Table(
        table.name,
        sa.MetaData(schema=schema.raw_schema(source.name)),
        *(sa.Column(column.name, generic(column)) for column in reflected[table.name].columns),
        *(sa.Column(name, sa.Text()) for name in _absent(table, reflected)),
        sa.Column(DELETED_AT, sa.DateTime(timezone=True)),
        sa.Column("_dlt_load_id", sa.Text()),
    )
    with warehouse.begin() as connection:
        like.create(connection, checkfirst=True)


def _absent(table: Table, reflected: Reflected) -> list[str]:
    return [name for name in table.optional if name not in reflected[table.name].c]


def _latest_watermark(column: pa.ChunkedArray) -> Any:
    """The latest value that may be a watermark: one row dated 9999 must not hide the others."""
    if pa.types.is_timestamp(column.type):
        limit = pa.scalar(window.horizon(), pa.timestamp("us", "UTC")).cast(
            pa.timestamp("us", column.type.tz)
        )
        column = column.filter(pc.less_equal(column, limit.cast(column.type)))
    return pc.max(column).as_py()


def _run_dlt(
    source: Source,
    resources: list[Any],
    loads: dict[str, TableLoad],
    warehouse: Warehouse,
    work_dir: Path,
    at_source: Callable[[Any], C360Error] | None = None,
) -> str | None:
    """One load package; its id, None where nothing was new. `at_source` says whose fault a failed reading is."""
    os.environ.update(
        RUNTIME__DLTHUB_TELEMETRY="false",
        RUNTIME__LOG_LEVEL="CRITICAL",  # its log lines may quote values
        NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID="true",
        EXTRACT__NEXT_ITEM_MODE="fifo",  # one table at a time: one connection, one chunk in memory
        DATA_WRITER__COMPRESSION="lz4",
        # Loading holds as much of a table in memory as one file has.
        DATA_WRITER__FILE_MAX_BYTES=str(FILE_BYTES),
        LOAD__WORKERS="2",
        LOAD__RAISE_ON_MAX_RETRIES="2",
        DESTINATION__POSTGRES__CREATE_INDEXES="true",
    )
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    pipeline = dlt.pipeline(
        pipeline_name=schema.raw_schema(source.name),
        pipelines_dir=str(work_dir / "dlt"),
        destination=dlt.destinations.postgres(credentials=warehouse.libpq_url()),
        dataset_name=schema.raw_schema(source.name),
    )
    begun = [(source.table(resource.name), loads[resource.name].arrivals[-1]) for resource in resources]
    for table, arrival in begun:
        arrival.begin(source, table, warehouse)
    try:
        if pipeline.has_pending_data:
            pipeline.abort_packages()  # a killed run's: its window is read again below
        info = pipeline.run(resources, loader_file_format="parquet")
    except PipelineStepFailed as failed:
        raise _cause(failed, source, warehouse, at_source) from failed
    normalized = pipeline.last_trace.last_normalize_info if pipeline.last_trace else None
    counts = normalized.row_counts if normalized else {}
    for name, load in loads.items():
        load.rows_loaded += counts.get(name, 0)
    load_id = info.loads_ids[0] if info.loads_ids else None
    for table, arrival in begun:
        if arrival.rows_read and load_id:
            arrival.end(load_id, source, table, warehouse)
        else:
            loads[table.name].arrivals.remove(arrival)
    return load_id


def _cause(
    failed: Any, source: Source, warehouse: Warehouse, at_source: Callable[[Any], C360Error] | None
) -> C360Error:
    """Whose fault a failed dlt step is: reading fails at the source, everything later at the warehouse or disk."""
    if full := _no_space(source, failed):
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


def _at_source(failed: Any, source: Source, reflected: Reflected, engine: sa.Engine) -> C360Error:
    from dlt.extract.exceptions import ResourceExtractionError

    links = chain(failed)
    table = next((link.pipe_name for link in links if isinstance(link, ResourceExtractionError)), None)
    if table and (met := next((link for link in links if isinstance(link, UnreadableValue)), None)):
        return unreadable(source, table, met.column, met.why)
    found = table and unreadable_column(source, table, reflected, engine)
    return found or translate(failed, source.name, engine.url, f"reading {table}")


def _no_space(source: Source, error: BaseException) -> WarehouseError | None:
    if not any(isinstance(link, OSError) and link.errno == errno.ENOSPC for link in chain(error)):
        return None
    return WarehouseError(
        f"{source.name}: no space left on the disk while loading.",
        "Make room below C360_HOME and the warehouse's data folder, then run the refresh again.",
    )
