"""Reconciliation of a load: what the source holds against what raw and quarantine hold together.

Belongs here: the one comparison by count. Does not belong here: contracts and marts, which reconcile in SQL
(marts.reconciliation), and rules on values (gate.py).
"""

from dataclasses import dataclass

import sqlalchemy as sa

from dagster_project.quality.quarantine import Place
from dagster_project.warehouse import Warehouse


@dataclass(frozen=True)
class Reconciliation:
    """Rows of one table: counted at the source before reading, live in raw, held in quarantine."""

    rows_at_source: int
    rows_live: int
    rows_quarantined: int

    @property
    def rows_missing(self) -> int:
        """Rows the source had that are nowhere here. Rows that came while reading are no loss."""
        return max(0, self.rows_at_source - self.rows_live - self.rows_quarantined)


def reconcile(
    warehouse: Warehouse,
    schema: str,
    table: str,
    key: tuple[str, ...],
    rows_at_source: int,
    rows_unfit: int = 0,
) -> Reconciliation:
    """Counts schema.table (rows without tombstone) and its quarantine against `rows_at_source`.

    rows_unfit: of a database that wait in quarantine because raw cannot take them.
    """
    place = Place(schema, table, key)
    with warehouse.begin() as connection:
        live = connection.scalar(sa.text(f"select count(*) from {place.relation} where _deleted_at is null"))
        held = 0
        if connection.scalar(sa.text("select to_regclass(:name)"), {"name": place.quarantine}) is not None:
            # A bad row that the look-back has just read again stands in both.
            held = connection.scalar(
                sa.text(
                    f"select count(*) from {place.quarantine} q where q.row_key is null or not exists "
                    f"(select from {place.relation} t where {place.row_key('t')} = q.row_key and _deleted_at is null)"
                )
            )
    return Reconciliation(rows_at_source, live or 0, (held or 0) + rows_unfit)
