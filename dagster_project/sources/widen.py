"""Columns that grew at the source: raw makes room for what they may now hold.

Belongs here: widening raw columns of numbers. Does not belong here: refusing what changed its kind (reflect.py).
Text has no length in raw, so only numbers can outgrow it.
"""

import sqlalchemy as sa

from dagster_project.sources.declaration import Source
from dagster_project.sources.reflect import Reflected
from dagster_project.warehouse import Warehouse, schema
from dagster_project.warehouse.locks import PATIENCE_S, run_briefly

INTEGERS = ("smallint", "integer")

_COLUMNS = """
    select table_schema, table_name, column_name, data_type, numeric_precision, numeric_scale
    from information_schema.columns
    where table_schema in (:raw, :staging) and data_type in ('smallint', 'integer', 'numeric')
"""
# Views in the way of an ALTER: staging's, which dbt writes anew in the same refresh.
_VIEWS = """
    select distinct v.oid::regclass::text from pg_depend d join pg_rewrite r on r.oid = d.objid
    join pg_class v on v.oid = r.ev_class
    where d.refobjid = cast(:table as regclass) and v.relkind = 'v'
"""


def widen(source: Source, reflected: Reflected, warehouse: Warehouse) -> list[str]:
    """Widens raw's columns, and those of dlt's staging beside them, to the source's; the names of those that were."""
    raw = schema.raw_schema(source.name)
    widened = []
    with warehouse.begin() as connection:
        found = connection.execute(sa.text(_COLUMNS), {"raw": raw, "staging": f"{raw}_staging"})
        for held in found.mappings().all():
            table, column = held["table_name"], held["column_name"]
            known = reflected.tables.get(table)
            if known is None or column not in known.c:
                continue
            wanted = _wider(
                known.c[column].type, held["data_type"], held["numeric_precision"], held["numeric_scale"]
            )
            if wanted is None:
                continue
            name = f'"{held["table_schema"]}"."{table}"'
            alter(connection, name, f'alter column "{column}" type {wanted}')
            if held["table_schema"] == raw:
                widened.append(f"{table}.{column}")
    return widened


def alter(connection: sa.Connection, table: str, change: str, patience_s: float = PATIENCE_S) -> None:
    """Alters a raw table, without the views that read it where a type changes, as soon as nobody uses them.

    Raises WarehouseLocked naming the sessions that do.
    """
    views = connection.scalars(sa.text(_VIEWS), {"table": table}).all() if " type " in change else []
    statements = [*(f"drop view if exists {view} cascade" for view in views), f"alter table {table} {change}"]
    run_briefly(connection, statements, [table, *views], patience_s)


def _wider(now: sa.types.TypeEngine, kind: str, precision: int | None, scale: int | None) -> str | None:
    """The type that holds both what raw's column holds and what the source's may; None where raw's already does."""
    if isinstance(now, sa.BigInteger) and kind in INTEGERS:
        return "bigint"
    if kind != "numeric" or precision is None or scale is None or not isinstance(now, sa.Numeric):
        return None
    if isinstance(now, sa.Float) or now.precision is None:
        return None  # without bounds of its own, dlt's apply
    digits = max(precision - scale, now.precision - (now.scale or 0))
    fraction = max(scale, now.scale or 0)
    return (
        f"numeric({digits + fraction}, {fraction})"
        if (digits + fraction, fraction) != (precision, scale)
        else None
    )
