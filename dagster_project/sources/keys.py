"""Keys: duplicates refused before they are loaded, rows that left the source marked by a tombstone, rows that no
window showed named.

Belongs here: what keys alone answer, those of a source's table against those of raw. Does not belong here: rows'
values, and which windows are read (window.py).
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.errors import SourceError
from dagster_project.sources import keyed_rejects
from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.reflect import Reflected
from dagster_project.sources.window import NO_TIME, Window
from dagster_project.warehouse import Warehouse, schema

CHUNK_ROWS = 100_000

# (connection, schema, table, key columns, relation that holds every key of the source)
OnKeys = Callable[[sa.Connection, str, str, Sequence[str], str], object]


def refuse_duplicates(
    source: Source, window: Window, reflected: Reflected, connection: sa.Connection
) -> None:
    """Raises SourceError where the window holds one key twice. Free where the source keeps the key unique."""
    table = window.table
    if table.name in reflected.enforced_keys:
        return
    columns = [reflected[table.name].c[name] for name in table.key]
    there = map(sa.not_, reflected.keyless(table))
    twice = sa.select(*columns).where(*there).group_by(*columns).having(sa.func.count() > 1)
    if table.name in reflected.digested:
        twice = twice.where(columns[-1] >= 0)  # equal rows are one
    if (where := window.where(source, reflected)) is not None:
        twice = twice.where(where)
    count = connection.scalar(sa.select(sa.func.count()).select_from(twice.subquery()))
    if count:
        key = ", ".join(column.name for column in columns)
        name = reflected[table.name].name
        raise SourceError(
            f"{source.name}: {count} values of the key ({key}) stand more than once in {name}; "
            "nothing of it was loaded.",
            f"Fix them at the source: select {key} from {name} group by {key} having count(*) > 1.",
        )


def repeated(
    table: Table, reflected: Reflected, where: sa.ColumnElement[bool] | None, connection: sa.Connection
) -> list[tuple[Any, ...]]:
    """The keys that several rows of a table without a key share, for they are equal."""
    if table.name not in reflected.digested:
        return []
    columns = [reflected[table.name].c[name] for name in table.key]
    asked = sa.select(*columns).where(columns[-1] < 0).group_by(*columns).having(sa.func.count() > 1)
    found = connection.execute(asked if where is None else asked.where(where))
    return [tuple(row) for row in found]


def count_distinct(table: Table, reflected: Reflected, connection: sa.Connection) -> int:
    """How many keys a table of the source has."""
    distinct = sa.select(*(reflected[table.name].c[name] for name in table.key)).distinct()
    return connection.scalar(sa.select(sa.func.count()).select_from(distinct.subquery())) or 0


def index(source: Source, grown: Sequence[str], warehouse: Warehouse) -> None:
    """Gives each raw table its unique key, by which merges, gates and staging find rows.

    Tables named in `grown` get new statistics: a plan made for an empty table never ends.
    """
    raw = schema.raw_schema(source.name)
    with warehouse.engine.connect() as target, target.begin():
        driver = target.connection.driver_connection
        assert driver is not None
        for table in source.tables:
            index = schema.fit(f"{table.name}_key")
            name = pgsql.Identifier(raw, index).as_string()
            if target.scalar(sa.text("select to_regclass(:name)"), {"name": name}) is None:
                driver.execute(
                    pgsql.SQL("create unique index {} on {} ({})").format(
                        pgsql.Identifier(index),
                        pgsql.Identifier(raw, table.name),
                        pgsql.SQL(", ").join(map(pgsql.Identifier, table.key)),
                    )
                )
            if table.name in grown:
                driver.execute(pgsql.SQL("analyze {}").format(pgsql.Identifier(raw, table.name)))


def at_source(table: Table, reflected: Reflected, connection: sa.Connection) -> Iterable[Sequence[Any]]:
    """The key of every row of a database's table that has one, as raw may have it."""
    columns = [reflected.read(table.name, name) for name in table.key]
    there = map(sa.not_, reflected.keyless(table))
    found = connection.execution_options(yield_per=CHUNK_ROWS).execute(sa.select(*columns).where(*there))
    if connection.dialect.name == "postgresql":  # it has no NUL
        return found
    nul, instead = "\0", "\N{REPLACEMENT CHARACTER}"  # as in quarantine
    return (tuple(v.replace(nul, instead) if isinstance(v, str) else v for v in row) for row in found)


