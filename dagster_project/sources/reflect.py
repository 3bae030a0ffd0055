"""The source's tables as they are, against the declaration.

Belongs here: finding a declared table and its columns under the source's own names, refusing a source that lacks one.
Does not belong here: reading rows, and what raw has of it (raw_tables.py).
"""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from dagster_project.errors import SourceError
from dagster_project.sources.declaration import AbsentType, Source, Table
from dagster_project.sources.installed import as_installed
from dagster_project.sources.keyless import key_columns
from dagster_project.sources.naming import collisions, normalise
from dagster_project.sources.raw_types import RawColumn, absent_column, raw_column

_TYPES: dict[AbsentType, type[sa.types.TypeEngine]] = {
    "text": sa.Text,
    "integer": sa.BigInteger,
    "number": sa.Numeric,
    "float": sa.Float,
    "boolean": sa.Boolean,
    "time": sa.DateTime,
    "date": sa.Date,
    "json": sa.JSON,
}
LARGEST = (1 << 63) - 1  # bigint


@dataclass(frozen=True)
class Reflected:
    """A source's tables as its database describes them, by their names here; so are the columns of each (`c`).

    enforced_keys  tables whose declared key the source itself keeps unique
    absent         optional tables that the source lacks: `tables` has them as declared
    digested       tables without a key at the source, whose rows have a digest instead
    source         the declaration as this installation is; None where it is as declared
    columns        what raw has of each table, declared columns that the source lacks among them
    """

    tables: Mapping[str, sa.Table]
    enforced_keys: frozenset[str]
    absent: frozenset[str] = frozenset()
    columns: Mapping[str, tuple[RawColumn, ...]] = field(default_factory=dict)
    digested: frozenset[str] = frozenset()
    source: Source | None = None

    def __post_init__(self) -> None:
        if not self.columns:
            found = {
                n: tuple(raw_column(c.key, c) for c in table.columns) for n, table in self.tables.items()
            }
            object.__setattr__(self, "columns", found)

    def __getitem__(self, name: str) -> sa.Table:
        return self.tables[name]

    def column(self, table: str, name: str) -> RawColumn:
        return next(column for column in self.columns[table] if column.name == name)

    def read(self, table: str, name: str) -> sa.ColumnElement[Any]:
        """A column in the source's own type, or as it is read where no other type knows that one."""
        column, found = self[table].c[name], self.column(table, name)
        if not found.is_written or isinstance(column.type, sa.Uuid) or found.expression is None:
            return column
        return found.expression

    def keyless(self, table: Table) -> list[sa.ColumnElement[bool]]:
        """When a row of the source has no key that raw could have: null, or a number beyond bigint."""
        columns = [(self[table.name].c[name], self.column(table.name, name)) for name in table.key]
        beyond = [c > LARGEST for c, _ in columns if isinstance(c.type, mysql.BIGINT) and c.type.unsigned]
        return [*(c.is_(None) for c, found in columns if found.may_be_null), *beyond]


def reflect(source: Source, engine: sa.Engine) -> Reflected:
    """Reads the catalogue once. Raises SourceError naming each table and column that is missing, or of one name with another."""
    inspector = sa.inspect(engine)
    present = {*inspector.get_table_names(), *inspector.get_view_names()}
    found = {table.name: _at_source(source, table, present) for table in source.tables}
    absent = frozenset(t.name for t in source.tables if t.is_optional and not found[t.name])
    if missing := [t.at_source for t in source.tables if not found[t.name] and t.name not in absent]:
        raise SourceError(
            f"{source.name}: the source has no table {', '.join(missing)}.",
            f"Is C360_SOURCE_{source.name.upper()}_URL the right database, and may its user see the table?",
        )
    metadata = sa.MetaData()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # of types that SQLAlchemy does not know
        metadata.reflect(bind=engine, only=[n for n in found.values() if n], views=True, resolve_fks=False)
    theirs = {name: metadata.tables[own] for name, own in found.items() if own}
    source = as_installed(source, {name: [c.name for c in table.columns] for name, table in theirs.items()})
    enforced = frozenset(
        t.name for t in source.tables if t.name in theirs and _is_enforced(t, theirs[t.name])
    )
    digested = frozenset(
        t.name for t in source.tables if t.digest_of and t.name in theirs and t.name not in enforced
    )
    tables = {
        t.name: _as_here(source, t, theirs[t.name], engine.dialect.name if t.name in digested else None)
        for t in source.tables
        if t.name in theirs
    }
    tables |= {t.name: _as_declared(t) for t in source.tables if t.name in absent}
    lacking = [
        f"{table.name}.{column}"
        for table in source.tables
        for column in table.required_columns
        if column not in tables[table.name].c
    ]
    if lacking:
        raise SourceError(
            f"{source.name}: the source has no column {', '.join(lacking)}.",
            f"Was it renamed? Adapt the declaration of {source.name} and dbt_project/models/staging/{source.name}.",
        )
    type_names = _type_names(engine, tables.values())
    columns = {
        t.name: (
            *(
                declared_column(t, c.key)
                if t.name in absent
                else raw_column(
                    c.key, c, engine.dialect.name, type_names.get((tables[t.name].name, c.name), "")
                )
                for c in tables[t.name].columns
            ),
            *(declared_column(t, name) for name in t.optional if name not in tables[t.name].c),
        )
        for t in source.tables
    }
    reflected = Reflected(tables, enforced, absent, columns, digested, source)
    for declared in source.tables:
        if declared.amount and reflected.column(declared.name, declared.amount).kind not in (
            "bigint",
            "numeric",
        ):
            raise SourceError(
                f"{source.name}: the amount {declared.name}.{declared.amount} is no exact number.",
                "Declare a column that is numeric or integer at the source, or no amount.",
            )
    return reflected


