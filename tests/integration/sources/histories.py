"""Random histories of a source, played on its own database or folder by its declaration alone.

Belongs here: what may happen at a source, and what its declaration promises of it. Does not belong here: any
one system, and comparing with the warehouse (test_histories.py).

A history is lived by one clock. Each act is loud (its watermark moves), or quiet. What a quiet act does to a
row that no window shows is not promised: the row is remembered in `unseen` until it changes loudly.
"""

import csv
import datetime as dt
import io
import json
import os
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dagster_project.sources import Source, Table

Key = tuple[Any, ...]
Row = dict[str, Any]
# The source's clock against the pipeline's.
SKEWS = [dt.timedelta(0), dt.timedelta(minutes=-30), dt.timedelta(hours=5), dt.timedelta(hours=23)]
LONG_AGO = dt.timedelta(days=400)


class Life:
    """A source that lives on: its database, its clock, and what its declaration does not promise to show."""

    def __init__(self, source: Source, url: sa.URL, now: dt.datetime) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        present = set(sa.inspect(self._engine).get_table_names())
        # Modules that the source does not have live no life.
        source = replace(
            source, tables=tuple(t for t in source.tables if t.name in present or not t.is_optional)
        )
        self.source, self.now, self.skew = source, now, SKEWS[0]
        self.unseen: dict[str, set[Key]] = {table.name: set() for table in source.tables}
        self.left: dict[str, set[Key]] = {table.name: set() for table in source.tables}
        self.acts: list[str] = []
        self._gone: dict[str, list[tuple[bool, Row]]] = {table.name: [] for table in source.tables}
        self._extracted = now
        metadata = sa.MetaData()
        metadata.reflect(self._engine, only=[table.name for table in source.tables])
        self._tables = metadata.tables
        self._numbers: dict[str, int] = {}

    def live(self, draw: random.Random, acts: int) -> None:
        """Lets `acts` random things happen, at one skew of the source's clock."""
        self.skew = draw.choice(SKEWS)
        with self._engine.begin() as self._at:
            for _ in range(acts):
                self.now += dt.timedelta(minutes=draw.choice([0, 1, 7, 90]))
                table = draw.choice(self.source.tables)
                act = draw.choice(list(self._possible(table)))
                self.acts.append(f"{table.name}: {act.__name__.strip('_')} ({self.skew})")
                act(draw, table)

    def extracted(self) -> None:
        """The pipeline has read the source."""
        self._extracted = self.now
        self._gone = {name: [(False, row) for _, row in gone] for name, gone in self._gone.items()}

    def rows(self, table: Table) -> dict[Key, Row]:
        """What the source holds now."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(self._tables[table.name])).mappings()
            return {tuple(row[name] for name in table.key): dict(row) for row in found}

    # -- what may happen -----------------------------------------------------------------------------------

    def _possible(self, table: Table) -> Iterator[Callable[[random.Random, Table], None]]:
        """The acts whose outcome the declaration of `table` promises, often ones several times."""
        yield from (self._insert, self._insert)
        if table.watermark is None or self._stamp(table):
            yield from (self._update, self._update)
        if table.follows:
            yield self._drop_child
            yield from () if self._children(table) else (self._rekey,)
        if table.watermark:
            yield from (self._arrive_late, self._change_the_last)
        if self._stamp(table) or table.follows:
            yield self._change_quietly
        if table.deletes == "compared":
            yield from (self._delete, self._restore, self._arrive_unseen)
        elif table.watermark and (table.deletes == "kept" or self.source.tables.index(table) % 2):
            yield self._purge
        elif table.watermark:
            yield self._arrive_unseen  # counts tell of it, unless rows were purged
        if any(table.name in other.refers.values() for other in self.source.tables):
            yield from (self._merge, self._merge)

    def _insert(self, draw: random.Random, table: Table) -> None:
        """A new row, like one that is there. One without a time is read each time."""
        row = self._like(draw, table)
        if row is None:
            return
        if table.watermark and self._stamp(table):
            column = self._column(table, table.watermark)
            row[table.watermark] = None if column.nullable and draw.random() < 0.1 else self._clock()
        self._put(table, row)
        self._touch(table, row)

    def _update(self, draw: random.Random, table: Table) -> None:
        self._change(draw, table, self._any(draw, table), is_loud=True)

    def _change_quietly(self, draw: random.Random, table: Table) -> None:
        """The hole that no window shows: the row is as it was until it changes loudly."""
        row = self._any(draw, table)
        self._change(draw, table, row, is_loud=False)
        if row:
            self.unseen[table.name].add(self._key(table, row))

    def _change_the_last(self, draw: random.Random, table: Table) -> None:
        """A quiet change within the look-back: every window shows the row with the latest watermark."""
        moved = self._column(table, table.watermark or "")
        latest = sa.select(self._tables[table.name]).where(moved.is_not(None))
        if self._stamp(table):
            latest = latest.where(moved <= self.now)
        row = self._at.execute(latest.order_by(moved.desc()).limit(1)).mappings().one_or_none()
        self._change(draw, table, dict(row) if row else None, is_loud=False)

    def _arrive_late(self, draw: random.Random, table: Table) -> None:
        """A row with an earlier watermark than others that are loaded, within the look-back."""
        row = self._like(draw, table)
        if row is None:
            return
        assert table.watermark
        if self._stamp(table):
            back = table.look_back * draw.random() * 0.9
            row[table.watermark] = (self._extracted - back).replace(microsecond=0, tzinfo=None)
        self._put(table, row)

    def _arrive_unseen(self, draw: random.Random, table: Table) -> None:
        """A row that no window shows: long past, or below a parent that did not move. Its key shows it."""
        row = self._like(draw, table)
        if row is None:
            return
        if self._stamp(table):
            row[table.watermark or ""] = self.now.replace(tzinfo=None) - LONG_AGO
        self._put(table, row)

    def _delete(self, draw: random.Random, table: Table) -> None:
        if self._count(table) < 3 or (row := self._any(draw, table)) is None:
            return
        self._remove(table, row)
        self._gone[table.name].append((True, row))

    def _restore(self, draw: random.Random, table: Table) -> None:
        """A row comes back as it was, or changed, under its old watermark."""
        if not self._gone[table.name]:
            return
        is_new, row = self._gone[table.name].pop(draw.randrange(len(self._gone[table.name])))
        if draw.random() < 0.5:
            row |= self._changes(draw, table)
            if is_new:  # nobody saw that it was gone
                self.unseen[table.name].add(self._key(table, row))
        self._put(table, row)

    def _drop_child(self, draw: random.Random, table: Table) -> None:
        if self._count(table) < 3 or (row := self._any(draw, table)) is None:
            return
        self._touch(table, row)
        self._remove(table, row)

    def _rekey(self, draw: random.Random, table: Table) -> None:
        """A row gets another key, as a cart's that becomes the order's."""
        if (row := self._any(draw, table)) is None:
            return
        self._remove(table, row)
        row |= self._new_key(table)
        self._put(table, row)
        self._touch(table, row)

    def _purge(self, draw: random.Random, table: Table) -> None:
        """The source throws old rows away (rotation); here they stay."""
        if self._count(table) < 3 or (row := self._any(draw, table)) is None:
            return
        if self._children(table):
            return  # what follows it would have to go, and its going would be seen
        self._remove(table, row)
        self.left[table.name].add(self._key(table, row))

    def _merge(self, draw: random.Random, table: Table) -> None:
        """Two rows become one: what referred to the loser is re-pointed without a word, the loser is deleted."""
        loser, winner = self._any(draw, table), self._any(draw, table)
        if loser is None or winner is None or loser == winner or self._count(table) < 3:
            return
        (key,) = table.key
        for other in self.source.tables:
            for column, name in other.refers.items():
                if name == table.name:
                    here = self._column(other, column)
                    self._at.execute(
                        sa.update(self._tables[other.name])
                        .where(here == loser[key])
                        .values({column: winner[key]})
                    )
        self._remove(table, loser)

    # -- how it is done --------------------------------------------------------------------------------------

    def _change(self, draw: random.Random, table: Table, row: Row | None, *, is_loud: bool) -> None:
        if row is None:
            return
        changes = self._changes(draw, table)
        if is_loud and self._stamp(table):
            changes[table.watermark or ""] = self._clock()
        if changes:
            self._at.execute(sa.update(self._tables[table.name]).where(self._is(table, row)).values(changes))
        if is_loud:
            self._touch(table, row)

    def _changes(self, draw: random.Random, table: Table) -> Row:
        """A new value for one column that is neither key nor watermark nor the parent's."""
        fixed = {*table.key, table.watermark, table.follows.column if table.follows else None, *table.refers}
        free = [
            column
            for column in self._tables[table.name].columns
            if column.name not in fixed and column.name not in self._unique(table)
        ]
        if not free:
            return {}
        column = draw.choice(free)
        if column.nullable and draw.random() < 0.1:
            return {column.name: None}
        return {column.name: _value(draw, column.type, self.now)}

    def _like(self, draw: random.Random, table: Table) -> Row | None:
        row = self._any(draw, table)
        return None if row is None else row | self._changes(draw, table) | self._new_key(table)

    def _new_key(self, table: Table) -> Row:
        """Values that no row has, for one column of the key and all that are unique."""
        follows = table.follows.column if table.follows else None
        own = [name for name in table.key if name != follows and name != "idgoal"] or list(table.key)
        return {name: self._next(self._column(table, name)) for name in {own[-1], *self._unique(table)}}

    def _unique(self, table: Table) -> set[str]:
        held = self._tables[table.name]
        return {
            column.name
            for constraint in held.constraints
            if isinstance(constraint, sa.UniqueConstraint)
            for column in constraint.columns
        }

    def _next(self, column: sa.Column) -> Any:
        name = f"{column.table.name}.{column.name}"
        if name not in self._numbers:
            known = 0
            if isinstance(column.type, sa.Integer):
                known = self._at.scalar(sa.select(sa.func.max(column))) or 0
            self._numbers[name] = known + 1_000  # rows with the highest keys may be gone, and come back
        self._numbers[name] += 1
        number = self._numbers[name]
        return number if isinstance(column.type, sa.Integer) else f"new-{number}"

    def _put(self, table: Table, row: Row) -> None:
        self._at.execute(sa.insert(self._tables[table.name]).values(row))

    def _remove(self, table: Table, row: Row) -> None:
        """Deletes the row and what follows it."""
        for child in self._children(table):
            assert child.follows is not None
            here = self._column(child, child.follows.column)
            below = sa.select(self._tables[child.name]).where(here == row[child.follows.parent_column])
            for found in self._at.execute(below).mappings().all():
                self._remove(child, dict(found))
        self._at.execute(sa.delete(self._tables[table.name]).where(self._is(table, row)))

    def _children(self, table: Table) -> list[Table]:
        return [one for one in self.source.tables if one.follows and one.follows.parent == table.name]

    def _touch(self, table: Table, row: Row) -> None:
        """The watermark of the row that `row` changes with moves; then it and all that follows are seen."""
        while table.follows:
            parent = self.source.table(table.follows.parent)
            here = self._column(parent, table.follows.parent_column)
            found = self._at.execute(
                sa.select(self._tables[parent.name]).where(here == row[table.follows.column]).limit(1)
            )
            above = found.mappings().one_or_none()
            self.unseen[table.name].discard(self._key(table, row))
            if above is None:
                # Below a parent that is gone nothing is seen but the key.
                self.unseen[table.name].add(self._key(table, row))
                return
            table, row = parent, dict(above)
            if self._stamp(table):
                self._at.execute(
                    sa.update(self._tables[table.name])
                    .where(self._is(table, row))
                    .values({table.watermark: self._clock()})
                )
        self.unseen[table.name].discard(self._key(table, row))

    def _any(self, draw: random.Random, table: Table) -> Row | None:
        keys = [self._column(table, name) for name in table.key]
        count = self._count(table)
        if not count:
            return None
        found = self._at.execute(
            sa.select(self._tables[table.name]).order_by(*keys).offset(draw.randrange(count)).limit(1)
        )
        return dict(found.mappings().one())

    def _count(self, table: Table) -> int:
        return self._at.scalar(sa.select(sa.func.count()).select_from(self._tables[table.name])) or 0

    def _is(self, table: Table, row: Mapping[str, Any]) -> sa.ColumnElement[bool]:
        return sa.and_(*(self._column(table, name) == row[name] for name in table.key))

    def _key(self, table: Table, row: Mapping[str, Any]) -> Key:
        return tuple(row[name] for name in table.key)

    def _column(self, table: Table, name: str) -> sa.Column:
        return self._tables[table.name].c[name]

    def _stamp(self, table: Table) -> bool:
        """Whether its watermark is a time: a number is its key, and moves with new rows only."""
        return table.watermark is not None and table.watermark not in table.key

    def _clock(self) -> dt.datetime:
        return (self.now + self.skew).replace(tzinfo=None)


