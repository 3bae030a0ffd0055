"""A PostgreSQL table's rows as Arrow, over ADBC: what SQLAlchemy reads, several times as fast.

Belongs here: reading one query by COPY, its columns brought to the types that raw has. Does not belong here: which
rows (window.py), other databases, what an error means (failures.py).

Where ADBC cannot begin (an array or a type of the engine's own, a server without binary COPY, a limit on how long a
statement may take), SQLAlchemy reads the table: the same rows, or the error that says why not.
"""

import contextlib
import datetime as dt
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from dlt.common.configuration.container import Container
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.libs.pyarrow import get_py_arrow_datatype, uuid_to_string
from dlt.sources.sql_database import TableLoader
from sqlalchemy.dialects import postgresql

from dagster_project.sources.diagnose import UnreadableValue
from dagster_project.sources.engine import libpq_address

BATCH_BYTES = 8 << 20
# The types are nine tenths of what a connection costs, and a source has many tables.
_FIRST: dict[sa.Engine, adbc.Connection] = {}

_EPOCH = dt.datetime(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)
# What Python can hold, in Arrow's units. PostgreSQL's infinity arrives as a time far outside.
_BOUNDS = (
    (pa.types.is_timestamp, (dt.datetime.min - _EPOCH) // _MICROSECOND, (dt.datetime.max - _EPOCH) // _MICROSECOND,
     "a time outside the years 1 to 9999"),
    (pa.types.is_date32, (dt.datetime.min - _EPOCH).days, (dt.datetime.max - _EPOCH).days,
     "a date outside the years 1 to 9999"),
    (pa.types.is_time64, 0, dt.timedelta(days=1) // _MICROSECOND - 1, "a time outside the hours 0 to 23"),
)  # fmt: skip


class ArrowLoader(TableLoader):
    """Reads one table for dlt's `sql_table(table_loader_class=…)`; yields Arrow tables of about BATCH_BYTES.

    Raises UnreadableValue, and SQLAlchemy's errors as if psycopg had met them.
    """

    def load_rows(self, backend_kwargs: dict[str, Any] | None = None) -> Iterator[pa.Table]:
        raw = self._raw_schema()
        with contextlib.ExitStack() as opened:
            if raw is None or (batches := self._begin(raw, opened)) is None:
                yield from super().load_rows(backend_kwargs or {})
                return
            try:
                for batch in batches:
                    yield _as_in_raw(batch, raw)
            except adbc.Error as error:
                met = psycopg.errors.lookup(error.sqlstate) if error.sqlstate else psycopg.OperationalError
                raise sa.exc.DBAPIError.instance(None, None, met(str(error)), psycopg.Error) from error

    def _begin(self, raw: pa.Schema, opened: contextlib.ExitStack) -> Iterator[pa.RecordBatch] | None:
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
            if not all(map(_is_readable, reader.schema.types, raw.types)):
                return None
            batches = iter(reader)
            first = list(itertools.islice(batches, 1))
            return _read_ahead(itertools.chain(first, batches), cursor, opened)
        except adbc.Error:
            return None

    def _raw_schema(self) -> pa.Schema | None:
        """The table's columns as raw has them; None where dlt would infer a type from the values."""
        hints = [self.columns.get(name, {}) for name in self.table.columns.keys()]  # noqa: SIM118
        if not all("data_type" in hint for hint in hints):
            return None
        capabilities = Container()[DestinationCapabilitiesContext]
        return pa.schema(
            pa.field(
                hint["name"], get_py_arrow_datatype(hint, capabilities, "UTC"), hint.get("nullable", True)
            )
            for hint in hints
        )

    def _sql(self) -> str:
        dialect = postgresql.dialect(paramstyle="named")  # others double the % of a name
        return str(self.make_query().compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


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


def _is_readable(given: pa.DataType, raw: pa.DataType) -> bool:
    return (
        given == raw
        or (pa.types.is_integer(given) and pa.types.is_integer(raw))
        or (pa.types.is_floating(given) and pa.types.is_floating(raw))
        or (isinstance(given, (pa.JsonType, pa.UuidType)) and pa.types.is_string(raw))
        or (_is_numeric(given) and pa.types.is_decimal(raw))
    )


def _is_numeric(given: pa.DataType) -> bool:
    return isinstance(given, pa.OpaqueType) and given.type_name == "numeric"


def _as_in_raw(batch: pa.RecordBatch, raw: pa.Schema) -> pa.Table:
    arrays = []
    for field, values in zip(raw, batch.columns, strict=True):
        try:
            arrays.append(_converted(values, field.type))
        except pa.ArrowInvalid:
            is_text = pa.types.is_string(field.type)
            why = "text that is not UTF-8" if is_text else f"not a number that fits {field.type}"
            raise UnreadableValue(field.name, why) from None
        for is_of, least, most, outside in _BOUNDS:
            if is_of(field.type) and len(values) > values.null_count:
                found = pc.min_max(arrays[-1])
                if found["min"].value < least or found["max"].value > most:
                    raise UnreadableValue(field.name, outside)
    return pa.Table.from_arrays(arrays, schema=raw)


def _converted(values: pa.Array, raw: pa.DataType) -> pa.Array:
    if isinstance(values.type, pa.UuidType):
        return uuid_to_string(values)
    is_json = isinstance(values.type, pa.JsonType)
    if isinstance(values.type, pa.BaseExtensionType):
        values = values.storage
    if is_json:  # JSON's null is none in Python, so it is none in raw
        values = pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), "null"), None, values)
    elif pa.types.is_float32(values.type):
        values = values.cast(pa.string())  # 0.1 stays 0.1, as it is written
    elif pa.types.is_string(values.type):
        values.validate(full=True)  # a server whose encoding is SQL_ASCII gives any bytes
    return values.cast(raw)