@dataclass(frozen=True)
class Compared:
    """Rows now gone, rows back, and the keys of rows that the source holds and raw does not (those back too)."""

    gone: int
    returned: int
    unread: list[tuple]


def compare(
    source: Source,
    table: Table,
    rows: Iterable[Sequence[Any]],
    warehouse: Warehouse,
    on_keys: OnKeys,
) -> Compared:
    """Compares one table with its whole key set, `rows`. What is gone gets its tombstone if deletes are compared.

    A row that is back keeps its tombstone until it is read: it may have changed meanwhile.
    `on_keys` may use the key set too, in the same transaction, while it stands in a temporary table.
    """
    raw = schema.raw_schema(source.name)
    loaded = f'{raw}."{table.name}"'
    same = _same(table)
    gone = 0
    with warehouse.engine.connect() as target, target.begin():
        driver = target.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            _copy_keys(cursor, raw, table, rows)
            if table.deletes == "compared":
                keyed_rejects.forget_gone(cursor, source.name, table.name, table.key)
                gone = cursor.execute(
                    f"update {loaded} r set _deleted_at = now() "
                    f"where r._deleted_at is null and not exists (select from source_keys s where {same})"
                ).rowcount
            unread = cursor.execute(
                _not_here(cursor, source, table, "s.*", "and r._deleted_at is null")
            ).fetchall()
            returned = cursor.execute(
                f"select count(*) from {loaded} r join source_keys s on {same} where r._deleted_at is not null"
            ).fetchone()
        if table.deletes == "compared":
            on_keys(target, raw, table.name, table.key, "source_keys")
    return Compared(gone, (returned or (0,))[0], unread)


def bury_children(source: Source, table: Table, load_id: str, warehouse: Warehouse) -> int:
    """Sets the tombstones of rows whose parent came with `load_id` without them; how many.

    All that follows a parent is read with it: what was not is gone. (A cart's row that became the order's, say.)
    """
    assert table.follows is not None
    raw = schema.raw_schema(source.name)
    with warehouse.begin() as connection:
        return connection.execute(
            sa.text(
                f'update {raw}."{table.name}" c set _deleted_at = now() from {raw}."{table.follows.parent}" p '
                f'where p._dlt_load_id = :load_id and c."{table.follows.column}" = p."{table.follows.parent_column}" '
                "and c._deleted_at is null and c._dlt_load_id is distinct from :load_id"
            ),
            {"load_id": load_id},
        ).rowcount


def referring_to_gone(source: Source, table: Table, warehouse: Warehouse) -> list[tuple]:
    """The keys of live rows that refer to a row which left the source since the last finished load."""
    raw = schema.raw_schema(source.name)
    key = ", ".join(f'r."{name}"' for name in table.key)
    found: list[tuple] = []
    with warehouse.begin() as connection:
        for column, name in table.refers.items():
            rows = connection.execute(
                sa.text(
                    f'select {key} from {raw}."{table.name}" r join {raw}."{name}" p '
                    f'on r."{column}"::text = p."{source.table(name).key[0]}"::text '
                    "where r._deleted_at is null and p._deleted_at > (select finished_at "
                    "from ops.extraction_watermarks where source = :source and table_name = :name)"
                ),
                {"source": source.name, "name": name},
            )
            found += rows.tuples().all()
    return found


