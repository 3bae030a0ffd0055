"""Windows: which rows of a table a refresh reads, and where the next one begins.

Belongs here: ops.extraction_watermarks and the WHERE clause made of it. Does not belong here: reading.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.reflect import Reflected
from dagster_project.warehouse import Warehouse, schema

# A time before it is none (MySQL's zero date): rows without a watermark are read each time.
NO_TIME = dt.datetime(1970, 1, 1)


@dataclass(frozen=True)
class Picked:
    """The rows of `table` with these `keys`; everything where None."""

    table: Table
    keys: Sequence[Sequence[Any]] | None

    def where(self, source: Source, reflected: Reflected) -> sa.ColumnElement[bool] | None:
        if self.keys is None:
            return None
        columns = [reflected[self.table.name].c[name] for name in self.table.key]
        as_read = [reflected.read(self.table.name, name) for name in self.table.key]
        keys = [
            tuple(_at_source(value, column) for value, column in zip(key, columns, strict=True))
            for key in self.keys
        ]
        if len(as_read) == 1:
            return as_read[0].in_([value for (value,) in keys])
        return sa.tuple_(*as_read).in_(keys)


@dataclass(frozen=True)
class Window:
    """Rows of `table` with a watermark not below `since` (or none at all); everything where None."""

    table: Table
    leader: Table
    since: Any = None  # datetime, date or int, as the leader's watermark column has it

    def where(self, source: Source, reflected: Reflected) -> sa.ColumnElement[bool] | None:
        if self.since is None:
            return None
        # A row without a key is not in raw, whatever its watermark.
        return sa.or_(_changed(self.table, source, reflected, self.since), *reflected.keyless(self.table))


def _changed(table: Table, source: Source, reflected: Reflected, since: Any) -> sa.ColumnElement[bool]:
    if table.watermark:
        column = reflected[table.name].c[table.watermark]
        changed = sa.or_(column >= since, column.is_(None))
        return sa.or_(changed, column < NO_TIME) if isinstance(since, dt.date) else changed
    assert table.follows is not None
    parent = source.table(table.follows.parent)
    parent_key = reflected[parent.name].c[table.follows.parent_column]
    changed_parents = sa.select(parent_key).where(_changed(parent, source, reflected, since))
    return reflected[table.name].c[table.follows.column].in_(changed_parents)


def windows(source: Source, reflected: Reflected, warehouse: Warehouse) -> dict[str, Window]:
    """Each table's window, from the last finished load less the look-back."""
    before = reached(source, warehouse)
    made = {}
    for table in source.tables:
        leader = source.leader(table)
        since = None
        # A table that was never finished is read whole, whatever its leader reached.
        if (
            table.name in before
            and not source.parents(table) & reflected.absent
            and leader.watermark
            and (text := before.get(leader.name))
        ):
            column = reflected[leader.name].c[leader.watermark]
            since = _less_look_back(parse(text, column), leader)
        made[table.name] = Window(table, leader, since)
    return made


def finish(
    source: Source,
    watermarks: dict[str, str | None],
    counts: dict[str, int],
    load_id: str | None,
    warehouse: Warehouse,
) -> None:
    """Records that the load is in: the next windows begin here. All tables at once, for they belong together."""
    with warehouse.begin() as connection:
        connection.execute(
            sa.text(
                """
                insert into ops.extraction_watermarks as w (source, table_name, watermark, rows_at_source, load_id)
                values (:source, :table, :watermark, :rows, :load_id)
                on conflict (source, table_name) do update set
                    watermark = coalesce(excluded.watermark, w.watermark),
                    rows_at_source = excluded.rows_at_source,
                    load_id = coalesce(excluded.load_id, w.load_id),
                    finished_at = now()
                """
            ),
            [
                {
                    "source": source.name,
                    "table": table.name,
                    "watermark": watermarks.get(table.name),
                    "rows": counts[table.name],
                    "load_id": load_id,
                }
                for table in source.tables
            ],
        )


def reached(source: Source, warehouse: Warehouse) -> dict[str, str | None]:
    """How far the last finished load came, by table: the watermark as text."""
    with warehouse.begin() as connection:
        rows = connection.execute(
            sa.text(
                "select table_name, watermark from ops.extraction_watermarks "
                f"where source = :source and {schema.RAW_IS_THERE}"
            ),
            {"source": source.name},
        )
        return dict(rows.tuples().all())


def rows_at_source(source: Source, warehouse: Warehouse) -> dict[str, int]:
    """What the last finished load counted at the source, by table."""
    with warehouse.begin() as connection:
        rows = connection.execute(
            sa.text(
                "select table_name, rows_at_source from ops.extraction_watermarks "
                f"where source = :source and {schema.RAW_IS_THERE}"
            ),
            {"source": source.name},
        )
        return {row.table_name: row.rows_at_source or 0 for row in rows}


def parse(text: str, column: sa.Column) -> Any:
    """A stored watermark as its column's Python value."""
    python_type = column.type.python_type
    if python_type in (dt.datetime, dt.date):
        return python_type.fromisoformat(text)
    return int(text)


def horizon() -> dt.datetime:
    """The latest time (UTC) that a watermark may have.

    One from the future would hide what a clock that is set right again writes. A naive clock east of UTC only
    has its last hours read twice.
    """
    return dt.datetime.now(dt.UTC)


def as_text(value: Any) -> str | None:
    """A watermark as it is stored."""
    return (
        value.isoformat()
        if isinstance(value, (dt.datetime, dt.date))
        else None
        if value is None
        else str(value)
    )


def _at_source(value: Any, column: sa.Column) -> Any:
    """A key of raw as its source's column takes it: raw has a UUID as text."""
    return uuid.UUID(value) if isinstance(column.type, sa.Uuid) and isinstance(value, str) else value


def _less_look_back(value: Any, leader: Table) -> Any:
    is_time = isinstance(value, (dt.datetime, dt.date))
    return value - (leader.look_back if is_time else leader.look_back_numbers)
