"""Keys: duplicates refused before they are loaded, rows that left the source marked by a tombstone.

Belongs here: the two questions that only the whole key set answers. Does not belong here: rows' values.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.errors import SourceError
from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.reflect import Reflected
from dagster_project.sources.window import Window
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
    twice = sa.select(*columns).group_by(*columns).having(sa.func.count() > 1)
    if (where := window.where(source, reflected)) is not None:
        twice = twice.where(where)
    count = connection.scalar(sa.select(sa.func.count()).select_from(twice.subquery()))
    if count:
        key = ", ".join(table.key)
        raise SourceError(
            f"{source.name}: {count} values of the key ({key}) stand more than once in {table.name}; "
            "nothing of it was loaded.",
            f"Mend them at the source: select {key} from {table.name} group by {key} having count(*) > 1.",
        )


def index(source: Source, grown: Sequence[str], warehouse: Warehouse) -> None:
    """Gives each raw table its unique key, by which merges, gates and staging find rows.

    Tables named in `grown` get new statistics: a plan made for an empty table never ends.
    """
    raw = schema.raw_schema(source.name)
    with warehouse.engine.connect() as target, target.begin():
        driver = target.connection.driver_connection
        assert driver is not None
        for table in source.tables:
            driver.execute(
                pgsql.SQL("create unique index if not exists {} on {} ({})").format(
                    pgsql.Identifier(f"{table.name}_key"),
                    pgsql.Identifier(raw, table.name),
                    pgsql.SQL(", ").join(map(pgsql.Identifier, table.key)),
                )
            )
            if table.name in grown:
                driver.execute(pgsql.SQL("analyze {}").format(pgsql.Identifier(raw, table.name)))


def at_source(table: Table, reflected: Reflected, connection: sa.Connection) -> Iterable[Sequence[Any]]:
    """The key of every row of a database's table."""
    columns = [reflected[table.name].c[name] for name in table.key]
    return connection.execution_options(yield_per=CHUNK_ROWS).execute(sa.select(*columns))


def compare(
    source: Source,
    table: Table,
    rows: Iterable[Sequence[Any]],
    warehouse: Warehouse,
    on_keys: OnKeys,
) -> tuple[int, int]:
    """Sets and lifts tombstones of one table by its whole key set, `rows`: (rows now gone, rows back).

    `on_keys` may use the key set too, in the same transaction, while it stands in a temporary table.
    """
    raw = schema.raw_schema(source.name)
    with warehouse.engine.connect() as target, target.begin():
        driver = target.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            _copy_keys(cursor, raw, table, rows)
            same = pgsql.SQL(" and ").join(
                pgsql.SQL("s.{0} = r.{0}").format(pgsql.Identifier(name)) for name in table.key
            )
            statement = """
                update {raw} r set _deleted_at = {now}
                where r._deleted_at is {state} and {negation} exists (select from source_keys s where {same})
                """
            counts = []
            for now, state, negation in (("now()", "null", "not"), ("null", "not null", "")):
                cursor.execute(
                    pgsql.SQL(statement).format(
                        raw=pgsql.Identifier(raw, table.name),
                        now=pgsql.SQL(now),
                        state=pgsql.SQL(state),
                        negation=pgsql.SQL(negation),
                        same=same,
                    )
                )
                counts.append(cursor.rowcount)
        on_keys(target, raw, table.name, table.key, "source_keys")
    return counts[0], counts[1]


def count_new(source: Source, table: Table, rows: Iterable[Sequence[Any]], warehouse: Warehouse) -> int:
    """How many of the keys `rows` stand neither in the raw table nor in its quarantine yet."""
    raw = schema.raw_schema(source.name)
    held = f'{schema.QUARANTINE}."{schema.quarantine_table(source.name, table.name)}"'
    key = schema.row_key(table.key, "s")
    loaded = f'{raw}."{table.name}"'
    same = " and ".join(f's."{name}" = r."{name}"' for name in table.key)
    with warehouse.engine.connect() as target, target.begin():
        driver = target.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            if not _exists(cursor, loaded):
                return sum(1 for _ in rows)
            _copy_keys(cursor, raw, table, rows)
            question = (
                f"select count(*) from source_keys s where not exists (select from {loaded} r where {same})"
            )
            if _exists(cursor, held):
                question += f" and not exists (select from {held} q where q.row_key = {key})"
            cursor.execute(question)
            return int((cursor.fetchone() or (0,))[0])


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
