"""The extraction's step: a source that breaks is put on hold, a new one too."""

import os
import signal
from dataclasses import replace
from typing import ClassVar

import dagster as dg
import pytest

from dagster_project.assets import failures, raw
from dagster_project.assets.raw import RECONCILED, build_raw_assets
from dagster_project.config import Settings
from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.interrupts import interruptible
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_extraction_is_not_tried_again(
    clean_warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    There.given = {"settings": settings, "warehouse": clean_warehouse}
    monkeypatch.setenv("C360_SOURCE_ASTERISK_URL", "mysql+pymysql://db/asterisk")
    tries = []

    def extract(*_: object, **__: object) -> Extraction:
        tries.append(1)
        os.kill(os.getpid(), number)
        raise AssertionError("the signal came to nothing")

    monkeypatch.setattr(raw, "extract", extract)
    with interruptible():
        done = extracted()
    assert len(tries) == 1
    assert not done.success
    assert not [event for event in done.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert holding.held(clean_warehouse, [SOURCE.name]) == []


def test_a_source_that_does_not_answer_is_tried_again_and_then_on_hold(
    clean_warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    There.given = {"settings": settings, "warehouse": clean_warehouse}
    monkeypatch.setenv("C360_SOURCE_ASTERISK_URL", "mysql+pymysql://db/asterisk")
    tries = []

    def extract(*_: object, **__: object) -> Extraction:
        tries.append(1)
        raise SourceUnavailable("asterisk does not answer.", "Is it up?")

    monkeypatch.setattr(raw, "extract", extract)
    monkeypatch.setattr(failures, "RETRY_LOST_CONNECTION", dg.RetryPolicy(max_retries=2, delay=0))
    assert extracted().success
    assert len(tries) == 3
    (line,) = holding.held(clean_warehouse, [SOURCE.name])
    assert line.startswith("asterisk never came through: asterisk does not answer. Is it up?")


SETTING = "C360_SOURCE_ASTERISK_URL"


@pytest.mark.parametrize(
    ("medium", "is_set", "remedy", "says", "leaves_out"),
    [
        ("database", False, f"Is {SETTING} right?", "demo company's own database", SETTING),
        ("files", False, f"Bring it back, or set {SETTING}.", "demo company's own folder", SETTING),
        ("database", False, "Fix the key.", "Fix the key. The demo company's own database", SETTING),
        ("database", True, f"Is {SETTING} right?", f"Is {SETTING} right?", "demo"),
    ],
)
def test_advice_names_the_setting_only_where_it_is_set(
    clean_warehouse: Warehouse,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    medium: str,
    is_set: bool,
    remedy: str,
    says: str,
    leaves_out: str,
) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    if is_set:
        monkeypatch.setenv(SETTING, "mysql+pymysql://db/asterisk")
    There.given = {"settings": settings, "warehouse": clean_warehouse}
    monkeypatch.setattr(type(SOURCE), "medium", medium)

    def extract(*_: object, **__: object) -> Extraction:
        raise SourceError("asterisk: broken.", remedy)

    monkeypatch.setattr(raw, "extract", extract)
    extracted()
    (line,) = holding.held(clean_warehouse, [SOURCE.name])
    assert says in line and leaves_out not in line


def test_a_source_without_a_url_and_without_a_demo_is_on_hold_and_its_setting_named(
    clean_warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    There.given = {"settings": settings, "warehouse": replace(clean_warehouse, admin_url=None)}
    assert extracted().success
    (line,) = holding.held(clean_warehouse, [SOURCE.name])
    assert f"{SETTING} is not set, and there is no demo company's database" in line and "vars.sources" in line
    monkeypatch.setattr(type(SOURCE), "medium", "api")
    with pytest.raises(SourceError, match="demo company's API"):
        raw.source_url(settings, SOURCE, clean_warehouse)
