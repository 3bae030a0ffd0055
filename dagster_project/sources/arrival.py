"""What a refresh did to one raw table, and for each load of it: what was read, and what of it arrived in raw.

Belongs here: the account, and counting rows and summing the declared amount on both ends. Does not belong here: the whole table's
count (quality/reconcile.py), writing it down (warehouse/ledger.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from types import MappingProxyType

import pyarrow as pa
import sqlalchemy as sa

from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.exact import is_finite, total
from dagster_project.sources.keyed_rejects import Unfit
from dagster_project.warehouse import Warehouse, schema


@dataclass
class Arrival:
    """Rows are counted, amounts are in the table's own unit; None where the table declares no amount.

    rows_before, rows_after: of the raw table. A row that was read is one in raw under `load_id`.
    """

    load_id: str | None = None
    rows_read: int = 0
    rows_arrived: int = 0
    rows_before: int = 0
    rows_after: int = 0
    amount_read: Decimal | None = None
    amount_arrived: Decimal | None = None
    # Numbers that the load leaves out and exact.py writes: the keys of their rows, their texts by column.
    left: list[tuple[pa.RecordBatch, Mapping[str, pa.Array]]] = field(
        default_factory=list, repr=False, compare=False
    )

    @property
    def rows_inserted(self) -> int:
        return max(0, self.rows_after - self.rows_before)

    @property
    def is_complete(self) -> bool:
        return self.rows_read == self.rows_arrived and self.amount_read == self.amount_arrived

    @property
    def problem(self) -> str:
        """What is wrong, in counts and sums; empty where all arrived."""
        if self.rows_read != self.rows_arrived:
            return f"load {self.load_id}: {self.rows_read:,} rows were read, {self.rows_arrived:,} arrived in raw"
        if self.amount_read != self.amount_arrived:
            return f"load {self.load_id}: its rows' amounts were {self.amount_read:,} and are {self.amount_arrived:,} in raw"
        return ""

    def read(
        self,
        rows: pa.Table | pa.RecordBatch,
        table: Table,
        left: Mapping[str, pa.Array] = MappingProxyType({}),
    ) -> None:
        """Counts a chunk that was read; `left` has numbers of it that no decimal holds, as text by column."""
        self.rows_read += len(rows)
        if table.amount:
            found = total(rows.column(table.amount), left.get(table.amount))
            with localcontext(prec=1_000):
                self.amount_read = (self.amount_read or Decimal(0)) + found

    def begin(self, source: Source, table: Table, warehouse: Warehouse) -> None:
        """Looks at raw before the load."""
        self.rows_before = self._ask(source, table, warehouse, "count(*)")[0]

    def end(self, load_id: str, source: Source, table: Table, warehouse: Warehouse) -> None:
        """Looks at raw after the load."""
        self.load_id = load_id
        amount = "null"
        if table.amount:
            counted = f"_dlt_load_id = :load_id and {is_finite(table.amount)}"
            amount = f'sum("{table.amount}") filter (where {counted})'
        self.rows_after, self.rows_arrived, arrived = self._ask(
            source, table, warehouse, f"count(*), count(*) filter (where _dlt_load_id = :load_id), {amount}"
        )
        self.amount_arrived = (arrived or Decimal(0)) if table.amount else None

    def _ask(self, source: Source, table: Table, warehouse: Warehouse, what: str) -> tuple:
        raw = f'{schema.raw_schema(source.name)}."{table.name}"'
        with warehouse.begin() as connection:
            if connection.scalar(sa.text("select to_regclass(:raw)"), {"raw": raw}) is None:
                return (0, 0, None)
            return tuple(
                connection.execute(sa.text(f"select {what} from {raw}"), {"load_id": self.load_id}).one()
            )


@dataclass
class TableLoad:
    """What one refresh did to one raw table. Rows are counted; watermarks as the source writes them.

    arrivals: each load's own account, of loads that read a row of the table.

    rows_rejected could not even be rows; rows_unfit: those of a database that wait, of this refresh or before, and
    unfit_reasons why those of this one do, with how many;
    rows_repeated: those of a table without a key that are equal to another one: both are one here;
    refused says which files could not be read, and why. is_absent: the source
    has no such table.
    """

    table: str
    rows_at_source: int = 0
    rows_missing: int = 0
    rows_loaded: int = 0
    tombstones: int = 0
    returned: int = 0
    watermark_from: str | None = None
    watermark_to: str | None = None
    new_columns: list[str] = field(default_factory=list)
    rows_rejected: int = 0
    refused: list[str] = field(default_factory=list)
    amount_column: str | None = None
    is_absent: bool = False
    arrivals: list[Arrival] = field(default_factory=list)
    rows_unfit: int = 0
    unfit_reasons: dict[str, int] = field(default_factory=dict)
    rows_repeated: int = 0
    unfit: list[Unfit] = field(default_factory=list, repr=False, compare=False)

    @property
    def lost(self) -> list[str]:
        """What was read and did not arrive, in counts and sums."""
        return [arrival.problem for arrival in self.arrivals if not arrival.is_complete]