def oldest(table: Table, reflected: Reflected, connection: sa.Connection) -> Any:
    """The least watermark in a table whose rows stay here when they leave the source; None where there is none."""
    if table.deletes != "kept" or not table.watermark:
        return None
    column = reflected[table.name].c[table.watermark]
    is_time = isinstance(column.type, sa.Date | sa.DateTime)
    return connection.scalar(
        sa.select(sa.func.min(column)).where(column >= NO_TIME if is_time else sa.true())
    )


def count_held(source: Source, table: Table, warehouse: Warehouse, since: Any = None) -> int:
    """How many rows raw and its gate's quarantine hold together, tombstones apart.

    since: only those with no older watermark; older ones have left the source, where logs are rotated.
    """
    loaded = f'{schema.raw_schema(source.name)}."{table.name}"'
    held = f'{schema.QUARANTINE}."{schema.quarantine_table(source.name, table.name)}"'
    recent = (
        "" if since is None else f' and (r."{table.watermark}" >= :since or r."{table.watermark}" is null)'
    )
    is_time = isinstance(since, dt.date)
    recent_there = f" and coalesce(q.row ->> '{table.watermark}' >= :since, true)" if is_time else ""
    with warehouse.begin() as connection:
        live = sa.text(f"select count(*) from {loaded} r where r._deleted_at is null{recent}")
        count = connection.scalar(live, {} if since is None else {"since": since}) or 0
        if connection.scalar(sa.text("select to_regclass(:held)"), {"held": held}):
            count += (
                connection.scalar(
                    sa.text(
                        f"select count(*) from {held} q where not exists "
                        f"(select from {loaded} r where {schema.row_key(table.key, 'r')} = q.row_key){recent_there}"
                    ),
                    {"since": since.isoformat()} if is_time else {},
                )
                or 0
            )
    return count


def count_new(source: Source, table: Table, rows: Iterable[Sequence[Any]], warehouse: Warehouse) -> int:
    """How many of the keys `rows` stand neither in the raw table nor in its quarantine yet."""
    raw = schema.raw_schema(source.name)
    with warehouse.engine.connect() as target, target.begin():
        driver = target.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            if not _exists(cursor, f'{raw}."{table.name}"'):
                return sum(1 for _ in rows)
            _copy_keys(cursor, raw, table, rows)
            cursor.execute(_not_here(cursor, source, table, "count(*)"))
            return int((cursor.fetchone() or (0,))[0])


def _not_here(cursor: psycopg.Cursor, source: Source, table: Table, what: str, state: str = "") -> str:
    """The question for `what` of the source_keys that stand neither in raw (in that `state`) nor in quarantine."""
    held = f'{schema.QUARANTINE}."{schema.quarantine_table(source.name, table.name)}"'
    question = (
        f"select {what} from source_keys s where not exists "
        f'(select from {schema.raw_schema(source.name)}."{table.name}" r where {_same(table)} {state})'
    )
    if _exists(cursor, held):
        question += (
            f" and not exists (select from {held} q where q.row_key = {schema.row_key(table.key, 's')})"
        )
    if rejected := keyed_rejects.keyed(cursor, source.name, table.name):
        question += (
            f" and not exists (select from {rejected} q where q.row_key = {schema.row_key(table.key, 's')})"
        )
    return question


def _same(table: Table) -> str:
    return " and ".join(f's."{name}" = r."{name}"' for name in table.key)


def _exists(cursor: psycopg.Cursor, relation: str) -> bool:
    return cursor.execute("select to_regclass(%s) is not null", [relation]).fetchone() == (True,)


def _copy_keys(cursor: psycopg.Cursor, raw: str, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Temporary table source_keys: the key columns of the raw table, filled with `rows`."""
    names = pgsql.SQL(", ").join(map(pgsql.Identifier, table.key))
    cursor.execute(
        pgsql.SQL("create temporary table source_keys on commit drop as select {} from {} limit 0").format(
            names, pgsql.Identifier(raw, table.name)
        )
    )
    with cursor.copy(pgsql.SQL("copy source_keys ({}) from stdin").format(names)) as copy:
        for row in rows:
            copy.write_row(row)
    cursor.execute("analyze source_keys")
