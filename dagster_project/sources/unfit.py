"""Rows that raw cannot take: each goes to quarantine with its reasons, the others go on.

Belongs here: what makes a row of a database unfit. Does not belong here: rules on values (quality/), where unfit rows
wait (rejects.py), rows of files (delivery.py).
"""

import datetime as dt
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dagster_project.sources.raw_types import RawColumn

# Keys go on into other tables' indexes, beside other values; an index row takes 2,704 bytes.
LONGEST_KEY_BYTES = 1_000
# A row of PostgreSQL is in one page; what is longer than POINTER may be elsewhere, and leaves a pointer.
PAGE_BYTES, HEADER_BYTES, POINTER_BYTES, LONGEST_INLINE_BYTES = 8_160, 24, 18, 24
OURS_BYTES = 32  # the pipeline's own columns

_EPOCH = dt.datetime(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)
_FIRST, _LAST = (dt.datetime.min - _EPOCH), (dt.datetime.max - _EPOCH)
# What Python can hold, in Arrow's units. PostgreSQL's infinity arrives as a time far outside.
_BOUNDS = {
    "timestamp": (_FIRST // _MICROSECOND, _LAST // _MICROSECOND, pa.int64()),
    "date": (_FIRST.days, _LAST.days, pa.int32()),
}
_BOUNDS["timestamptz"] = _BOUNDS["timestamp"]
_OUTSIDE = {"date": "a date outside the years 1 to 9999"}
_OUTSIDE |= dict.fromkeys(("timestamp", "timestamptz"), "a time outside the years 1 to 9999")
_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u(0000|[dD][89a-fA-F])")


@dataclass(frozen=True)
class Reason:
    """What is wrong with the rows where `rows` is true, in words without a value."""

    rows: pa.Array
    words: str


def reasons(
    batch: pa.RecordBatch, columns: Sequence[RawColumn], key: Sequence[str], *, may_have_nul: bool
) -> Iterator[Reason]:
    """Why rows of `batch` (in raw's types) cannot be rows of raw; nothing where all can."""
    by_name = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name in key:
        if by_name[name].null_count:
            yield Reason(pc.is_null(by_name[name]), f"no {name}")
    yield from _too_long([by_name[name] for name in key], key)
    for column in columns:
        values = by_name[column.name]
        if column.kind in _BOUNDS and len(values) > values.null_count:
            least, most, storage = _BOUNDS[column.kind]
            numbers = values.view(storage)
            found = pc.min_max(numbers)
            if found["min"].as_py() < least or found["max"].as_py() > most:
                outside = pc.or_(pc.less(numbers, least), pc.greater(numbers, most))
                yield Reason(outside, no_value(column))
        if may_have_nul and column.kind in ("text", "json"):
            yield Reason(pc.match_substring(values, "\0"), f"{column.name}: a NUL character")
        if column.kind == "json":
            yield from _not_text(column.name, values)
    yield from _too_wide(columns, by_name)


def no_value(column: RawColumn) -> str:
    """What is wrong with a value that is none of its column's type."""
    return f"{column.name}: {_OUTSIDE.get(column.kind, f'a value that is not {column.ddl}')}"


def is_any(found: Sequence[Reason], rows: int) -> pa.Array | None:
    """Which rows are unfit; None where none is."""
    mask: pa.Array | None = None
    for reason in found:
        here = pc.fill_null(reason.rows, False)
        mask = here if mask is None else pc.or_(mask, here)
    return mask if mask is not None and pc.any(mask).as_py() else None


def _too_long(values: Sequence[pa.Array], key: Sequence[str]) -> Iterator[Reason]:
    lengths = [pc.fill_null(pc.binary_length(v), 0) for v in values if _has_length(v.type)]
    if not lengths:
        return
    total = lengths[0]
    for length in lengths[1:]:
        total = pc.add(total, length)
    if len(total) and pc.max(total).as_py() > LONGEST_KEY_BYTES:
        words = f"{', '.join(key)}: a key of more than {LONGEST_KEY_BYTES:,} bytes"
        yield Reason(pc.greater(total, LONGEST_KEY_BYTES), words)


def _not_text(name: str, values: pa.Array) -> Iterator[Reason]:
    """JSON may spell a character that no text of PostgreSQL has: reading its value would fail for everybody."""
    suspect = pc.fill_null(pc.match_substring_regex(values, r"\\u(0000|[dD][89a-fA-F])"), False)
    if not pc.any(suspect).as_py():
        return
    broken = [bool(is_suspect) and _is_broken(text) for is_suspect, text in
              zip(suspect.to_pylist(), values.to_pylist(), strict=True)]  # fmt: skip
    yield Reason(
        pa.array(broken, pa.bool_()), f"{name}: a character that is none (NUL, half of a pair) in JSON"
    )


def _is_broken(text: str) -> bool:
    if not _ESCAPE.search(text):
        return False
    try:
        plain = json.dumps(json.loads(text), ensure_ascii=False)
        plain.encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False  # no JSON, or too deep for Python: the warehouse finds that
    return bool(_ESCAPE.search(plain))


def _too_wide(columns: Sequence[RawColumn], values: dict[str, pa.Array]) -> Iterator[Reason]:
    room = PAGE_BYTES - HEADER_BYTES - OURS_BYTES - len(columns) // 8
    if len(columns) * LONGEST_INLINE_BYTES <= room:
        return
    width = None
    for column in columns:
        size = _stored_bytes(values[column.name])
        width = size if width is None else pc.add(width, size)
    if width is not None and len(width) and pc.max(width).as_py() > room:
        yield Reason(pc.greater(width, room), f"wider than a page of the warehouse ({PAGE_BYTES:,} bytes)")


def _stored_bytes(values: pa.Array) -> pa.Array:
    if _has_length(values.type):
        inline = pc.add(pc.binary_length(values).cast(pa.int64()), 1)
        size = pc.if_else(pc.greater(inline, LONGEST_INLINE_BYTES), POINTER_BYTES, inline)
        return pc.fill_null(size, 0)
    return pc.if_else(
        pc.is_valid(values), pa.scalar(16 if pa.types.is_decimal(values.type) else 8), pa.scalar(0)
    )


def _has_length(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_binary(kind)
