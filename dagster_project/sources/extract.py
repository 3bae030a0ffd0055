"""Extraction: what changed in a source since the last finished load, into raw_<source>.

Belongs here: the order of things for one source, and what it reports. Does not belong here: declarations, windows
(window.py), keys (keys.py), dlt (loading.py), judging the rows (quality/), Dagster.

A window begins at the last *finished* load's watermark less the look-back. A load that was killed never
moved it, so the next one reads the same rows again; merging by key makes that harmless.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from dagster_project.errors import C360Error, SourceError
from dagster_project.sources import files, keyed_rejects, keys, leftovers, rest, window
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.declaration import Source
from dagster_project.sources.delivery import Delivery
from dagster_project.sources.diagnose import unreadable_column
from dagster_project.sources.engine import source_engine
from dagster_project.sources.failures import met_at_source, no_space, translate, unforeseen
from dagster_project.sources.loading import delivered_resource, run_load, table_resource
from dagster_project.sources.raw_tables import prepare, refuse_emptied, rename
from dagster_project.sources.reflect import Reflected, reflect
from dagster_project.sources.window import Picked, Window
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.failures import chain

MOST_PICKED = 5_000  # values of keys that name rows in one query; for more the whole table is read


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
    Raises SourceError (fix it), SourceUnavailable (try again) or WarehouseError; whatever else a source's data cause
    is a SourceError too: it stops no other source.
    """
    try:
        if source.medium != "database":
            return _extract_delivered(
                source, url, warehouse, work_dir, progress, may_be_emptied, on_keys, secrets
            )
        return _extract_database(source, url, warehouse, work_dir, progress, may_be_emptied, on_keys)
    except C360Error:
        raise
    except Exception as error:
        raise no_space(error, source.name) or unforeseen(error, source.name) from error


