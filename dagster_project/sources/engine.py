"""Connections to source databases: read only, time-outs set, text as UTF-8, rows fetched in portions.

Belongs here: what differs between drivers. Does not belong here: what is read (extract.py, keys.py).
"""

from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

CONNECT_TIMEOUT = {"connect_timeout": 10}
POSTGRESQL = CONNECT_TIMEOUT | {
    "options": "-c default_transaction_read_only=on -c timezone=UTC",
    "client_encoding": "utf8",
}

_AT_SOURCE = "c360_at_source"


def source_engine(url: URL) -> sa.Engine:
    """An engine that reads. Times without a zone arrive as the source writes them."""
    arguments: dict[str, Any] = {}  # other drivers have words of their own
    if url.get_backend_name() == "postgresql":
        arguments |= POSTGRESQL
    elif url.get_backend_name() in ("mysql", "mariadb"):
        arguments |= CONNECT_TIMEOUT | {"charset": "utf8mb4"}
        if url.get_driver_name() == "pymysql":
            arguments["conv"] = _pymysql_conversions()
    engine = sa.create_engine(url, connect_args=arguments, pool_pre_ping=True)
    sa.event.listen(engine, "handle_error", _mark)
    if url.get_backend_name() in ("mysql", "mariadb"):
        sa.event.listen(engine, "connect", _patient_and_read_only)
    elif url.get_driver_name() == "psycopg":
        sa.event.listen(engine, "connect", _with_times_as_text)
    return engine


def mark_as_the_sources(error: BaseException) -> None:
    """Notes on a driver's error that it was met at a source: the warehouse's errors are of the same types."""
    error.__dict__[_AT_SOURCE] = True


def is_the_sources(error: BaseException) -> bool:
    return bool(error.__dict__.get(_AT_SOURCE))


def _mark(context: sa.engine.ExceptionContext) -> None:
    mark_as_the_sources(context.original_exception)


def libpq_address(url: URL) -> str | None:
    """How libpq, and so ADBC, connects just as `source_engine` does; None where it cannot."""
    if url.get_backend_name() != "postgresql" or url.get_driver_name() not in ("psycopg", "psycopg2"):
        return None
    _, arguments = url.get_dialect()().create_connect_args(url)
    try:
        return make_conninfo("", **{**arguments, **POSTGRESQL})
    except psycopg.ProgrammingError:
        return None  # an argument that is the driver's own


def _patient_and_read_only(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set session transaction read only")
        # The server gives up on a reader that takes longer than this between two portions; 60 s unless told.
        cursor.execute("set session net_write_timeout = 3600")


def _with_times_as_text(connection: psycopg.Connection, _record: Any) -> None:
    """Dates and times that Python does not have (infinity, the year 20000, 24:00) arrive as text."""
    for name in ("date", "timestamp", "timestamptz", "time"):
        kind = connection.adapters.types[name]
        known = connection.adapters.get_loader(kind.oid, psycopg.pq.Format.TEXT)
        assert known is not None
        connection.adapters.register_loader(kind.oid, _or_text(known))


def _or_text(known: type[psycopg.abc.Loader]) -> type[psycopg.adapt.Loader]:
    class OrText(psycopg.adapt.Loader):
        def __init__(self, oid: int, context: psycopg.abc.AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._known = known(oid, context)

        def load(self, data: psycopg.abc.Buffer) -> Any:
            try:
                return self._known.load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    return OrText


def _pymysql_conversions() -> dict[Any, Any]:
    """pymysql's, but for zero and impossible dates (0000-00-00, 2024-00-10): it hands them out as text."""
    from pymysql import converters  # type: ignore[import-untyped]
    from pymysql.constants import FIELD_TYPE  # type: ignore[import-untyped]

    def null_if_no_date(read: Callable[[str], Any]) -> Callable[[str], Any]:
        def convert(written: str) -> Any:
            value = read(written)
            return None if isinstance(value, str) else value

        return convert

    return converters.conversions | {
        FIELD_TYPE.DATE: null_if_no_date(converters.convert_date),
        FIELD_TYPE.DATETIME: null_if_no_date(converters.convert_datetime),
        FIELD_TYPE.TIMESTAMP: null_if_no_date(converters.convert_datetime),
    }