def _value(draw: random.Random, kind: sa.types.TypeEngine, now: dt.datetime) -> Any:
    number = draw.randrange(1, 10_000)
    if isinstance(kind, sa.Boolean):
        return bool(number % 2)
    if isinstance(kind, sa.Float):
        return number / 8
    if isinstance(kind, sa.Numeric):
        return number % 100
    if isinstance(kind, sa.Integer):
        return number
    if isinstance(kind, sa.DateTime):
        return (now - dt.timedelta(minutes=number)).replace(tzinfo=None)
    if isinstance(kind, sa.Date):
        return (now - dt.timedelta(days=number)).date()
    if isinstance(kind, sa.LargeBinary):
        return number.to_bytes(8, "big")
    if isinstance(kind, sa.Uuid):
        return uuid.UUID(int=draw.getrandbits(128))
    if isinstance(kind, sa.JSON):
        return {"было": number, "list": [None, True, 'ё"\\']}
    length = getattr(kind, "length", None) or 40
    return draw.choice(["", f"ё'\"\\;%s\t{number}", f"Ж{number}"])[:length]


class Drops:
    """A folder of files that lives on, and what raw must hold of it: of equal keys the newest file's row."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.source, self.folder, self.acts = source, folder, list[str]()
        self.expected: dict[str, dict[Key, Row]] = {table.name: {} for table in source.tables}
        self._files: dict[str, dict[str, list[Row]]] = {table.name: {} for table in source.tables}
        self._changed: dict[str, list[str]] = {table.name: [] for table in source.tables}
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True)

    def live(self, draw: random.Random, acts: int) -> None:
        for table in self.source.tables:
            for _ in range(acts):
                act = draw.choice(
                    [self._add, self._add, self._grow, self._replace, self._send_again, self._remove]
                )
                self.acts.append(f"{table.name}: {act.__name__.strip('_')}")
                act(draw, table)

    def extracted(self) -> None:
        """All that changed was read, in the order of its last change."""
        for name, changed in self._changed.items():
            table = self.source.table(name)
            for file in changed:
                for row in self._files[name][file]:
                    self.expected[name][tuple(row[column] for column in table.key)] = row
            changed.clear()

    def _add(self, draw: random.Random, table: Table) -> None:
        self._number += 1
        self._write(table, f"f{self._number}", self._rows(draw, table))

    def _grow(self, draw: random.Random, table: Table) -> None:
        if (name := self._any(draw, table)) is not None:
            self._write(table, name, self._files[table.name][name] + self._rows(draw, table))

    def _replace(self, draw: random.Random, table: Table) -> None:
        if (name := self._any(draw, table)) is not None:
            kept = draw.sample(rows := self._files[table.name][name], len(rows) // 2)
            self._write(table, name, kept + self._rows(draw, table))

    def _send_again(self, draw: random.Random, table: Table) -> None:
        if (name := self._any(draw, table)) is not None:
            self._number += 1
            self._write(table, f"f{self._number}", self._files[table.name][name])

    def _remove(self, draw: random.Random, table: Table) -> None:
        if (name := self._any(draw, table)) is not None:
            self._path(table, name).unlink()
            del self._files[table.name][name]
            if name in self._changed[table.name]:
                self._changed[table.name].remove(name)

    def _any(self, draw: random.Random, table: Table) -> str | None:
        names = sorted(self._files[table.name])
        return draw.choice(names) if names else None

    def _rows(self, draw: random.Random, table: Table) -> list[Row]:
        """New rows, and rows that other files have in another wording."""
        columns = [name for name in (*table.required_columns, *table.optional) if name not in table.key]
        rows = []
        for _ in range(draw.randrange(1, 6)):
            key = {name: f"{name}-{draw.randrange(60)}" for name in table.key}
            words = {
                name: draw.choice([None, "Ж 1", f"{draw.random()}", 'к"а;в,', "+7 900"]) for name in columns
            }
            rows.append(key | words)
        return rows

    def _write(self, table: Table, name: str, rows: list[Row]) -> None:
        files = table.files
        assert files is not None
        theirs = {ours: column for column, ours in files.rename.items()}
        if files.format == "csv":
            out = io.StringIO()
            writer = csv.writer(out, delimiter=files.delimiter, lineterminator="\n")
            writer.writerow(theirs.get(column, column) for column in rows[0])
            writer.writerows(row.values() for row in rows)
            text = out.getvalue()
        else:
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path = self._path(table, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding=files.encoding)
        self._number += 1
        os.utime(path, (1_700_000_000 + self._number, 1_700_000_000 + self._number))
        self._files[table.name][name] = rows
        if name in self._changed[table.name]:
            self._changed[table.name].remove(name)
        self._changed[table.name].append(name)

    def _path(self, table: Table, name: str) -> Path:
        assert table.files is not None
        return self.folder / table.files.pattern.replace("*", name)
