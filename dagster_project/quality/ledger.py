"""What a gate writes down: how far each table is gated, and every result, as counts.

Belongs here: schema ops' gated_loads and gate_results. Does not belong here: rows (quarantine.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dagster_project.errors import WarehouseError
from dagster_project.quality.quarantine import LOAD_ID, Place
from dagster_project.quality.suites import Suite
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.failures import broken_by_words
from dagster_project.warehouse.schema import OPS

TABLE = Path(__file__).with_name("table.sql")


@dataclass(frozen=True)
class TableState:
    """A gated table, and how far it is gated; `rules` and `gated_relation` are None where it never was.

    columns: name → type, as PostgreSQL writes it. unique: sets of columns whose values an index keeps unique. loads:
    those that passed.
    """

    relation: int | None
    columns: Mapping[str, str]
    unique: frozenset[frozenset[str]]
    has_quarantine: bool
    rules: str | None
    gated_relation: int | None
    loads: frozenset[str]


@contextmanager
def transaction(warehouse: Warehouse, suite: Suite) -> Iterator[sa.Connection]:
    """A transaction whose database errors are WarehouseErrors without the values that PostgreSQL quotes."""
    try:
        with warehouse.begin() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise broken_by_words(str(error.orig)) or WarehouseError(
            f"The warehouse failed while {suite.name} was gated: {type(error.orig).__name__}.",
            "Nothing was moved; the server's log has the details.",
        ) from None


def look(connection: sa.Connection, suite: Suite, place: Place) -> TableState:
    """The table of `suite` at `place`, as the catalogue and the last gate describe it."""
    row = connection.execute(
        sa.text(_table_query()),
        {
            "relation": place.relation,
            "quarantine": place.quarantine,
            "layer": suite.layer,
            "table_name": suite.name,
        },
    ).one()
    return TableState(
        row.relation,
        dict(row.columns or ()),
        frozenset(frozenset(columns) for columns in row.unique_columns or ()),
        row.has_quarantine,
        row.rules,
        row.gated_relation,
        frozenset(row.loads or ()),
    )


@lru_cache
def _table_query() -> str:
    return TABLE.read_text(encoding="utf-8")


def count_loads(connection: sa.Connection, place: Place) -> dict[str | None, int]:
    """How many rows of each load a raw table has; None: rows of no load."""
    rows = connection.execute(
        sa.text(f'select "{LOAD_ID}" as load_id, count(*) as rows from {place.relation} group by 1')
    )
    return {row.load_id: row.rows for row in rows}


def set_relation(connection: sa.Connection, suite: Suite, relation: int) -> None:
    """Notes which table has no bad rows left; where rows were moved, in the same transaction."""
    connection.execute(
        sa.text(
            f"insert into {OPS}.gated_loads (layer, table_name, relation) "
            "values (:layer, :table_name, cast(:relation as oid)) "
            "on conflict (layer, table_name) do update set relation = excluded.relation"
        ),
        {"layer": suite.layer, "table_name": suite.name, "relation": relation},
    )


def count_quarantined(connection: sa.Connection, suite: Suite, quarantine: str) -> None:
    """Notes in ops.loads how many of each load's rows are in `quarantine` now."""
    if suite.layer != "raw":
        return
    source, table = suite.path[1:]
    connection.execute(
        sa.text(
            f"update {OPS}.loads l set rows_quarantined = q.rows from (select m.load_id, count(q.load_id) as rows "
            f"from {OPS}.loads m left join {quarantine} q on q.load_id = m.load_id "
            "where m.source = :source and m.table_name = :table group by m.load_id) q "
            "where l.source = :source and l.table_name = :table and l.load_id = q.load_id "
            "and l.rows_quarantined <> q.rows"
        ),
        {"source": source, "table": table},
    )


def set_passed(connection: sa.Connection, suite: Suite, loads: Sequence[str] | None) -> None:
    """Notes that the table passed the suite as it is now. loads: those of its rows; other loads are forgotten."""
    connection.execute(
        sa.text(
            f"insert into {OPS}.gated_loads (layer, table_name, loads, rules, gated_at) "
            "values (:layer, :table_name, :loads, :rules, now()) on conflict (layer, table_name) do update "
            "set loads = excluded.loads, rules = excluded.rules, gated_at = excluded.gated_at"
        ),
        {
            "layer": suite.layer,
            "table_name": suite.name,
            "loads": loads,
            "rules": suite.fingerprint,
        },
    )


def accepted_rows(connection: sa.Connection, suite: Suite) -> int:
    """How many rows the table had when it last passed; 0 where it never did."""
    return (
        connection.scalar(
            sa.text(
                f"select rows from {OPS}.accepted_tables where layer = :layer and table_name = :table_name"
            ),
            {"layer": suite.layer, "table_name": suite.name},
        )
        or 0
    )


def set_accepted(connection: sa.Connection, suite: Suite, rows: int) -> None:
    """Notes that the table passed with `rows`; where that changes nothing, nothing is written."""
    connection.execute(
        sa.text(
            f"insert into {OPS}.accepted_tables as a (layer, table_name, rows) "
            "values (:layer, :table_name, :rows) on conflict (layer, table_name) do update "
            "set rows = excluded.rows, accepted_at = now() where a.rows <> excluded.rows"
        ),
        {"layer": suite.layer, "table_name": suite.name, "rows": rows},
    )


def append(connection: sa.Connection, suite: Suite, results: Sequence[Mapping[str, Any]]) -> None:
    """Adds `results`, mappings of gate_results' columns; layer and table_name are the suite's."""
    if not results:
        return
    columns = (
        "expectation column_name severity success is_error rows_checked rows_failed rows_quarantined message"
    )
    names = ["run_id", "layer", "table_name", *columns.split()]
    connection.execute(
        sa.text(
            f"insert into {OPS}.gate_results ({', '.join(names)}) "
            f"values ({', '.join(':' + name for name in names)})"
        ),
        [{"layer": suite.layer, "table_name": suite.name, **result} for result in results],
    )


def set_rebuilt(warehouse: Warehouse, layer: str, table: str) -> None:
    """Notes that the table is what dbt just made of its sources, though it is the same relation as before."""
    with warehouse.begin() as connection:
        connection.execute(
            sa.text(
                f"update {OPS}.gated_loads set relation = null "
                "where layer = :layer and table_name = :table_name and relation is not null"
            ),
            {"layer": layer, "table_name": table},
        )
