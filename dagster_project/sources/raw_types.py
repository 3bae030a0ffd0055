"""Types: how each column of a source is read, and what raw has for it.

Belongs here: the one table of a database's types. Does not belong here: reading (arrow.py), making raw's columns
(raw_tables.py).

A type that PostgreSQL, Arrow and Parquet all have keeps its values. Every other one is read as the text that its own
server writes for it (`is_written`), so that nothing of it is lost and no driver has to know it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

Kind = Literal[
    "bigint", "numeric", "double", "boolean", "text", "json", "binary", "date", "time", "timestamp", "timestamptz"
]  # fmt: skip
# Kind → its type in raw, in Arrow, as dlt calls it, and in a message.
_KINDS: dict[Kind, tuple[str, pa.DataType, str, str]] = {
    "bigint": ("bigint", pa.int64(), "bigint", "a number"),
    "numeric": ("numeric", pa.decimal128(38, 9), "decimal", "a number"),
    "double": ("double precision", pa.float64(), "double", "a number"),
    "boolean": ("boolean", pa.bool_(), "bool", "a number"),
    "text": ("text", pa.string(), "text", "text"),
    "json": ("json", pa.string(), "json", "text"),
    "binary": ("bytea", pa.binary(), "binary", "binary data"),
    "date": ("date", pa.date32(), "date", "a time"),
    "time": ("time without time zone", pa.time64("us"), "time", "a time"),
    "timestamp": ("timestamp without time zone", pa.timestamp("us"), "timestamp", "a time"),
    "timestamptz": ("timestamp with time zone", pa.timestamp("us", "UTC"), "timestamp", "a time"),
}
MOST_DIGITS = 76  # of Arrow's decimals
# Types of MySQL that SQLAlchemy does not know and that are no text: the bytes as the server keeps them.
_POSTGRESQL_TEXTS = (sa.VARCHAR, sa.TEXT, sa.CHAR)
_MYSQL_BYTES = frozenset(
    ("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
     "geometrycollection", "geomcollection", "vector")
)  # fmt: skip


@dataclass(frozen=True)
class RawColumn:
    """One column of a raw table.

    name        here
    theirs      as the source calls it, for messages
    expression  what the source is asked for; None: the source lacks the column, raw has null
    precision, scale  of a number within bounds that its source enforces; None: any number
    is_written  text that stands for a type of the engine's own
    is_single   a number of single precision: 0.1 stays 0.1, as it is written
    may_be_null at the source
    """

    name: str
    theirs: str
    kind: Kind
    expression: sa.ColumnElement[Any] | None = None
    precision: int | None = None
    scale: int | None = None
    is_written: bool = False
    is_single: bool = False
    may_be_null: bool = True

    @property
    def ddl(self) -> str:
        bounds = "" if self.precision is None else f"({self.precision},{self.scale})"
        return f"{_KINDS[self.kind][0]}{bounds}"

    @property
    def arrow(self) -> pa.DataType:
        if self.precision is None or self.scale is None:
            return _KINDS[self.kind][1]
        return (pa.decimal128 if self.precision <= 38 else pa.decimal256)(self.precision, self.scale)

    @property
    def word(self) -> str:
        """What it is, in a message."""
        return _KINDS[self.kind][3]

    def hint(self, key: tuple[str, ...]) -> dict[str, Any]:
        """As dlt describes it."""
        zone = {"timezone": self.kind == "timestamptz"} if self.kind.startswith("timestamp") else {}
        return {"data_type": _KINDS[self.kind][2], "nullable": self.name not in key, **zone}


def word_of(data_type: str) -> str:
    """What a column of raw holds, by its type there, in a message."""
    for ddl, _, _, word in _KINDS.values():
        if data_type == ddl:
            return word
    for word, types in {
        "a number": ("int", "numeric", "real"),
        "a time": ("timestamp", "time", "date", "interval"),
        "text": ("char", "text", "json", "uuid"),
    }.items():
        if any(kind in data_type for kind in types):
            return word
    return data_type


def raw_column(name: str, column: sa.Column, dialect: str = "", type_name: str = "") -> RawColumn:
    """How `column` of a database of that `dialect` is read. type_name: the server's, of one unknown to SQLAlchemy."""
    kind = column.type
    engine = _ENGINES.get(dialect, _any_engine)
    found = engine(column, kind, type_name)
    return RawColumn(name, column.name, may_be_null=column.nullable is not False, **found)


def absent_column(name: str, kind: sa.types.TypeEngine[Any]) -> RawColumn:
    """A declared column that the source lacks."""
    if isinstance(kind, sa.JSON):
        return RawColumn(name, name, "json")
    return RawColumn(name, name, _any_engine(sa.column(name), kind, "")["kind"])


