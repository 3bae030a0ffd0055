"""A database's rows as Arrow: PostgreSQL's over ADBC, several times as fast as SQLAlchemy, every other one's by SQLAlchemy.

Belongs here: reading one query, its columns brought to the types that raw has. Does not belong here: which rows
(window.py), how a type is read (raw_types.py), rows that raw cannot take (unfit.py), what an error means (failures.py).

Where ADBC cannot begin (a server without binary COPY, a limit on how long a statement may take), SQLAlchemy reads the
table: the same rows, or the error that says why not. Numbers that may have any number of digits stay text (exact.py).
"""

import contextlib
import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from dagster_project.sources.engine import libpq_address, mark_as_the_sources
from dagster_project.sources.raw_types import RawColumn
from dagster_project.sources.unfit import Reason, no_value

BATCH_BYTES = 8 << 20
CHUNK_ROWS = 10_000
_MIDNIGHT = 24 * 60 * 60 * 1_000_000  # 24:00, in Arrow's microseconds
# The types are nine tenths of what a connection costs, and a source has many tables.
_FIRST: dict[sa.Engine, adbc.Connection] = {}


@dataclass(frozen=True)
class Batch:
    """Rows in raw's types (numbers as text where any digits may come), and what of them is no value of its type."""

    rows: pa.RecordBatch
    reasons: list[Reason] = field(default_factory=list)


class ArrowLoader:
    """Reads `columns` of `table`, the rows that `where` picks, in batches of about BATCH_BYTES.

    Raises SQLAlchemy's errors, as if psycopg had met them.
    """

    def __init__(
        self,
        engine: sa.Engine,
        table: sa.Table,
        columns: Sequence[RawColumn],
        where: sa.ColumnElement[bool] | None = None,
    ) -> None:
        self.engine = engine
        self.columns = columns
        self._asked = [column for column in columns if column.expression is not None]
        labelled = [c.expression.label(c.name) for c in self._asked if c.expression is not None]
        query = sa.select(*labelled).select_from(table)
        self._query = query if where is None else query.where(where)

    def load_rows(self) -> Iterator[Batch]:
        with contextlib.ExitStack() as opened:
            if (batches := self._begin(opened)) is None:
                yield from self._by_sqlalchemy()
                return
            try:
                for batch in batches:
                    yield self._whole(batch.columns, len(batch), _from_adbc)
            except adbc.Error as error:
                met = psycopg.errors.lookup(error.sqlstate) if error.sqlstate else psycopg.OperationalError
                read = met(str(error))
                mark_as_the_sources(read)
                raise sa.exc.DBAPIError.instance(None, None, read, psycopg.Error) from error

    def _begin(self, opened: contextlib.ExitStack) -> Iterator[pa.RecordBatch] | None:
        """The batches, the first of them read already; None where ADBC cannot read this."""
        if (address := libpq_address(self.engine.url)) is None:
            return None
        try:
            cursor = opened.enter_context(opened.enter_context(_connection(self.engine, address)).cursor())
            cursor.execute("select current_setting('statement_timeout')")
            if cursor.fetchone() != ("0",):
                return None  # COPY is one statement, however many rows it brings
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            cursor.execute(self._sql())
            assert cursor._results is not None
            reader = cursor._results.reader  # that of fetch_record_batch() would lose the SQLSTATE
            if not all(map(_is_readable, reader.schema.types, self._asked)):
                return None
            batches = iter(reader)
            first = list(itertools.islice(batches, 1))
            return _read_ahead(itertools.chain(first, batches), cursor, opened)
        except adbc.Error:
            return None

    def _by_sqlalchemy(self) -> Iterator[Batch]:
        with self.engine.connect() as connection:
            result = connection.execution_options(yield_per=CHUNK_ROWS).execute(self._query)
            for rows in result.partitions():
                yield self._whole(list(zip(*rows, strict=True)), len(rows), _from_python)

    def _whole(
        self,
        values: Sequence[Any],
        rows: int,
        convert: Callable[[Any, RawColumn], tuple[pa.Array, list[Reason]]],
    ) -> Batch:
        """A batch with all of raw's columns: null in those that the source lacks."""
        given = iter(values)
        arrays, reasons = [], []
        for column in self.columns:
            if column.expression is None:
                arrays.append(pa.nulls(rows, column.arrow))
                continue
            array, found = convert(next(given), column)
            arrays.append(array)
            reasons += found
        return Batch(pa.RecordBatch.from_arrays(arrays, names=[c.name for c in self.columns]), reasons)

    def _sql(self) -> str:
        dialect = postgresql.dialect(paramstyle="named")  # others double the % of a name
        return str(self._query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _connection(engine: sa.Engine, address: str) -> adbc.Connection:
    """A session on the engine's database; until the engine is disposed of, only the first asks for the server's types."""
    if engine not in _FIRST:
        _FIRST[engine] = adbc.connect(address, autocommit=True)
        sa.event.listen(engine, "engine_disposed", lambda engine: _FIRST.pop(engine).close(), once=True)
    return _FIRST[engine].adbc_clone()


def _read_ahead(
    batches: Iterator[pa.RecordBatch], cursor: adbc.Cursor, opened: contextlib.ExitStack
) -> Iterator[pa.RecordBatch]:
    """The batches; while dlt writes one, the next is on its way."""
    thread = opened.enter_context(ThreadPoolExecutor(1))
    coming = thread.submit(next, batches, None)

    def give_up() -> None:
        if not coming.done():
            with contextlib.suppress(adbc.Error):
                cursor.adbc_cancel()

    opened.callback(give_up)
    while (batch := coming.result()) is not None:
        coming = thread.submit(next, batches, None)
        yield batch


def _is_readable(given: pa.DataType, column: RawColumn) -> bool:
    if column.kind == "numeric":
        return isinstance(given, pa.OpaqueType) and given.type_name == "numeric"
    return (
        given == column.arrow
        or (column.kind == "bigint" and pa.types.is_integer(given))
        or (column.kind == "double" and pa.types.is_floating(given))
    )


def _from_adbc(values: pa.Array, column: RawColumn) -> tuple[pa.Array, list[Reason]]:
    if isinstance(values.type, pa.BaseExtensionType):
        return values.storage, []
    if column.kind == "json":  # JSON's null is none in Python, so it is none in raw
        return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), "null"), None, values), []
    if pa.types.is_float32(values.type):
        values = values.cast(pa.string())  # 0.1 stays 0.1, as it is written
    elif pa.types.is_string(values.type):
        return _valid_text(values, column)  # a server whose encoding is SQL_ASCII gives any bytes
    return values.cast(column.arrow), []


