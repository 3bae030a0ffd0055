"""The shape of a published mart, and how it becomes that of the mart just built, in its place.

Belongs here: columns and indexes of `marts` against `marts_build`, and the DDL between them. Does not belong here:
rows (publish.py), masked views and grants (readers.py).

A mart is altered, never made anew: whoever reads with an older snapshot goes on seeing its rows, and views on it
stay valid where their columns remain. A column of another type is a new column; the old one goes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.warehouse import schema

# What a new column is called until its rows are in.
NEXT = "c360_next_"


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    is_required: bool


@dataclass(frozen=True)
class Change:
    """How `marts.<mart>` becomes what was built: columns that come, that go, and that may be null from now on.

    A column of another type is in `added` and in `dropped`. drops_key: the primary key, where it is another now.
    """

    mart: str
    added: tuple[Column, ...]
    dropped: tuple[str, ...]
    relaxed: tuple[str, ...]
    drops_key: str | None
    leftovers: tuple[str, ...] = ()  # columns that a publication which was killed had added

    @property
    def is_none(self) -> bool:
        return not (self.added or self.dropped or self.relaxed or self.drops_key or self.leftovers)

    def place(self, column: str) -> str:
        """The column of the public table in which `column` is stored until `last` has run."""
        return NEXT + column if any(column == one.name for one in self.added) else column

    def first(self) -> list[str]:
        """DDL before the rows are exchanged."""
        steps: list[pgsql.Composable] = []
        if self.drops_key:
            steps.append(pgsql.SQL("drop constraint {}").format(pgsql.Identifier(self.drops_key)))
        steps += [
            pgsql.SQL("alter column {} drop not null").format(pgsql.Identifier(name)) for name in self.relaxed
        ]
        steps += [pgsql.SQL("drop column {}").format(pgsql.Identifier(name)) for name in self.leftovers]
        steps += [
            pgsql.SQL("add column {} {}").format(pgsql.Identifier(NEXT + one.name), pgsql.SQL(one.type))
            for one in self.added
        ]
        return self._alter([pgsql.SQL(", ").join(steps)]) if steps else []

    def last(self) -> list[str]:
        """DDL after it."""
        drops = [pgsql.SQL("drop column {} cascade").format(pgsql.Identifier(name)) for name in self.dropped]
        renames = [
            pgsql.SQL("rename column {} to {}").format(
                pgsql.Identifier(NEXT + one.name), pgsql.Identifier(one.name)
            )
            for one in self.added
        ]
        return self._alter([*([pgsql.SQL(", ").join(drops)] if drops else []), *renames])

    def taken_back(self) -> list[str]:
        """DDL that takes away what `first` added."""
        steps = [
            pgsql.SQL("drop column if exists {}").format(pgsql.Identifier(NEXT + one.name))
            for one in self.added
        ]
        return self._alter([pgsql.SQL(", ").join(steps)]) if steps else []

    def _alter(self, steps: Sequence[pgsql.Composable]) -> list[str]:
        table = pgsql.Identifier(schema.MARTS, self.mart)
        return [pgsql.SQL("alter table {} {}").format(table, step).as_string() for step in steps]


def columns(connection: sa.Connection, schema_name: str, table: str) -> list[Column]:
    """The table's or view's columns in their order; empty where there is none."""
    rows = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute "
            "where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped order by attnum"
        ),
        {"table": f'{schema_name}."{table}"'},
    )
    return [Column(str(name), str(type_), bool(required)) for name, type_, required in rows]


def change(connection: sa.Connection, mart: str, built: Sequence[Column]) -> Change | None:
    """What must change of the published mart; None where there is no such mart yet."""
    found = columns(connection, schema.MARTS, mart)
    if not found:
        return None
    leftovers = tuple(column.name for column in found if column.name.startswith(NEXT))
    public = {column.name: column for column in found if column.name not in leftovers}
    wanted = {column.name: column for column in built}
    differing = [
        column for column in built if (p := public.get(column.name)) is None or p.type != column.type
    ]
    dropped = [name for name in public if name not in wanted or public[name].type != wanted[name].type]
    key, columns_of_key = _primary_key(connection, schema.MARTS, mart)
    drops_key = key if columns_of_key != _primary_key(connection, schema.MARTS_BUILD, mart)[1] else None
    relaxed = [
        column.name
        for column in built
        if not column.is_required and column.name not in dropped and column.name in public
        if public[column.name].is_required
    ]
    return Change(mart, tuple(differing), tuple(dropped), tuple(relaxed), drops_key, leftovers)


def _primary_key(connection: sa.Connection, schema_name: str, table: str) -> tuple[str | None, list[str]]:
    row = connection.execute(
        sa.text(
            "select conname, array(select attname::text from unnest(conkey) with ordinality k (attnum, place) "
            "join pg_attribute a on a.attrelid = conrelid and a.attnum = k.attnum order by place) "
            "from pg_constraint where conrelid = to_regclass(:table) and contype = 'p'"
        ),
        {"table": f'{schema_name}."{table}"'},
    ).one_or_none()
    return (row[0], row[1]) if row else (None, [])


_INDEXES = """
select regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', case when indisunique then 'unique ' else '' end),
    indexrelid::regclass::text, exists (select from pg_constraint where conindid = indexrelid)
from pg_index where indrelid = to_regclass(:table)
"""


def index_changes(connection: sa.Connection, mart: str) -> tuple[list[str], list[str]]:
    """(statements that make the indexes which the published mart lacks, those that drop what was not built).

    Readers wait for the second alone.
    """
    found = {
        name: {
            str(definition): (str(index), bool(is_constraint))
            for definition, index, is_constraint in connection.execute(
                sa.text(_INDEXES), {"table": f'{name}."{mart}"'}
            )
        }
        for name in (schema.MARTS_BUILD, schema.MARTS)
    }
    built, public = found[schema.MARTS_BUILD], found[schema.MARTS]
    table = pgsql.Identifier(schema.MARTS, mart).as_string()
    missing = []
    for definition in built:
        if definition not in public:
            method = definition.removeprefix("unique ")
            unique = "unique " if method != definition else ""
            missing.append(f"create {unique}index on {table} using {method}")
    obsolete = [
        f"drop index {index}"
        for definition, (index, is_constraint) in public.items()
        if definition not in built and not is_constraint
    ]
    return missing, obsolete


def dropped_views(before: Mapping[int, str], connection: sa.Connection) -> list[str]:
    """Names of `before` (others_views) that are gone."""
    now = others_views(connection)
    return sorted(name for oid, name in before.items() if oid not in now)


def others_views(connection: sa.Connection) -> dict[int, str]:
    """Views that others made: of every schema but ours."""
    rows = connection.execute(
        sa.text(
            "select c.oid::bigint, format('%I.%I', n.nspname, c.relname) from pg_class c "
            "join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('v', 'm') and n.nspname <> all(:ours) "
            "and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'"
        ),
        {"ours": list(schema.SCHEMAS)},
    )
    return {int(row[0]): str(row[1]) for row in rows}
