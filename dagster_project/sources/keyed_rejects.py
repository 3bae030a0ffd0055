"""Rows of a database that raw cannot take, kept in quarantine.<source>__<table>__rejects by their keys.

Belongs here: which of them are there still. Does not belong here: what makes a row unfit (unfit.py), what of a file is
no row (rejects.py, the same tables): these are known by their file, and count for nothing here.

A row waits until its key comes again, fit or unfit, or leaves a source whose keys are compared. Rows without a key are
read each time, so they are written anew each time.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.warehouse import Warehouse, schema

CONTENT_KEPT = 2_000  # characters of a row


@dataclass(frozen=True)
class Unfit:
    """A row, its key as raw has it (None: the column has no value that raw could have), and why it is unfit."""

    key: tuple[Any, ...]
    row: Mapping[str, Any]
    reasons: list[str]


def replace(
    source: str,
    table: str,
    key: Sequence[str],
    rows: Iterable[Unfit],
    load_ids: Sequence[str],
    warehouse: Warehouse,
    *,
    has_all_keyless: bool,
) -> None:
    """Puts `rows`, just read, beside those that wait; takes away what came into raw with the loads `load_ids`.

    has_all_keyless: every row without a key is among `rows`.
    """
    rows = list(rows)
    name = schema.rejects_table(source, table)
    relation, raw = (
        pgsql.Identifier(schema.QUARANTINE, name),
        pgsql.Identifier(schema.raw_schema(source), table),
    )
    with warehouse.engine.connect() as connection, connection.begin():
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            if not rows and keyed(cursor, source, table) is None:
                return
            _make(cursor, relation, source, table)
            names = pgsql.SQL(", ").join(map(pgsql.Identifier, key))
            cursor.execute(
                pgsql.SQL(
                    "create temporary table unfit on commit drop as select {}, null::text as _content, "
                    "null::text[] as _reasons from {} limit 0"
                ).format(names, raw)
            )
            with cursor.copy("copy unfit from stdin") as copy:
                for row in rows:
                    copy.write_row((*row.key, _content(row.row), row.reasons))
            of_unfit, of_raw = (pgsql.SQL(schema.row_key(key, alias)) for alias in "ur")  # type: ignore[arg-type]
            cursor.execute(
                pgsql.SQL(
                    "create temporary table waiting on commit drop as select row_key, content, first_quarantined_at "
                    "from {} where file = %s"
                ).format(relation),
                [table],
            )
            cursor.execute(
                pgsql.SQL(
                    "delete from {} q where file = %s and (row_key is null and %s or row_key in (select {} from unfit u) "
                    "or exists (select from {} r where r._dlt_load_id = any(%s) and {} = q.row_key))"
                ).format(relation, of_unfit, raw, of_raw),
                [table, has_all_keyless, list(load_ids)],
            )
            cursor.execute(
                pgsql.SQL(
                    "insert into {} (file, row_key, content, reasons, load_id, first_quarantined_at) "
                    "select %s, k.row_key, u._content, u._reasons, %s, coalesce((select min(w.first_quarantined_at) "
                    "from waiting w where w.row_key = k.row_key or (k.row_key is null and w.row_key is null "
                    "and w.content = u._content)), now()) from unfit u, lateral (select {} as row_key) k"
                ).format(relation, of_unfit),
                [table, max(load_ids, default=None)],
            )


def keyed(cursor: psycopg.Cursor, source: str, table: str) -> str | None:
    """The rejects of a table, as SQL names them; None where none of a database ever waited."""
    relation = f'{schema.QUARANTINE}."{schema.rejects_table(source, table)}"'
    found = cursor.execute(
        "select 1 from pg_attribute where attrelid = to_regclass(%s) and attname = 'row_key' and not attisdropped",
        [relation],
    ).fetchone()
    return relation if found else None


def tables(source: str, names: Iterable[str], warehouse: Warehouse) -> set[str]:
    """Those of a source's tables of which rows may wait."""
    relations = {schema.rejects_table(source, name): name for name in names}
    asked = sa.text(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid "
        "where c.relnamespace = to_regnamespace(:place) and c.relname = any(:names) "
        "and a.attname = 'row_key' and not a.attisdropped"
    )
    with warehouse.begin() as connection:
        found = connection.scalars(asked, {"place": schema.QUARANTINE, "names": list(relations)})
        return {relations[name] for name in found}


def forget_gone(cursor: psycopg.Cursor, source: str, table: str, key: Sequence[str]) -> None:
    """Takes away the rows whose keys are not in temporary table source_keys: they left the source."""
    if relation := keyed(cursor, source, table):
        cursor.execute(
            f"delete from {relation} q where q.row_key is not null and not exists "  # type: ignore[arg-type]
            f"(select from source_keys s where {schema.row_key(key, 's')} = q.row_key)"
        )


def count(source: str, table: str, key: Sequence[str], warehouse: Warehouse) -> int:
    """How many rows wait, and are not in raw as they were before."""
    with warehouse.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            if (relation := keyed(cursor, source, table)) is None:
                return 0
            raw = f'{schema.raw_schema(source)}."{table}"'
            found = cursor.execute(
                f"select count(*) from {relation} q where file = %s and (row_key is null or not exists "  # type: ignore[arg-type]
                f"(select from {raw} r where r._deleted_at is null and {schema.row_key(key, 'r')} = q.row_key))",
                [table],
            ).fetchone()
            return found[0] if found else 0


def _make(cursor: psycopg.Cursor, relation: pgsql.Identifier, source: str, table: str) -> None:
    if keyed(cursor, source, table):
        return
    cursor.execute(
        pgsql.SQL(
            "create table if not exists {} (file text not null, line bigint, content text, reasons text[] not null, "
            "load_id text, first_quarantined_at timestamptz not null default now())"
        ).format(relation)
    )
    cursor.execute(pgsql.SQL("alter table {} add column row_key text").format(relation))


def _content(row: Mapping[str, Any]) -> str:
    def written(value: Any) -> str:
        return value.hex() if isinstance(value, bytes) else str(value)

    return json.dumps(dict(row), ensure_ascii=False, default=written).replace("\0", "")[:CONTENT_KEPT]