def _postgresql(column: Any, kind: sa.types.TypeEngine[Any], _: str) -> dict[str, Any]:
    if isinstance(kind, postgresql.DOMAIN):
        return _postgresql(column, kind.data_type, _)
    if isinstance(kind, postgresql.OID):
        return _is("bigint", sa.cast(column, sa.BigInteger))
    if isinstance(kind, postgresql.MONEY):
        return _is("numeric", sa.cast(column, sa.Numeric))
    if isinstance(kind, sa.Uuid):
        return _is("text", sa.cast(column, sa.Text), is_written=True)
    if isinstance(kind, sa.ARRAY):
        return _is("json", sa.cast(sa.func.to_json(column), sa.Text))
    if isinstance(kind, sa.JSON):
        return _is("json", sa.cast(column, sa.Text))
    if isinstance(kind, postgresql.INET):  # a cast would add /32 to every host
        return _is("text", sa.func.abbrev(column), is_written=True)
    if isinstance(kind, sa.Time) and kind.timezone:
        return _is("text", sa.cast(column, sa.Text), is_written=True)
    found = _common(column, kind, bounds_hold=True)
    # Enumerations, citext, "char" (which is a byte) and the like.
    is_of_its_own = isinstance(kind, sa.String) and type(kind) not in _POSTGRESQL_TEXTS
    if found is None or is_of_its_own:
        return _is("text", sa.cast(column, sa.Text), is_written=True)
    return found


def _mysql(column: Any, kind: sa.types.TypeEngine[Any], type_name: str) -> dict[str, Any]:
    if isinstance(kind, mysql.YEAR):
        return _is("bigint", sa.type_coerce(column, sa.BigInteger))
    if isinstance(kind, mysql.BIT) or type_name in _MYSQL_BYTES:
        return _is("binary", sa.type_coerce(column, sa.LargeBinary))
    if isinstance(kind, sa.JSON):
        return _is("json", sa.cast(column, sa.CHAR))
    if isinstance(kind, sa.Float) and not isinstance(kind, sa.Double):
        # The server writes six digits of a FLOAT; a sum is DOUBLE.
        return _is("double", sa.type_coerce(column, sa.Float) + sa.literal_column("0e0"), is_single=True)
    if isinstance(kind, sa.Time):  # from -838 to 838 hours
        return _is("text", sa.cast(column, sa.CHAR), is_written=True)
    return _common(column, kind, bounds_hold=True) or _is("text", sa.cast(column, sa.CHAR), is_written=True)


def _any_engine(column: Any, kind: sa.types.TypeEngine[Any], _: str) -> dict[str, Any]:
    if isinstance(kind, sa.JSON):  # of which no engine but those above knows that it is JSON
        return _is("text", sa.type_coerce(column, sa.Text))
    return _common(column, kind, bounds_hold=False) or _is("text", column, is_written=True)


def _common(column: Any, kind: sa.types.TypeEngine[Any], bounds_hold: bool) -> dict[str, Any] | None:
    """A type that every engine has; None for any other. bounds_hold: the engine keeps to a number's precision."""
    if isinstance(kind, sa.Boolean):
        return _is("boolean", column)
    if isinstance(kind, sa.Integer):
        return _is("bigint", column)
    if isinstance(kind, sa.Float):
        return _is("double", sa.type_coerce(column, sa.Float), is_single=isinstance(kind, sa.REAL))
    if isinstance(kind, sa.Numeric):
        precision, scale = kind.precision, kind.scale or 0
        if bounds_hold and precision is not None and 0 <= scale <= precision <= MOST_DIGITS:
            return _is("numeric", column, precision=precision, scale=scale)
        return _is("numeric", column)
    if isinstance(kind, sa.Uuid):
        return _is("text", column, is_written=True)
    if isinstance(kind, sa.String):
        return _is("text", sa.type_coerce(column, sa.Text))
    if isinstance(kind, sa.LargeBinary | sa.types._Binary):
        return _is("binary", column)
    if isinstance(kind, sa.DateTime):
        return _is("timestamptz" if kind.timezone else "timestamp", column)
    if isinstance(kind, sa.Date):
        return _is("date", column)
    if isinstance(kind, sa.Time):
        return _is("time", column)
    return None


def _is(kind: Kind, expression: Any, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "expression": expression, **more}


_ENGINES: dict[str, Callable[[Any, sa.types.TypeEngine[Any], str], dict[str, Any]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
}
