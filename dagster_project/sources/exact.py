"""Numbers that no Arrow decimal holds: NaN, Infinity, 1e100, more digits than fit. Their text goes to raw as it is.

Belongs here: numbers' text to decimals, and what is left over to raw's numeric columns once its rows are there.
Does not belong here: reading (arrow.py).

PostgreSQL's numeric has 131,072 digits before the point and 16,383 after it, and every row its own scale; a decimal
has one scale a column. A column's scale is that of its first rows, at least DIGITS_AFTER; a row that does not fit is
null in the load and gets its number in the same refresh, before anything reads it.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql as pgsql

from dagster_project.sources.raw_types import RawColumn
from dagster_project.warehouse import Warehouse, schema

DIGITS_AFTER = 9
SMALL, LARGE = 38, 76  # digits of Arrow's two decimals
_PLAIN = r"^-?[0-9]+(\.[0-9]+)?$"


class Numbers:
    """Turns one table's numbers from text to decimals; a column has the same type in every batch."""

    def __init__(self, columns: Sequence[RawColumn]) -> None:
        self.types = {c.name: c.arrow for c in columns if c.kind == "numeric"}
        self._chosen = {c.name for c in columns if c.precision is not None}

    def convert(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[str, pa.Array]]:
        """The batch with decimals, and by column the texts of those numbers that no decimal holds, null elsewhere."""
        left: dict[str, pa.Array] = {}
        arrays = []
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            if name in self.types and pa.types.is_string(values.type):
                values, rest = self._converted(name, values)
                if rest is not None:
                    left[name] = rest
            arrays.append(values)
        return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names), left

    def _converted(self, name: str, texts: pa.Array) -> tuple[pa.Array, pa.Array | None]:
        try:
            return texts.cast(self.types[name]), None
        except pa.ArrowInvalid:
            pass
        before, after = _digits(texts)
        if name not in self._chosen:
            self.types[name] = _fitting(before, after)
        self._chosen.add(name)
        kind = self.types[name]
        fits = pc.and_(
            pc.less_equal(before, kind.precision - kind.scale), pc.less_equal(after, kind.scale)
        ).fill_null(False)
        nothing = pa.scalar(None, pa.string())
        rest = pc.if_else(fits, nothing, texts)
        return pc.if_else(fits, texts, nothing).cast(kind), (rest if rest.null_count < len(rest) else None)


def _digits(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """How many digits each number has before and after its point; null where it is no plain number."""
    plain = pc.if_else(pc.match_substring_regex(texts, _PLAIN), texts, pa.scalar(None, pa.string()))
    whole = pc.utf8_length(pc.replace_substring_regex(plain, r"^-?0*|\..*$", ""))
    has_point = pc.match_substring(plain, ".")
    return whole, pc.if_else(has_point, pc.utf8_length(pc.replace_substring_regex(plain, r"^[^.]*\.", "")), 0)


def _fitting(before: pa.Array, after: pa.Array) -> pa.DataType:
    """The smallest decimal that holds the numbers, but those that none could."""
    holds = pc.and_(pc.less_equal(before, SMALL), pc.less_equal(after, SMALL))
    most = [
        pc.max(digits.filter(holds, null_selection_behavior="drop")).as_py() or 0
        for digits in (before, after)
    ]
    scale = max(DIGITS_AFTER, most[1])
    return pa.decimal128(SMALL, scale) if most[0] + scale <= SMALL else pa.decimal256(LARGE, scale)


def total(values: pa.ChunkedArray | pa.Array, left: pa.Array | None) -> Decimal:
    """The sum of a column of exact numbers, without those that are not finite."""
    if pa.types.is_decimal(values.type) and values.type.precision <= SMALL:
        values = values.cast(pa.decimal256(LARGE, values.type.scale))
    with localcontext(prec=1_000):
        found = Decimal(pc.sum(values).as_py() or 0)
        numbers = [] if left is None else map(Decimal, left.drop_null().to_pylist())
        return sum((number for number in numbers if number.is_finite()), found)


def write(
    source: str,
    table: str,
    key: Sequence[str],
    left: Sequence[tuple[pa.RecordBatch, Mapping[str, pa.Array]]],
    load_id: str,
    warehouse: Warehouse,
) -> None:
    """Gives raw the numbers that the load `load_id` left out: `left` has keys, and texts by column."""
    raw = pgsql.Identifier(schema.raw_schema(source), table)
    keys = pgsql.SQL(", ").join(map(pgsql.Identifier, key))
    same = pgsql.SQL(" and ").join(pgsql.SQL("r.{0} = e.{0}").format(pgsql.Identifier(name)) for name in key)
    with warehouse.engine.connect() as connection, connection.begin():
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            cursor.execute(
                pgsql.SQL(
                    "create temporary table exact_numbers on commit drop as "
                    "select {}, null::text as _column, null::numeric as _number from {} limit 0"
                ).format(keys, raw)
            )
            with cursor.copy(pgsql.SQL("copy exact_numbers from stdin")) as copy:
                for batch, texts in left:
                    for name, numbers in texts.items():
                        there = pc.is_valid(numbers)
                        rows = batch.filter(there).to_pylist()
                        for row, number in zip(rows, numbers.filter(there).to_pylist(), strict=True):
                            copy.write_row((*(row[column] for column in key), name, number))
            cursor.execute("analyze exact_numbers")
            for column in sorted({name for _, texts in left for name in texts}):
                cursor.execute(
                    pgsql.SQL(
                        "update {} r set {} = e._number from exact_numbers e "
                        "where e._column = %s and {} and r._dlt_load_id = %s"
                    ).format(raw, pgsql.Identifier(column), same),
                    [column, load_id],
                )


def is_finite(column: str) -> str:
    """How SQL says that a number of raw is one that `total` counts."""
    return f"\"{column}\"::numeric not in ('NaN', 'Infinity', '-Infinity')"
