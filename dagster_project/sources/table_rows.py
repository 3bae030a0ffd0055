"""The rows of a database's table on their way to raw: what is unfit is put aside, what is left is counted.

Belongs here: one table's batches, from reading (arrow.py) to what dlt loads. Does not belong here: which rows are read
(window.py), what makes one unfit (unfit.py), loading (loading.py).
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from dagster_project.errors import SourceError
from dagster_project.sources import keys, unfit, window
from dagster_project.sources.arrival import Arrival, TableLoad
from dagster_project.sources.arrow import ArrowLoader
from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.exact import Numbers
from dagster_project.sources.keyed_rejects import Unfit
from dagster_project.sources.keyless import Repeated
from dagster_project.sources.raw_tables import DELETED_AT
from dagster_project.sources.reflect import Reflected

# So many unfit rows, and more than were fit: that is the source or its declaration, not rows.
MOST_UNFIT = 1_000


class TableRows:
    """Iterates over Arrow tables in raw's types. Raises SourceError where most rows are unfit."""

    def __init__(
        self,
        engine: sa.Engine,
        source: Source,
        table: Table,
        reflected: Reflected,
        where: sa.ColumnElement[bool] | None,
        load: TableLoad,
        arrival: Arrival,
    ) -> None:
        self.source, self.table, self.load, self.arrival = source, table, load, arrival
        self.columns = reflected.columns[table.name]
        self._may_have_nul = engine.dialect.name != "postgresql"
        self._loader = ArrowLoader(engine, reflected[table.name], self.columns, where)
        self._numbers = Numbers(self.columns)
        self._repeated = partial(keys.repeated, table, reflected, where)
        self._engine = engine

    def __iter__(self) -> Iterator[pa.Table]:
        with self._engine.connect() as connection:
            repeated = Repeated(self.table, self._repeated(connection))
        for batch in map(repeated.first_of_each, self._loader.load_rows()):
            rows, left = self._numbers.convert(batch.rows)
            found = [
                *batch.reasons,
                *unfit.reasons(rows, self.columns, self.table.key, may_have_nul=self._may_have_nul),
                *(
                    unfit.Reason(pc.is_valid(left[name]), f"{name}: a key of more digits than one may have")
                    for name in self.table.key
                    if name in left
                ),
            ]
            if (wrong := unfit.is_any(found, len(rows))) is not None:
                self._put_aside(batch.rows, rows, wrong, found)
                fit = pc.invert(wrong)
                rows, left = rows.filter(fit), {name: texts.filter(fit) for name, texts in left.items()}
                left = {name: texts for name, texts in left.items() if texts.null_count < len(texts)}
            if not len(rows):
                continue
            self.arrival.read(rows, self.table, left)
            if left:
                self.arrival.left.append((rows.select(list(self.table.key)), left))
            if self.table.watermark:
                latest = window.as_text(latest_watermark(rows.column(self.table.watermark)))
                self.load.watermark_to = max(filter(None, (self.load.watermark_to, latest)), default=None)
            yield self._whole(rows)

    def _whole(self, rows: pa.RecordBatch) -> pa.Table:
        fields = [pa.field(f.name, f.type, f.name not in self.table.key) for f in rows.schema]
        arrays = [*rows.columns, pa.nulls(len(rows), pa.timestamp("us", "UTC"))]
        fields.append(pa.field(DELETED_AT, pa.timestamp("us", "UTC")))
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def _put_aside(
        self, read: pa.RecordBatch, rows: pa.RecordBatch, wrong: pa.Array, found: Sequence[unfit.Reason]
    ) -> None:
        keys = _as_python(rows.filter(wrong).select(list(self.table.key)))
        contents = _as_python(read.filter(wrong))
        masks = [
            (reason.words, pc.fill_null(reason.rows.filter(wrong), False).to_pylist()) for reason in found
        ]
        for place, (key, content) in enumerate(zip(keys, contents, strict=True)):
            said = [words for words, here in masks if here[place]]
            said = [w for w in said if not any(f"no {other.partition(':')[0]}" == w for other in said)]
            self.load.unfit.append(Unfit(tuple(map(_storable, key.values())), content, said))
        count = len(self.load.unfit)
        if count > MOST_UNFIT and count > self.arrival.rows_read + len(rows) - len(keys):
            raise SourceError(
                f"{self.source.name}: more rows of {self.table.name} are unfit than not: "
                f"{count:,} of them, as {'; '.join(self.load.unfit[-1].reasons)}.",
                "Fix the column at the source, the database's character set, or the declaration.",
            )


def latest_watermark(column: pa.Array | pa.ChunkedArray) -> Any:
    """The latest value that may be a watermark: one row dated 9999 must not hide the others."""
    if pa.types.is_timestamp(column.type):
        limit = pa.scalar(window.horizon(), pa.timestamp("us", "UTC")).cast(
            pa.timestamp("us", column.type.tz)
        )
        column = column.filter(pc.less_equal(column, limit.cast(column.type)))
    return pc.max(column).as_py()


def _as_python(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as objects; null where Python has no such value."""

    def values(column: pa.Array) -> list[Any]:
        try:
            return column.to_pylist()
        except (ValueError, OverflowError):
            return [None] * len(column)

    columns = [values(column) for column in rows.columns]
    return [dict(zip(rows.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _storable(value: Any) -> Any:
    """A key's value as quarantine can hold it."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
