"""Dagster's resources: what a run's steps share."""

from typing import Any

import dagster as dg
import pytest
from sqlalchemy.engine import make_url

from dagster_project import resources
from dagster_project.resources import Environment
from dagster_project.warehouse import Warehouse


def test_the_steps_of_a_run_share_connections_and_leave_none(monkeypatch: pytest.MonkeyPatch) -> None:
    url = make_url("postgresql+psycopg://c360_owner@127.0.0.1:1/c360")
    monkeypatch.setattr(resources, "open_warehouse", lambda settings, start: Warehouse(url))
    used: list[tuple[Warehouse, Any]] = []

    @dg.op
    def step(environment: Environment) -> None:
        used.append((environment.warehouse, environment.warehouse.engine.pool))

    @dg.job(resource_defs={"environment": Environment()}, executor_def=dg.in_process_executor)
    def job() -> None:
        step.alias("first")()
        step.alias("second")()

    assert job.execute_in_process().success
    (warehouse, pool), second = used
    assert second == (warehouse, pool)
    assert warehouse.engine.pool is not pool, "its connections are still open"
