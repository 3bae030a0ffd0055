"""The source's tables as they are, against the declaration and against what was loaded before.

Belongs here: refusing a source that lacks a table or column, or whose column changed its type.
Does not belong here: reading rows.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from dagster_project.errors import SourceError
from dagster_project.sources.declaration import AbsentType, Source, Table
from dagster_project.warehouse import Warehouse, schema

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


@dataclass(frozen=True)
class Reflected:
    """A source's tables as its database describes them, by name."""

    tables: dict[str, sa.Table]
    enforced_keys: frozenset[str]  # tables whose declared key the source itself keeps unique
    absent: frozenset[str] = (
        frozenset()
    )  # optional tables that the source lacks: `tables` has them as declared

    def __getitem__(self, name: str) -> sa.Table:
        return self.tables[name]


def reflect(source: Source, engine: sa.Engine) -> Reflected:
    """Reads the catalogue once. Raises SourceError naming each table and column that is missing."""
    metadata = sa.MetaData()
    present = set(sa.inspect(engine).get_table_names()) | set(sa.inspect(engine).get_view_names())
    absent = frozenset(t.name for t in source.tables if t.is_optional and t.name not in present)
    names = [table.name for table in source.tables if table.name not in absent]
    if missing := [name for name in names if name not in present]:
        raise SourceError(
            f"{source.name}: the source has no table {', '.join(missing)}.",
            f"Is C360_SOURCE_{source.name.upper()}_URL the right database, and may its user see the table?",
        )
    metadata.reflect(bind=engine, only=names, views=True, resolve_fks=False)
    tables = {name: metadata.tables[name] for name in names}
    tables |= {t.name: declared_table(t) for t in source.tables if t.name in absent}
    tables |= {t.name: _narrowed(tables[t.name], t) for t in source.tables if t.is_narrow}
    for declared in source.tables:
        for column in tables[declared.name].columns:
            column.type = _unbounded(column.type)
            # What must be there at the source may be MySQL's zero date, which is null here.
            column.nullable = column.name not in declared.key
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
    for declared in source.tables:
        if declared.amount and not _is_exact(tables[declared.name].c[declared.amount].type):
            raise SourceError(
                f"{source.name}: the amount {declared.name}.{declared.amount} is no exact number.",
                "Declare a column that is numeric or integer at the source, or no amount.",
            )
    enforced = frozenset(t.name for t in source.tables if _is_enforced(t, tables[t.name]))
    return Reflected(tables, enforced, absent)


def absent_columns(table: Table, reflected: Reflected) -> list[sa.Column]:
    """The declared columns that the source lacks, in their declared types."""
    return [declared_column(table, name) for name in table.optional if name not in reflected[table.name].c]


def declared_table(table: Table) -> sa.Table:
    names = dict.fromkeys((*table.required_columns, *table.optional))
    return sa.Table(table.name, sa.MetaData(), *(declared_column(table, name) for name in names))


def declared_column(table: Table, name: str) -> sa.Column:
    kind = table.types.get(name, "number" if name == table.amount else "text")
    return sa.Column(name, _unbounded(_TYPES[kind]()))


def _narrowed(table: sa.Table, declared: Table) -> sa.Table:
    wanted = {*declared.required_columns, *declared.optional}
    return sa.Table(
        table.name,
        sa.MetaData(),
        *(
            sa.Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable)
            for c in table.columns
            if c.name in wanted
        ),
    )


def _unbounded(kind: sa.types.TypeEngine) -> sa.types.TypeEngine:
    """Text without its length, integers of 64 bits: raw takes a column that grows, and a SET's joined words."""
    if isinstance(kind, sa.String) and not isinstance(kind, sa.Enum):
        return sa.Text()
    if isinstance(kind, sa.Float):
        return sa.Numeric(asdecimal=False)  # dlt knows a double by this name alone
    return sa.BigInteger() if isinstance(kind, sa.Integer) else kind


def _is_exact(kind: sa.types.TypeEngine) -> bool:
    return isinstance(kind, sa.Integer) or (isinstance(kind, sa.Numeric) and kind.asdecimal)


def _is_enforced(declared: Table, table: sa.Table) -> bool:
    key = set(declared.key)
    unique = [set(table.primary_key.columns.keys())]
    unique += [set(c.columns.keys()) for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
    unique += [set(index.columns.keys()) for index in table.indexes if index.unique]
    return any(columns and columns <= key for columns in unique)


def new_and_retyped(source: Source, reflected: Reflected, warehouse: Warehouse) -> dict[str, list[str]]:
    """New columns by table, against what was loaded before. Raises SourceError where a kind of type changed."""
    with warehouse.begin() as connection:
        loaded = {
            (row.table_name, row.column_name): _kind_loaded(row.data_type)
            for row in connection.execute(
                sa.text(
                    "select table_name, column_name, data_type from information_schema.columns "
                    "where table_schema = :schema"
                ),
                {"schema": schema.raw_schema(source.name)},
            )
        }
    known_tables = {table for table, _ in loaded}
    new: dict[str, list[str]] = {}
    for name, table in reflected.tables.items():
        new[name] = []
        if name in reflected.absent:
            continue
        for column in table.columns:
            before = loaded.get((name, column.name.lower()))
            now = _kind_at_source(column)
            if before is None:
                if name in known_tables:
                    new[name].append(column.name)
            elif now and before != now:
                raise SourceError(
                    f"{source.name}: column {name}.{column.name} was {before} and is now {now}.",
                    "Mend its type at the source; if the change is meant, run "
                    f"`c360 sql --write 'drop table {schema.raw_schema(source.name)}.{name} cascade'`: it is read anew.",
                )
    return new


# Kinds, not types: an integer that grew or a varchar that became text changes nothing for staging.
def _kind_loaded(data_type: str) -> str:
    for kind, types in {
        "a number": ("int", "numeric", "double", "real", "boolean"),
        "a time": ("timestamp", "date", "time"),
        "text": ("char", "text", "json", "uuid"),
    }.items():
        if any(word in data_type for word in types):
            return kind
    return data_type


def _kind_at_source(column: sa.Column) -> str | None:
    generic = column.type
    if isinstance(generic, (sa.Numeric, sa.Integer, sa.Boolean)):
        return "a number"
    if isinstance(generic, (sa.DateTime, sa.Date, sa.Time)):
        return "a time"
    if isinstance(generic, (sa.String, sa.JSON, sa.Uuid)):
        return "text"
    return None  # a type of the engine's own: dlt decides