def _at_source(source: Source, table: Table, present: Iterable[str]) -> str | None:
    """The source's own name of a declared table: as it was written, or the one that is called so here."""
    if table.at_source in present:
        return table.at_source
    found = sorted(name for name in present if normalise(name) == normalise(table.at_source))
    if len(found) > 1:
        raise SourceError(
            f"{source.name}: tables {' and '.join(found)} of the source are both called {table.name} here.",
            f"Write `at_source` below tables.{table.name}: the one that is meant.",
        )
    return found[0] if found else None


def _as_here(source: Source, declared: Table, table: sa.Table, digest: str | None) -> sa.Table:
    """The source's table, its columns by their names here. digest: the dialect, of a table without a key."""
    columns = list(table.columns)
    if declared.is_narrow:
        wanted = {*declared.required_columns, *declared.optional}
        columns = [column for column in columns if declared.called(column.name) in wanted]
    for ours, theirs in collisions((column.name for column in columns), declared.rename).items():
        raise SourceError(
            f"{source.name}: columns {' and '.join(theirs)} of {table.name} are both called {ours} here.",
            f'Give one another name below tables.{declared.name}: rename = {{"{theirs[-1]}" = "…"}}.',
        )
    key: list[sa.Column[Any]] = []
    if digest:
        names = {declared.called(column.name): column.name for column in columns}
        key = key_columns(source, declared, table, names, digest)
        columns = [column for column in columns if declared.called(column.name) not in declared.key]
    return sa.Table(
        table.name,
        sa.MetaData(),
        *key,
        *(
            sa.Column(
                c.name,
                c.type,
                key=declared.called(c.name),
                primary_key=c.primary_key,
                # What must be there at the source may be MySQL's zero date, which is null here.
                nullable=c.nullable or isinstance(c.type, (sa.Date, sa.DateTime)),
            )
            for c in columns
        ),
    )


def _as_declared(table: Table) -> sa.Table:
    names = dict.fromkeys((*table.required_columns, *table.optional))
    return sa.Table(table.name, sa.MetaData(), *(sa.Column(n, _type(table, n)) for n in names))


def declared_column(table: Table, name: str) -> RawColumn:
    """A declared column as raw has it where the source lacks it."""
    return absent_column(name, _type(table, name))


def _type(table: Table, name: str) -> sa.types.TypeEngine:
    return _TYPES[table.types.get(name, "number" if name == table.amount else "text")]()


def _type_names(engine: sa.Engine, tables: Iterable[sa.Table]) -> Mapping[tuple[str, str], str]:
    """What MySQL calls types that SQLAlchemy does not know, by table and column."""
    unknown = [t.name for t in tables if any(isinstance(c.type, sa.types.NullType) for c in t.columns)]
    if not unknown or engine.dialect.name not in ("mysql", "mariadb"):
        return {}
    asked = sa.text(
        "select table_name, column_name, lower(data_type) from information_schema.columns "
        "where table_schema = database() and table_name in :names"
    ).bindparams(sa.bindparam("names", unknown, expanding=True))
    with engine.connect() as connection:
        return {(str(table), str(column)): str(kind) for table, column, kind in connection.execute(asked)}


def _is_enforced(declared: Table, table: sa.Table) -> bool:
    key = set(declared.key)
    unique: list[Iterable[sa.Column]] = [table.primary_key.columns]
    unique += [c.columns for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
    unique += [i.columns for i in table.indexes if i.unique and not _is_partial(i)]
    named = [{declared.called(column.name) for column in columns} for columns in unique]
    return any(columns and columns <= key for columns in named)


def _is_partial(index: sa.Index) -> bool:
    return index.dialect_options["postgresql"]["where"] is not None
