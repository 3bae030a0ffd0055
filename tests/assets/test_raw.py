"""The extraction's step: a source that breaks is put on hold, a new one too."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import dagster as dg
import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa

from dagster_project.assets import failures, raw
from dagster_project.assets.raw import RECONCILED, build_raw_assets
from dagster_project.config import Settings
from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.interrupts import interruptible
from dagster_project.quality import holding
from dagster_project.resources import Environment
from dagster_project.sources import extract
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


def extracted(instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [build_raw_assets(SOURCE)],
        instance=instance,
        resources={"environment": There(), "refresh_lock": dg.ResourceDefinition.none_resource()},
        raise_on_error=False,
    )


def raising(error: Exception) -> Callable[..., Extraction]:
    def fail(*_: object, **__: object) -> Extraction:
        raise error

    return fail


def in_a_driver(value: str) -> Exception:
    said = psycopg.errors.InvalidTextRepresentation(f'invalid input syntax for type integer: "{value}"')
    return sa.exc.DBAPIError.instance("select 1", None, said, psycopg.Error)  # type: ignore[return-value]


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

    # Whatever its data cause is its own fault, and no value of them is in what anybody reads.
    mark = "Маркер-79161234567"
    for error in (ValueError(mark), pa.ArrowInvalid(f"Failed to parse string: '{mark}'"), in_a_driver(mark)):
        with monkeypatch.context() as patch:
            patch.setattr(extract, "_extract_database", raising(error))
            assert (broken := extracted()).success
        (line,) = holding.held(clean_warehouse, [SOURCE.name])
        assert "asterisk" in line and "mistake" not in line and "None" not in line
        states = clean_warehouse.read("select * from ops.source_states").to_pylist()
        assert mark not in f"{line} {states} {broken.all_events}"

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


def test_a_step_that_fails_leaves_no_value_in_dagsters_storage(
    clean_warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = clean_warehouse.url.render_as_string(hide_password=False)
    monkeypatch.setenv("C360_SOURCE_ASTERISK_URL", url)
    There.given = {"settings": settings, "warehouse": clean_warehouse}
    mark = "Marker79160001122"

    def fail(*_: object, **__: object) -> None:
        try:
            raise in_a_driver(mark)
        except sa.exc.DBAPIError as error:
            raise KeyError(mark) from error

    monkeypatch.setattr(raw, "reconcile", fail)  # after what is the source's own
    monkeypatch.setattr(
        raw, "extract", lambda *_, **__: Extraction(SOURCE.name, None, [TableLoad(name) for name in TABLES])
    )
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        done = extracted(instance)
        assert not done.success
        (failed,) = [event for event in done.all_events if event.is_step_failure]
        assert "The warehouse refused a statement: a value does not fit its column" in str(
            failed.step_failure_data
        )
        records = instance.all_logs(done.run_id)
        assert records and mark not in str(records)
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stored and not [path.name for path in stored if mark.encode() in path.read_bytes()]
