"""What every run has before its first step, whoever launched it."""

import dagster as dg
import pytest

from dagster_project.config import Settings
from dagster_project.resources import Environment, RefreshLock
from dagster_project.warehouse import Warehouse, migrations


def test_a_run_that_the_daemon_launches_migrates_the_warehouse_under_its_lock(
    clean_warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clean_warehouse.begin() as connection:
        connection.exec_driver_sql("drop schema ops, identity cascade")
    url = clean_warehouse.url.render_as_string(hide_password=False)
    server = settings.model_copy(update={"warehouse_url": url})
    monkeypatch.setattr("dagster_project.resources.load_settings", lambda: server)

    @dg.asset
    def first(refresh_lock: RefreshLock) -> None:
        with clean_warehouse.begin() as connection:
            assert migrations.pending(connection) == []

    environment = Environment()
    resources = {"environment": environment, "refresh_lock": RefreshLock(environment=environment)}
    assert dg.materialize([first], resources=resources).success
