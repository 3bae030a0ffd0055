"""Declared columns and tables that a source lacks (another release, a module that is not installed), as raw has them.

Belongs here: null columns of their declared types, and what becomes of them when the source has them one day.
Does not belong here: what the source has (reflect.py), making raw tables (raw_tables.py).
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from dagster_project.sources.declaration import Source
from dagster_project.sources.raw_tables import as_raw
from dagster_project.sources.reflect import Reflected, absent_columns
from dagster_project.sources.widen import alter
from dagster_project.warehouse import Warehouse, schema

_COLUMNS = """
    select table_name, column_name, data_type from information_schema.columns where table_schema = :raw
"""
# What dlt makes of types of an engine's own (UUID, an enumeration) is dlt's to decide.
_KINDS = {"text", "bigint", "numeric", "double precision", "boolean", "date", "json"}
_KINDS |= {"timestamp without time zone", "timestamp with time zone"}


def fit(source: Source, reflected: Reflected, warehouse: Warehouse) -> list[str]:
    """Gives raw the declared columns that the source lacks, and those that never had a value the type they have now.

    Answers the tables of which a column's type changed: what dlt knows of them is no longer so.
    """
    raw = schema.raw_schema(source.name)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    retyped = []
    with warehouse.begin() as connection:
        loaded: dict[str, dict[str, str]] = {}
        for row in connection.execute(sa.text(_COLUMNS), {"raw": raw}):
            loaded.setdefault(row.table_name, {})[row.column_name] = row.data_type
        for table in source.tables:
            if (held := loaded.get(table.name)) is None:
                continue
            name = f'{raw}."{table.name}"'
            known = reflected[table.name].c
            may_lack = known.keys() if table.is_optional else table.optional
            columns = [known[column] for column in may_lack if column in known]
            for column in [*absent_columns(table, reflected), *columns]:
                wanted = as_raw(column).compile(dialect=dialect).lower()
                before = held.get(column.name)
                if before is None:
                    if column.name not in known:
                        alter(connection, name, f'add column "{column.name}" {wanted}')
                elif _plain(wanted) in _KINDS - {_plain(before)} and _is_empty(connection, name, column.name):
                    alter(connection, name, f'alter column "{column.name}" type {wanted} using null')
                    retyped.append(table.name)
    return sorted(set(retyped))


def _plain(kind: str) -> str:
    kind = kind.partition("(")[0].strip()
    return "text" if kind == "character varying" else kind


def _is_empty(connection: sa.Connection, table: str, column: str) -> bool:
    return not connection.exec_driver_sql(
        f'select exists (select from {table} where "{column}" is not null)'
    ).scalar_one()
