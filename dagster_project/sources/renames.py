"""Raw's tables and columns under names of before: renamed once, and noted in ops.raw_renames.

Belongs here: what earlier releases called a table or column. Does not belong here: the rule (naming.py).
Views follow a rename by themselves; SQL that names the column has to be adapted, and the run's log names it.
"""

import re

import sqlalchemy as sa

from dagster_project.sources.declaration import Source
from dagster_project.sources.naming import PIPELINE_COLUMNS, RUSSIAN
from dagster_project.sources.raw_types import RawColumn
from dagster_project.sources.reflect import Reflected
from dagster_project.warehouse import schema
from dagster_project.warehouse.locks import run_briefly

_COLUMNS = (
    "select column_name from information_schema.columns where table_schema = :raw and table_name = :table"
)
_NOTE = """
    insert into ops.raw_renames (source, table_name, column_name, renamed_to)
    values (:source, :table, :column, :renamed_to)
"""
# Moved-out rows hold a column's value by its name.
_IN_QUARANTINE = """
    update {relation} set row = (row - cast(:before as text)) || jsonb_build_object(cast(:now as text), row -> :before)
    where row ? :before
"""


def apply(source: Source, reflected: Reflected, connection: sa.Connection) -> None:
    """Renames what raw has of `source` by a rule of before. Idempotent."""
    if source.medium == "database":
        for table in source.tables:
            if table.name not in reflected.absent:
                _rename_table(source, reflected[table.name].name, table.name, connection)
    for table in source.tables:
        _rename_columns(source, table.name, reflected.columns[table.name], connection)


def _rename_table(source: Source, theirs: str, ours: str, connection: sa.Connection) -> None:
    before, raw = _by_dlt(theirs), schema.raw_schema(source.name)
    if (
        before == ours
        or _is_there(connection, f'{raw}."{ours}"')
        or not _is_there(connection, f'{raw}."{before}"')
    ):
        return
    place = f'{raw}."{before}"'
    run_briefly(connection, [f'alter table {place} rename to "{ours}"'], [place])
    connection.exec_driver_sql(f'drop table if exists {raw}_staging."{before}"')
    for name in (schema.quarantine_table, schema.rejects_table):
        old, new = name(source.name, before), name(source.name, ours)
        if _is_there(connection, f'{schema.QUARANTINE}."{old}"'):
            moved = f'{schema.QUARANTINE}."{old}"'
            run_briefly(connection, [f'alter table {moved} rename to "{new}"'], [moved])
    connection.execute(
        sa.text(
            "update ops.extraction_watermarks set table_name = :now where source = :source and table_name = :before"
        ),
        {"source": source.name, "before": before, "now": ours},
    )
    connection.execute(
        sa.text(_NOTE), {"source": source.name, "table": before, "column": None, "renamed_to": ours}
    )


def _rename_columns(
    source: Source, table: str, columns: tuple[RawColumn, ...], connection: sa.Connection
) -> None:
    raw = schema.raw_schema(source.name)
    known = set(connection.scalars(sa.text(_COLUMNS), {"raw": raw, "table": table}))
    wanted = {column.name for column in columns}
    rule = _by_dlt if source.medium == "database" else _of_files
    place = f'{raw}."{table}"'
    moved_out = f'{schema.QUARANTINE}."{schema.quarantine_table(source.name, table)}"'
    for column in columns:
        before = rule(column.theirs)
        # A name that another column has now, or the pipeline's own, was not this one's.
        if column.name in known or before not in known - wanted or before in PIPELINE_COLUMNS:
            continue
        change = f'alter table {place} rename column "{before}" to "{column.name}"'
        run_briefly(connection, [change], [place])
        if _is_there(connection, moved_out):
            connection.execute(
                sa.text(_IN_QUARANTINE.format(relation=moved_out)), {"before": before, "now": column.name}
            )
        connection.execute(
            sa.text(_NOTE),
            {"source": source.name, "table": table, "column": before, "renamed_to": column.name},
        )


def _is_there(connection: sa.Connection, relation: str) -> bool:
    return connection.scalar(sa.text("select to_regclass(:name)"), {"name": relation}) is not None


def _by_dlt(name: str) -> str:
    """What a database's table or column was called in raw: dlt's own rule."""
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    return NamingConvention(schema.LONGEST_NAME).normalize_identifier(name)


def _of_files(name: str) -> str:
    """What a file's or an API's column was called."""
    latin = re.sub(r"(?<=[a-zа-яё0-9])(?=[A-ZА-ЯЁ])", "_", name.strip()).lower()
    latin = "".join(RUSSIAN.get(letter, letter) for letter in latin)
    plain = re.sub(r"[^a-z0-9]+", "_", latin).strip("_")[:60].strip("_")
    return f"c_{plain}" if plain[:1].isdigit() else plain