def _valid_text(values: pa.Array, column: RawColumn) -> tuple[pa.Array, list[Reason]]:
    try:
        values.validate(full=True)
        return values, []
    except pa.ArrowInvalid:
        written = values.cast(pa.binary()).to_pylist()
    texts = [None if text is None else text.decode(errors="replace") for text in written]
    wrong = [
        text is not None and text.encode() != before for text, before in zip(texts, written, strict=True)
    ]
    words = f"{column.name}: bytes that are not UTF-8"
    return pa.array(texts, pa.string()), [Reason(pa.array(wrong), words)]


def _from_python(values: Sequence[Any], column: RawColumn) -> tuple[pa.Array, list[Reason]]:
    kind = column.arrow
    if column.kind == "numeric" and column.precision is None:
        kind = pa.string()
    if column.is_written or kind == pa.string():
        values = [_written(value) for value in values]
    elif column.kind == "time":
        values = [_MIDNIGHT if value == "24:00:00" else value for value in values]
    try:
        found = pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        if column.kind == "numeric":  # NaN, say
            return pa.array([_written(value) for value in values], pa.string()), []
        fits = [_fits(value, kind) for value in values]
        found = pa.array([v if fit else None for v, fit in zip(values, fits, strict=True)], kind)
        return found, [Reason(pa.array([not fit for fit in fits]), no_value(column))]
    if column.is_single:
        found = found.cast(pa.float32(), safe=False).cast(pa.string()).cast(pa.float64())
    if column.kind == "json":
        found = pc.if_else(pc.equal(pc.utf8_trim_whitespace(found), "null"), None, found)
    return found, []


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.array([value], kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False
    return True


def _written(value: Any) -> Any:
    """A value as text, where a driver gives an object for it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode(errors="backslashreplace")
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)
