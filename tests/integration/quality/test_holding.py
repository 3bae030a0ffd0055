"""Sources on hold: since when, why, and when none came through at all."""

import pytest
import sqlalchemy as sa

from dagster_project.errors import SourceError
from dagster_project.quality import holding
from dagster_project.sources.arrival import TableLoad
from dagster_project.warehouse import Warehouse, ledger

pytestmark = pytest.mark.every_server

SOURCES = ["asterisk", "odoo"]


def read(warehouse: Warehouse, source: str, run_id: str) -> None:
    ledger.record_extraction(warehouse, run_id, source, None, [TableLoad("t", rows_at_source=1)])


def states(warehouse: Warehouse) -> dict[str, tuple]:
    with warehouse.begin() as connection:
        rows = connection.execute(sa.text("select * from ops.source_states"))
        return {row.source_system: (row.refreshed_at, row.held_since, row.held_reason) for row in rows}


def test_a_held_source_keeps_its_age_until_every_cause_is_gone(clean_warehouse: Warehouse) -> None:
    warehouse = clean_warehouse
    for source in SOURCES:
        read(warehouse, source, "run-1")
    holding.accept(warehouse)
    assert holding.held(warehouse, SOURCES) == []
    first = states(warehouse)

    holding.hold(warehouse, "odoo", holding.EXTRACTION, "Odoo does not answer.", "run-2")
    since = states(warehouse)["odoo"][1]
    holding.hold(warehouse, "odoo", holding.EXTRACTION, "Odoo has no table t.", "run-3")
    holding.hold(warehouse, "odoo", "gate of t", "One row a id: 2 rows break it.", "run-3")
    for source in SOURCES:
        read(warehouse, source, "run-3")
    holding.accept(warehouse)
    now = states(warehouse)
    assert now["odoo"] == (first["odoo"][0], since, "Odoo has no table t. One row a id: 2 rows break it.")
    assert now["asterisk"][0] > first["asterisk"][0]
    (line,) = holding.held(warehouse, SOURCES)
    assert line.startswith(f"odoo is kept as it was read on {first['odoo'][0]:%Y-%m-%d %H:%M} UTC: Odoo has")
    assert holding.held(warehouse, ["asterisk"]) == []

    holding.release(warehouse, "odoo", holding.EXTRACTION)
    assert states(warehouse)["odoo"][1] > since
    holding.release(warehouse, "odoo", "gate of t")
    holding.accept(warehouse)
    assert states(warehouse)["odoo"][0] > first["odoo"][0]
    assert holding.held(warehouse, SOURCES) == []


def test_a_new_source_on_hold_keeps_nobody_waiting_unless_no_source_came_through(
    clean_warehouse: Warehouse,
) -> None:
    warehouse = clean_warehouse
    holding.raise_if_none_came_through(warehouse, SOURCES)
    holding.hold(warehouse, "odoo", holding.EXTRACTION, "Odoo does not answer.", "run-1")
    assert holding.never_extracted(warehouse, SOURCES) == set(SOURCES)
    holding.raise_if_none_came_through(warehouse, SOURCES)
    assert holding.held(warehouse, SOURCES) == ["odoo never came through: Odoo does not answer."]
    assert states(warehouse)["odoo"][0] is None

    holding.hold(warehouse, "asterisk", holding.EXTRACTION, "Asterisk has no table cdr.", "run-1")
    with pytest.raises(
        SourceError, match=r"No source came through\. asterisk never came through: .*odoo never"
    ):
        holding.raise_if_none_came_through(warehouse, SOURCES)
    read(warehouse, "asterisk", "run-1")
    holding.release(warehouse, "asterisk", holding.EXTRACTION)
    holding.accept(warehouse)
    holding.hold(warehouse, "asterisk", holding.EXTRACTION, "Asterisk does not answer.", "run-2")
    holding.raise_if_none_came_through(warehouse, SOURCES)
    assert holding.never_extracted(warehouse, SOURCES) == {"odoo"}
