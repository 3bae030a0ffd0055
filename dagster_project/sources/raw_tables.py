"""Raw tables before a load: made with every column that its source has, in the types of raw_types.py.

Belongs here: all DDL on schemas raw_<source> but keys (keys.py) and names of before (renames.py); dlt finds its tables
as it wants them and moves rows alone. Does not belong here: filling them (loading.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dagster_project.errors import SourceError
from dagster_project.sources import renames
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.raw_types import RawColumn, word_of
from dagster_project.sources.reflect import Reflected
from dagster_project.warehouse import Warehouse, schema
from dagster_project.warehouse.locks import PATIENCE_S, run_briefly

DELETED_AT, LOAD_ID = "_deleted_at", "_dlt_load_id"
OURS = {DELETED_AT: "timestamp with time zone", LOAD_ID: "text"}
MOST_COLUMNS = 1600  # of a table in PostgreSQL

_TEXTS = frozenset({"text", "character varying", "character"})
_INTEGERS = frozenset({"smallint", "integer"})
_COLUMNS = """
    select table_name, column_name, data_type, numeric_precision, numeric_scale from information_schema.columns
    where table_schema = :schema
"""
# Views in the way of an ALTER: staging's, which dbt writes anew in the same refresh.
_VIEWS = """
    select distinct v.oid::regclass::text from pg_depend d join pg_rewrite r on r.oid = d.objid
    join pg_class v on v.oid = r.ev_class
    where d.refobjid = cast(:table as regclass) and v.relkind = 'v'
"""


@dataclass(frozen=True)
class Held:
    """A column as a table has it; precision and scale of a number within bounds."""

    type: str
    precision: int | None = None
    scale: int | None = None


Layout = dict[str, dict[str, Held]]  # by table and column


@dataclass(frozen=True)
class Prepared:
    """One table, ready for its load: the columns that are new to it, and whether its rows are to be read anew."""

    new: list[str]
    is_anew: bool = False


def prepare(source: Source, reflected: Reflected, warehouse: Warehouse) -> dict[str, Prepared]:
    """Makes raw as the source is now; answers what became of each table.

    Raises SourceError where a column is of another kind than raw's, or where a table has too many columns, and
    WarehouseLocked.
    """
    with warehouse.begin() as connection:
        return _prepare(source, reflected, connection)


def rename(source: Source, reflected: Reflected, warehouse: Warehouse) -> None:
    """Gives raw's tables and columns the names that they have now, before anything looks for them."""
    with warehouse.begin() as connection:
        renames.apply(source, reflected, connection)


def raw_name(source: Source, table: str, connection: sa.Connection) -> str | None:
    """The raw table as SQL names it; None where there is none yet."""
    raw = f'{schema.raw_schema(source.name)}."{table}"'
    return raw if connection.scalar(sa.text("select to_regclass(:raw)"), {"raw": raw}) else None


def holds_rows(source: Source, table: Table, warehouse: Warehouse) -> bool:
    with warehouse.begin() as connection:
        raw = raw_name(source, table.name, connection)
        return raw is not None and bool(connection.scalar(sa.text(f"select exists (select from {raw})")))


def refuse_emptied(source: Source, load: TableLoad, warehouse: Warehouse) -> None:
    """A table that had rows and now has none is a broken source far more often than an empty one."""
    if load.rows_at_source:
        return
    with warehouse.begin() as connection:
        if (raw := raw_name(source, load.table, connection)) is None:
            return
        had = connection.scalar(sa.text(f"select count(*) from {raw} where {DELETED_AT} is null"))
    if had:
        name = f"{source.name}.{load.table}"
        why, remedy = "", "Fix the source."
        if load.is_absent:
            why = f": the source has no table {load.table}"
            remedy = f"Is C360_SOURCE_{source.name.upper()}_URL the right database, and may its user see the table?"
        raise SourceError(
            f"{name} returns no rows where there were {had}{why}.",
            f"{remedy} If it is meant to be empty, set C360_MAY_BE_EMPTIED={name}.",
        )


def _prepare(source: Source, reflected: Reflected, connection: sa.Connection) -> dict[str, Prepared]:
    raw, beside = schema.raw_schema(source.name), f"{schema.raw_schema(source.name)}_staging"
    for name in (raw, beside):
        if connection.scalar(sa.text("select to_regnamespace(:name)"), {"name": name}) is None:
            connection.exec_driver_sql(f"create schema if not exists {name}")
    held = layout(connection, raw)
    new = {
        table.name: _fit(source, table, reflected.columns[table.name], held.get(table.name), connection)
        for table in source.tables
    }
    made = layout(connection, raw)
    loaded_through = layout(connection, beside)
    for table in source.tables:
        if loaded_through.get(table.name) != made[table.name]:
            connection.exec_driver_sql(f'drop table if exists {beside}."{table.name}"')
            connection.exec_driver_sql(f'create table {beside}."{table.name}" (like {raw}."{table.name}")')
    return new


def layout(connection: sa.Connection, place: str) -> Layout:
    """The columns of every table of schema `place`."""
    found: Layout = {}
    for row in connection.execute(sa.text(_COLUMNS), {"schema": place}):
        is_number = row.data_type == "numeric"
        bounds = (row.numeric_precision, row.numeric_scale) if is_number else (None, None)
        found.setdefault(row.table_name, {})[row.column_name] = Held(row.data_type, *bounds)
    return found


