"""Rejected rows: what stands in a file where a row should be, kept in schema quarantine.

Belongs here: quarantine.<source>__<table>__rejects. Does not belong here: rows that break a gate's rule
(quality/quarantine.py), and files that cannot be read at all (ops.delivered_files says why).
A file that is read again brings its rejected rows anew: a mended one is gone from here by itself.
"""

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.sources.delivery import Reject
from dagster_project.warehouse import schema


def rename(connection: sa.Connection, source: str, table: str, renamed: Mapping[str, str]) -> None:
    """What was rejected of a file that is called otherwise now goes with it."""
    name = schema.rejects_table(source, table)
    relation = f'{schema.QUARANTINE}."{name}"'
    if connection.scalar(sa.text("select to_regclass(:relation)"), {"relation": relation}) is None:
        return
    connection.execute(
        sa.text(
            f"update {relation} r set file = n.now from unnest(cast(:before as text[]), cast(:now as text[])) "
            "as n (before, now) where r.file = n.before"
        ),
        {"before": list(renamed), "now": list(renamed.values())},
    )


def replace(
    connection: sa.Connection,
    source: str,
    table: str,
    files: Sequence[str],
    rejects: Iterable[Reject],
    load_id: str | None,
) -> None:
    """Puts `rejects` in the place of what was rejected of `files` before."""
    relation = pgsql.Identifier(schema.QUARANTINE, schema.rejects_table(source, table))
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor:
        if not cursor.execute("select to_regclass(%s)", [relation.as_string()]).fetchone()[0]:
            cursor.execute(
                pgsql.SQL(
                    "create table if not exists {} (file text not null, line bigint, content text, "
                    "reasons text[] not null, load_id text, first_quarantined_at timestamptz not null default now())"
                ).format(relation)
            )
        cursor.execute(
            pgsql.SQL(
                "create temporary table known_rejects on commit drop as "
                "select file, line, content, first_quarantined_at from {} where file = any(%s)"
            ).format(relation),
            [list(files)],
        )
        cursor.execute(pgsql.SQL("delete from {} where file = any(%s)").format(relation), [list(files)])
        cursor.execute(
            "create temporary table new_rejects (file text, line bigint, content text, reasons text[]) on commit drop"
        )
        with cursor.copy("copy new_rejects from stdin") as copy:
            for reject in rejects:
                copy.write_row(reject)
        cursor.execute(
            pgsql.SQL(
                "insert into {} select n.*, %s, coalesce((select min(first_quarantined_at) from known_rejects k "
                "where k.file = n.file and k.content is not distinct from n.content), now()) from new_rejects n"
            ).format(relation),
            [load_id],
        )
        cursor.execute("drop table known_rejects, new_rejects")
