"""The extraction's step: a source that breaks is put on hold, a new one too."""

from typing import ClassVar

import dagster as dg
import pytest

from dagster_project.assets import raw
from dagster_project.assets.raw import RECONCILED, build_raw_assets
from dagster_project.config import Settings
from dagster_project.quality import holding
from dagster_project.resources import Environment
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.asterisk import SOURCE
from dagster_project.sources.extract import Extraction
from dagster_project.warehouse import Warehouse, ledger

TABLES = [table.name for table in SOURCE.tables]


class There(Environment):
    """An environment that the test made."""

    given: ClassVar[dict[str, Settings | Warehouse]] = {}

    @property
    def settings(self) -> Settings:
        return self.given["settings"]  # type: ignore[return-value]

    @property
    def warehouse(self) -> Warehouse:
        return self.given["warehouse"]  # type: ignore[return-value]


def extracted() -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [build_raw_assets(SOURCE)],
        resources={"environment": There(), "refresh_lock": dg.ResourceDefinition.none_resource()},
        raise_on_error=False,
    )


def test_a_broken_source_is_on_hold_whether_or_not_it_ever_came_through(
    clean_warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A database that has none of the source's tables.
    url = clean_warehouse.url.render_as_string(hide_password=False)
    monkeypatch.setenv("C360_SOURCE_ASTERISK_URL", url)
    There.given = {"settings": settings, "warehouse": clean_warehouse}
    first = extracted()
    assert first.success
    (line,) = holding.held(clean_warehouse, [SOURCE.name])
    assert line.startswith("asterisk never came through: ") and "the source has no table cdr" in line
    holding.release(clean_warehouse, SOURCE.name, holding.EXTRACTION)

    ledger.record_extraction(clean_warehouse, "run-1", SOURCE.name, None, [TableLoad("cdr")])
    holding.accept(clean_warehouse)
    later = extracted()
    assert later.success
    checks = later.get_asset_check_evaluations()
    assert len(checks) == len(SOURCE.tables)
    assert all(check.check_name == RECONCILED and not check.passed for check in checks)
    (line,) = holding.held(clean_warehouse, [SOURCE.name])
    assert "the source has no table cdr" in line

    # It answers again, but of five rows that it counted three are nowhere.
    with clean_warehouse.begin() as connection:
        for table in TABLES:
            connection.exec_driver_sql(
                f"create table raw_asterisk.{table} (_deleted_at timestamptz); "
                f"insert into raw_asterisk.{table} select null from generate_series(1, 2)"
            )
    for at_source, success in ((5, False), (2, True)):
        loads = [TableLoad(table, rows_at_source=at_source) for table in TABLES]
        monkeypatch.setattr(
            raw, "extract", lambda *_, found=loads, **__: Extraction(SOURCE.name, None, found)
        )
        done = extracted()
        assert done.success
        assert {check.passed for check in done.get_asset_check_evaluations()} == {success}
        lines = holding.held(clean_warehouse, [SOURCE.name])
        assert [
            "cdr: 3 rows of the source are neither in raw nor in quarantine" in line for line in lines
        ] == ([] if success else [True])