def _fit(
    source: Source,
    table: Table,
    columns: Sequence[RawColumn],
    held: dict[str, Held] | None,
    connection: sa.Connection,
) -> Prepared:
    """Makes one table, or gives it what it lacks."""
    name = f'{schema.raw_schema(source.name)}."{table.name}"'
    required = {column: " not null" for column in table.key}
    lacking = [column for column in columns if held is None or column.name not in held]
    _refuse_too_many(source, table, name, len(lacking), held, connection)
    if held is None:
        made = [f'"{c.name}" {c.ddl}{required.get(c.name, "")}' for c in columns]
        made += [f"{column} {kind}" for column, kind in OURS.items()]
        connection.exec_driver_sql(f"create table {name} ({', '.join(made)})")
        connection.execute(
            sa.text("delete from ops.extraction_watermarks where source = :source and table_name = :name"),
            {"source": source.name, "name": table.name},  # what was read of one that was dropped is read anew
        )
        return Prepared([], is_anew=True)
    changes = [f'add column "{column.name}" {column.ddl}' for column in lacking]
    changes += [f"add column {column} {kind}" for column, kind in OURS.items() if column not in held]
    retyped = []
    is_anew = False
    for column in columns:
        before = held.get(column.name)
        if before and (change := _change(source, table, name, column, before, connection)):
            retyped.append(f'alter column "{column.name}" type {change}')
            # What was no text of the server's own may have lost something: a zone, hours beyond 24.
            is_anew = is_anew or column.is_written
    if changes or retyped:
        alter(connection, name, changes, retyped)
    return Prepared([column.name for column in lacking if column.expression is not None], is_anew)


def alter(
    connection: sa.Connection,
    name: str,
    changes: Sequence[str],
    retyped: Sequence[str] = (),
    patience_s: float = PATIENCE_S,
) -> None:
    """Alters a raw table, without the views that read it where a type changes, as soon as nobody uses them.

    Raises WarehouseLocked naming the sessions that do.
    """
    views = connection.scalars(sa.text(_VIEWS), {"table": name}).all() if retyped else []
    statements = [f"drop view if exists {view} cascade" for view in views]
    statements.append(f"alter table {name} {', '.join([*changes, *retyped])}")
    run_briefly(connection, statements, [name, *views], patience_s)


def _refuse_too_many(
    source: Source,
    table: Table,
    name: str,
    new: int,
    held: dict[str, Held] | None,
    connection: sa.Connection,
) -> None:
    there = len(OURS)
    if held is not None:  # columns that were dropped count for ever
        asked = "select count(*) from pg_attribute where attrelid = cast(:name as regclass) and attnum > 0"
        there = connection.scalar(sa.text(asked), {"name": name}) or 0
    if new and there + new > MOST_COLUMNS:
        raise SourceError(
            f"{source.name}: with {new:,} more columns {table.name} would have {there + new:,} in raw; "
            f"a table takes {MOST_COLUMNS:,}.",
            f"Name the columns that are needed below tables.{table.name} and set is_narrow = true.",
        )


def _change(
    source: Source, table: Table, name: str, column: RawColumn, held: Held, connection: sa.Connection
) -> str | None:
    """What an ALTER of the column says so that it takes what the source may hold; None where it does already."""
    found = _wider(column, held)
    if found != _OTHER:
        return found
    quoted = f'"{column.name}"'
    if column.kind == "text" and (column.is_written or held.type in ("json", "jsonb", "uuid")):
        # Text that stands for another type: an earlier release had another stand for it.
        return "text using " + (f"encode({quoted}, 'hex')" if held.type == "bytea" else f"{quoted}::text")
    if not connection.exec_driver_sql(
        f"select exists (select from {name} where {quoted} is not null)"
    ).scalar_one():
        return f"{column.ddl} using null"
    if column.expression is None:
        return None  # the source lacks it now: raw keeps what it had
    was, now = word_of(held.type), column.word
    if was == now:
        was, now = held.type, column.ddl
    raise SourceError(
        f"{source.name}: column {table.name}.{column.name} was {was} and is now {now}.",
        "Fix its type at the source; if the change is meant, run "
        f"`c360 sql --write 'drop table {name.replace(chr(34), '')} cascade'`: it is read anew.",
    )


_OTHER = ""  # another type, and no cast that keeps every value


def _wider(column: RawColumn, held: Held) -> str | None:
    """The type that holds what raw's column holds and what the source's may; None where raw's does already."""
    kind, before = column.kind, held.type
    if kind == "numeric" and before == "numeric":
        return _wider_number(column, held)
    if before == column.ddl or (kind in ("text", "json") and before in _TEXTS):
        return None
    if kind == "json" and before == "jsonb":
        return "json"
    if kind == "bigint" and before == "numeric":
        return None
    if kind == "bigint" and before in _INTEGERS:
        return "bigint"
    if kind in ("bigint", "numeric") and before in ("bigint", "double precision", "real", *_INTEGERS):
        return "numeric"
    if kind == "double" and before in ("bigint", "numeric", "real", *_INTEGERS):
        return "double precision"
    if kind == "timestamp" and before == "date":
        return column.ddl
    return _OTHER


def _wider_number(column: RawColumn, held: Held) -> str | None:
    if held.precision is None or held.scale is None:
        return None
    if column.precision is None or column.scale is None:
        return "numeric"
    fraction = max(held.scale, column.scale)
    precision = max(held.precision - held.scale, column.precision - column.scale) + fraction
    return (
        None if (precision, fraction) == (held.precision, held.scale) else f"numeric({precision}, {fraction})"
    )
