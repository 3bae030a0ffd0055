"""Raw tables as extraction meets them before a load: there, empty, or about to lose everything.

Belongs here: one table's name, presence and making. Does not belong here: filling it (loading.py), its keys (keys.py).
"""

from collections.abc import Sequence

import sqlalchemy as sa

from dagster_project.errors import SourceError
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.reflect import Reflected, absent_columns
from dagster_project.warehouse import Warehouse, schema

DELETED_AT = "_deleted_at"


def raw_name(source: Source, table: str, connection: sa.Connection) -> str | None:
    """The raw table as SQL names it; None where there is none yet."""
    raw = f'{schema.raw_schema(source.name)}."{table}"'
    return raw if connection.scalar(sa.text("select to_regclass(:raw)"), {"raw": raw}) else None


def forget_dropped(source: Source, warehouse: Warehouse, retyped: Sequence[str] = ()) -> bool:
    """Whether a raw table is not there (or no longer), or `retyped`: then what dlt remembers of this source's tables is deleted.

    It would take a table that somebody dropped for one that it has made, with the column types of then.
    """
    raw = schema.raw_schema(source.name)
    with warehouse.begin() as connection:
        if connection.scalar(sa.text("select to_regnamespace(:raw)"), {"raw": raw}) is None:
            connection.execute(sa.text(f"create schema if not exists {raw}"))
        missing = [table.name for table in source.tables if raw_name(source, table.name, connection) is None]
        other = [*missing, *retyped]
        for table in other:
            connection.execute(sa.text(f'drop table if exists {raw}_staging."{table}"'))
        for memory in (
            f"{place}.{table}"
            for place in (raw, f"{raw}_staging")
            for table in ("_dlt_version", "_dlt_pipeline_state")
            if other
        ):
            if connection.scalar(sa.text("select to_regclass(:memory)"), {"memory": memory}):
                connection.execute(sa.text(f"delete from {memory}"))
    return bool(other)


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
        raise SourceError(
            f"{name} returns no rows where there were {had}.",
            f"Mend the source; if it is meant to be empty, set C360_MAY_BE_EMPTIED={name}.",
        )


def make_empty(source: Source, table: Table, reflected: Reflected, warehouse: Warehouse) -> None:
    """dlt makes a table with its first row; staging reads it before that."""
    columns = [*reflected[table.name].columns, *absent_columns(table, reflected)]
    like = sa.Table(
        table.name,
        sa.MetaData(schema=schema.raw_schema(source.name)),
        *(sa.Column(column.name, as_raw(column)) for column in columns),
        sa.Column(DELETED_AT, sa.DateTime(timezone=True)),
        sa.Column("_dlt_load_id", sa.Text()),
    )
    with warehouse.begin() as connection:
        like.create(connection, checkfirst=True)


def as_raw(column: sa.Column) -> sa.types.TypeEngine:
    """The type that dlt gives a source's column in raw."""
    if isinstance(column.type, sa.Numeric) and not column.type.asdecimal:
        return sa.Double()
    try:
        return column.type.as_generic()
    except NotImplementedError:
        return sa.Text()
