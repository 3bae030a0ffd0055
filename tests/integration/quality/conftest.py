"""What the gates' tests share: suites made on the spot and a small till table with loads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dagster_project.quality import Suite, load_suite
from dagster_project.warehouse import Warehouse

MakeSuite = Callable[..., Suite]

DATE_RULE = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {
        "column": "date_order",
        "min_value": "1990-01-01 00:00:00",
        "max_value": {"$PARAMETER": "tomorrow"},
    },
    "severity": "critical",
    "meta": {"row_rule": "the date is between 1990 and one day ahead"},
}


def check(kind: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity}


@pytest.fixture
def make_suite(tmp_path: Path) -> MakeSuite:
    """Writes a suite file as a company would and loads it."""

    def make(path: str, *expectations: dict[str, Any], key: list[str] | None = None, **meta: Any) -> Suite:
        file = tmp_path / f"{path}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        document = {"name": path, "expectations": expectations, "meta": {"key": key or ["id"], **meta}}
        file.write_text(json.dumps(document))
        return load_suite(file, tmp_path)

    return make


@pytest.fixture
def tills(clean_warehouse: Warehouse) -> Warehouse:
    """raw_odoo.pos_order without rows."""
    execute(
        clean_warehouse,
        "create table raw_odoo.pos_order (id integer, date_order timestamp, amount_total numeric, "
        "state text, email text, _dlt_load_id text, _deleted_at timestamptz)",
    )
    return clean_warehouse


def execute(warehouse: Warehouse, statement: str, **values: Any) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text(statement), values)


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with warehouse.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def one(warehouse: Warehouse, query: str) -> Any:
    return rows(warehouse, query)[0][0]


def load(warehouse: Warehouse, load_id: str, *orders: tuple[int, str], state: str = "done") -> None:
    """Upserts (id, date_order) as dlt does: the newer row takes the older one's place."""
    for number, date in orders:
        execute(
            warehouse,
            "delete from raw_odoo.pos_order where id = :id",
            id=number,
        )
        execute(
            warehouse,
            "insert into raw_odoo.pos_order values (:id, cast(:date as timestamp), 10.5, :state, "
            "'anna@example.com', :load_id, null)",
            id=number,
            date=date,
            state=state,
            load_id=load_id,
        )