def _extract_database(
    source: Source,
    url: str,
    warehouse: Warehouse,
    work_dir: Path,
    progress: Callable[[str], None],
    may_be_emptied: frozenset[str],
    on_keys: keys.OnKeys,
) -> Extraction:
    """`extract` of a source that is a database."""
    place = make_url(url)
    if place.drivername in ("file", "s3", "http", "https"):
        raise SourceError(
            f"{source.name}: C360_SOURCE_{source.name.upper()}_URL leads to no database.",
            "Write it as postgresql+psycopg://… or mysql+pymysql://…",
        )
    engine = source_engine(place)
    try:
        reflected = reflect(source, engine)
        source = reflected.source or source
        rename(source, reflected, warehouse)
        windows = window.windows(source, reflected, warehouse)
        loads = {
            t.name: TableLoad(t.name, amount_column=t.amount, is_absent=t.name in reflected.absent)
            for t in source.tables
        }
        with engine.connect() as connection:
            for table in source.tables:
                load = loads[table.name]
                if not load.is_absent:
                    load.watermark_from = window.as_text(windows[table.name].since)
                    keys.refuse_duplicates(source, windows[table.name], reflected, connection)
                    load.rows_at_source = _count(reflected[table.name], connection)
                if f"{source.name}.{table.name}" not in may_be_emptied:
                    refuse_emptied(source, load, warehouse)
        for name, prepared in prepare(source, reflected, warehouse).items():
            loads[name].new_columns = prepared.new
            if prepared.is_anew:
                windows[name] = replace(windows[name], since=None)

        def read(those: Iterable[Window | Picked]) -> str | None:
            resources = [
                table_resource(engine, source, of, reflected, loads[of.table.name], warehouse) for of in those
            ]
            at_source = partial(_at_source, source=source, reflected=reflected, engine=engine)
            return run_load(source, resources, loads, warehouse, work_dir, at_source)

        load_id = read(windows[t.name] for t in source.parents_first if not loads[t.name].is_absent)
        grown = [load.table for load in loads.values() if load.rows_loaded * 10 > load.rows_at_source]
        keys.index(source, grown, warehouse)
        _keep_unfit(source, loads, warehouse)
        with engine.connect() as connection:
            picked = _beyond_windows(source, loads, load_id, reflected, connection, warehouse, on_keys)
        load_id = (read(picked) if picked else None) or load_id
        _keep_unfit(source, loads, warehouse, is_second=True)
    except C360Error:
        raise
    except psycopg.DataError as error:  # while keys are compared, or numbers written
        raise SourceError(
            f"{source.name}: a key is not of the type that raw has for it ({type(error).__name__}).",
            "Fix the key's column at the source, or drop the raw table: it is read anew.",
        ) from error
    except (sa.exc.SQLAlchemyError, OSError, UnicodeError) as error:
        if isinstance(error, sa.exc.DBAPIError) and not met_at_source(error):
            raise  # the warehouse's, or rows that it does not take
        raise no_space(error, source.name, is_reading=True) or translate(
            error, source.name, place, "reading"
        ) from error
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
        since = None if load.is_absent else keys.oldest(table, reflected, connection)
        held = load.rows_unfit + keys.count_held(source, table, warehouse, since)
        if load.rows_at_source > held and table.name in reflected.digested:
            distinct = keys.count_distinct(table, reflected, connection)
            load.rows_repeated, load.rows_at_source = load.rows_at_source - distinct, distinct
        if table.deletes == "compared" or load.rows_at_source > held:
            rows = () if load.is_absent else keys.at_source(table, reflected, connection)
            compared = keys.compare(source, table, rows, warehouse, on_keys)
            load.tombstones, load.returned = compared.gone, compared.returned
            unread[table.name].update(compared.unread)
        if table.follows and table.deletes != "compared" and load_id:
            load.tombstones += keys.bury_children(source, table, load_id, warehouse)
    for table in source.tables:
        unread[table.name].update(keys.referring_to_gone(source, table, warehouse))
    return [
        Picked(table, sorted(found) if len(found) * len(table.key) <= MOST_PICKED else None)
        for table in source.parents_first
        if (found := unread[table.name]) and not loads[table.name].is_absent
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
    with (
        TemporaryDirectory(prefix=leftovers.DELIVERY, dir=work_dir) as folder,
        Delivery(source, Path(folder)) as delivery,
    ):
        if source.medium == "api":
            api = rest.Api(source, url, secrets, work_dir)
            readings = _read_api(api, delivery, loads, warehouse)
        else:
            readings = files.read(source, url, files.known(source, warehouse), delivery)
        reflected = delivery.reflected()
        rename(source, reflected, warehouse)
        for name, prepared in prepare(source, reflected, warehouse).items():
            loads[name].new_columns = prepared.new
        counted = window.rows_at_source(source, warehouse)
        resources = []
        for table in source.tables:
            load, reading = loads[table.name], readings[table.name]
            load.refused, load.rows_rejected = reading.refused, reading.rejected
            delivery.settle(table)
            rows = delivery.count(table)
            load.rows_at_source = counted.get(table.name, 0)
            if reading.is_whole and table.deletes == "compared":
                load.rows_at_source = rows
                if f"{source.name}.{table.name}" not in may_be_emptied:
                    refuse_emptied(source, load, warehouse)
            elif rows:
                load.rows_at_source += keys.count_new(source, table, delivery.keys(table), warehouse)
            if rows:
                resources.append(delivered_resource(table, delivery, reflected, load))
        load_id = None
        if resources:
            load_id = run_load(source, resources, loads, warehouse, work_dir)
        keys.index(source, [load.table for load in loads.values() if load.rows_loaded], warehouse)
        for table in source.tables:
            if table.deletes == "compared" and readings[table.name].is_whole:
                load = loads[table.name]
                load.tombstones = keys.compare(source, table, delivery.keys(table), warehouse, on_keys).gone
        with warehouse.begin() as connection:
            files.finish(source, readings, delivery, load_id, connection)
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


def _keep_unfit(
    source: Source, loads: dict[str, TableLoad], warehouse: Warehouse, *, is_second: bool = False
) -> None:
    """Puts rows that raw cannot take into quarantine, and counts them. is_second: not all rows without a key were read."""
    waiting = keyed_rejects.tables(source.name, loads, warehouse)
    for load in loads.values():
        if load.is_absent or not (load.unfit or load.table in waiting):
            continue
        key = source.table(load.table).key
        load_ids = [arrival.load_id for arrival in load.arrivals if arrival.load_id]
        keyed_rejects.replace(
            source.name, load.table, key, load.unfit, load_ids, warehouse, has_all_keyless=not is_second
        )
        load.rows_unfit = keyed_rejects.count(source.name, load.table, key, warehouse)
        load.rows_rejected += len(load.unfit)
        for row in load.unfit:
            for reason in row.reasons:
                load.unfit_reasons[reason] = load.unfit_reasons.get(reason, 0) + 1
        load.unfit.clear()


def _count(table: sa.Table, connection: sa.Connection) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _at_source(failed: Any, source: Source, reflected: Reflected, engine: sa.Engine) -> C360Error:
    from dlt.extract.exceptions import ResourceExtractionError

    links = chain(failed)
    table = next((link.pipe_name for link in links if isinstance(link, ResourceExtractionError)), None)
    if known := next((link for link in links if isinstance(link, C360Error)), None):
        return known
    found = table and unreadable_column(source, table, reflected, engine)
    return found or translate(failed, source.name, engine.url, f"reading {table}" if table else "reading")
