"""Columns as Arrow, and the identifiers that systems give to rows.

Belongs here: conversions from numpy. Does not belong here: what the columns mean (systems/).
"""

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from demo_company.draws import Ints, Texts
from demo_company.people import NONE

Column = Any  # an Arrow array, a numpy array, a list, or one value for all rows


def table(count: int, **columns: Column) -> pa.Table:
    """`count` rows; a scalar fills its column. NaT and None become null."""
    return pa.table({name.rstrip("_"): _array(column, count) for name, column in columns.items()})


def _array(column: Column, count: int) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    if isinstance(column, np.ndarray) and column.dtype == object:
        return pa.array(column, pa.string(), from_pandas=True)
    if isinstance(column, np.ndarray | list):
        return pa.array(column)
    if column is None:
        return pa.nulls(count)
    return pa.repeat(pa.scalar(column), count)


def rows(part: pa.Table, flags: npt.NDArray[np.bool_]) -> pa.Table:
    return part.filter(pa.array(flags))


def reference(ids: npt.ArrayLike, index: Ints) -> pa.Array:
    """`ids[index]`, null where the index is NONE."""
    ids, index = np.asarray(ids), np.asarray(index)
    if not len(ids):
        return pa.nulls(len(index), pa.int64())
    taken = ids[np.maximum(index, 0)]
    return pa.array(taken, mask=index == NONE, type=pa.string() if taken.dtype == object else None)


def money(kopecks: npt.ArrayLike) -> pa.Array:
    """Roubles with two decimals."""
    whole = pa.array(np.asarray(kopecks, dtype=np.int64)).cast(pa.decimal128(19, 0))
    return pc.multiply(whole, pa.scalar(Decimal("0.01"))).cast(pa.decimal128(16, 2))


def money_text(kopecks: npt.ArrayLike) -> pa.Array:
    return money(kopecks).cast(pa.string())


def text(values: npt.ArrayLike) -> pa.Array:
    return pa.array(np.asarray(values)).cast(pa.string())


def built(*parts: str | pa.Array) -> pa.Array:
    """Text made of constants and text columns."""
    return pc.binary_join_element_wise(*parts, "")


def padded(values: npt.ArrayLike, width: int) -> pa.Array:
    return pc.utf8_lpad(text(values), width, "0")


def uuids(rng: np.random.Generator, count: int) -> Texts:
    """Random UUIDs in their usual form."""
    digits = pa.array(np.frombuffer(rng.bytes(16 * count).hex().encode(), dtype="S32")).cast(pa.string())
    cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    parts = [pc.utf8_slice_codeunits(digits, *cut) for cut in cuts]
    return np.array(pc.binary_join_element_wise(*parts, "-").to_pylist(), dtype=object)
