"""What a gate writes down: how far each table is gated, and every result, as counts.

Belongs here: schema ops' gated_loads and gate_results. Does not belong here: rows (quarantine.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dagster_project.errors import WarehouseError
from dagster_project.quality.suites import Suite
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.failures import broken_by_words
from dagster_project.warehouse.schema import OPS


@dataclass(frozen=True)
class Mark:
    """How far a table is gated. All None: never."""

    load_id: str | None = None
    rules: str | None = None
    relation: int | None = None


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


def mark(connection: sa.Connection, suite: Suite) -> Mark:
    row = connection.execute(
        sa.text(
            f"select load_id, rules, relation::bigint as relation from {OPS}.gated_loads "
            "where layer = :layer and table_name = :table_name"
        ),
        {"layer": suite.layer, "table_name": suite.name},
    ).one_or_none()
    return Mark(row.load_id, row.rules, row.relation) if row else Mark()


def set_relation(connection: sa.Connection, suite: Suite, relation: int) -> None:
    """Notes which table the quarantined rows were moved out of; belongs in the move's transaction."""
    connection.execute(
        sa.text(
            f"insert into {OPS}.gated_loads (layer, table_name, relation) "
            "values (:layer, :table_name, cast(:relation as oid)) "
            "on conflict (layer, table_name) do update set relation = excluded.relation"
        ),
        {"layer": suite.layer, "table_name": suite.name, "relation": relation},
    )


def count_quarantined(connection: sa.Connection, suite: Suite, quarantine: str) -> None:
    """Tells ops.loads how many of each load's rows are in `quarantine` now."""
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


def set_passed(connection: sa.Connection, suite: Suite, load_id: str | None) -> None:
    """Advances the mark: everything up to `load_id` has passed the suite as it is now."""
    connection.execute(
        sa.text(
            f"insert into {OPS}.gated_loads (layer, table_name, load_id, rules, gated_at) "
            "values (:layer, :table_name, :load_id, :rules, now()) on conflict (layer, table_name) do update "
            "set load_id = excluded.load_id, rules = excluded.rules, gated_at = excluded.gated_at"
        ),
        {
            "layer": suite.layer,
            "table_name": suite.name,
            "load_id": load_id,
            "rules": suite.fingerprint,
        },
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
