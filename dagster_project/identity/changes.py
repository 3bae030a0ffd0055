"""Which cards changed since the last run: PostgreSQL's own log of them, kept by triggers on the contracts.

Belongs here: the log, what writes it, how it is read and taken away. Does not belong here: what a changed card says
(store.py) and what follows from it (incremental/).

The contracts are altered row by row (dbt's strategy `difference`), and each statement notes the keys that it touched.
A row without a key says that anything may have changed: the table was made anew or emptied. Who reads the log then
compares digests of all cards.

The log goes on from the run that took it away last, of the tables that were there then. What that run knew is good for
no other: the mark tells them apart, whatever clocks and run IDs say.
"""

from dataclasses import dataclass

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.schema import IDENTITY, INTERMEDIATE

_LOG = f"{IDENTITY}.card_changes"
_MARK = f"{IDENTITY}.card_changes_met"
_NOTE = f"{IDENTITY}.note_changed_cards"
_CONTRACTS = ", ".join(
    f"to_regclass('{INTERMEDIATE}.{name}')::oid"
    for name in ("customer_records", "customer_record_identifiers")
)
# The tables as PostgreSQL knows them: one made anew is another.
_TABLES = f"concat_ws(' ', {_CONTRACTS})"
_TRIGGERS = {
    "insert": "referencing new table as now_rows",
    "delete": "referencing old table as then_rows",
    "update": "referencing old table as then_rows new table as now_rows",
    "truncate": "",
}


@dataclass(frozen=True)
class Changes:
    """What the log says. ids: its rows; keys: source_system and source_record_id of each, null: anything changed; mark:
    of the run from which it goes on, null: no run took it away yet."""

    ids: pa.ChunkedArray
    keys: pa.Table | None
    mark: str | None


def follow(warehouse: Warehouse) -> bool:
    """Sees to it that both contracts are followed from here on; False: they cannot be, for one is no plain table."""
    with warehouse.begin() as connection:
        found = connection.execute(
            sa.text(
                f"""
                select c.oid::regclass::text as name, c.relkind = 'r' as is_table,
                    array(select tgname from pg_trigger t
                        where t.tgrelid = c.oid and t.tgfoid = '{_NOTE}'::regproc and t.tgenabled in ('O', 'A')) as triggers
                from pg_class c where c.oid in ({_CONTRACTS})
                """
            )
        ).all()
        for table in found:
            missing = [
                event for event in _TRIGGERS if table.is_table and f"note_{event}" not in table.triggers
            ]
            for event in missing:
                connection.exec_driver_sql(
                    f"create or replace trigger note_{event} after {event} on {table.name} {_TRIGGERS[event]}"
                    f" for each statement execute function {_NOTE}()"
                )
            if missing:
                connection.exec_driver_sql(f"insert into {_LOG} default values")
    return len(found) == 2 and all(table.is_table for table in found)


def read(cursor: adbc.Cursor) -> Changes:
    """The log as the cursor's transaction sees it."""
    cursor.execute(f"select change_id, source_system, source_record_id from {_LOG}")
    rows = cursor.fetch_arrow_table()
    keys = rows.drop_columns("change_id")
    cursor.execute(f"select mark, tables = {_TABLES} from {_MARK}")
    marks = cursor.fetchall()
    is_whole = bool(marks) and marks[0][1] and not any(column.null_count for column in keys.columns)
    return Changes(rows.column("change_id"), keys if is_whole else None, marks[0][0] if marks else None)


def take_away(cursor: adbc.Cursor, changes: Changes, mark: str | None = None) -> None:
    """What was read is dealt with once the cursor's transaction holds; what came since stays.

    mark: of the run that dealt with it; none where there was nothing to do.
    """
    cursor.adbc_ingest("met_changes", pa.table({"change_id": changes.ids}), mode="create", temporary=True)
    cursor.execute(f"delete from {_LOG} l using met_changes m where l.change_id = m.change_id")
    if mark is not None:
        cursor.execute(
            f"insert into {_MARK} (mark, tables) values ($1, {_TABLES})"
            " on conflict (is_only) do update set mark = excluded.mark, tables = excluded.tables",
            (mark,),
        )
