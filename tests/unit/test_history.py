"""Dagster's event log: what is written through files kept open is what Dagster's own storage reads."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from dagster_project.config import PROJECT_ROOT
from dagster_project.history import FOLDER, History


@dg.op
def nothing() -> None: ...


@dg.job
def empty_job() -> None:
    nothing()


def test_the_log_is_dagster_s_own_and_few_files_stay_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    shutil.copy(PROJECT_ROOT / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.get() as instance:
        history = instance.event_log_storage
        assert isinstance(history, History)
        runs = [empty_job.execute_in_process(instance=instance).run_id for _ in range(3)]
        assert set(history._engines) == {"index", runs[-1]}
        said = {run: [r.event_log_entry for r in instance.get_records_for_run(run).records] for run in runs}
    own = SqliteEventLogStorage(str(tmp_path / FOLDER))
    for run, entries in said.items():
        assert [r.event_log_entry for r in own.get_records_for_run(run).records] == entries
        assert "PIPELINE_SUCCESS" in {e.dagster_event.event_type_value for e in entries if e.dagster_event}
        own.delete_events(run)

    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.wipe()
        assert not instance.event_log_storage.get_all_run_ids()
        assert empty_job.execute_in_process(instance=instance).success


def test_a_check_s_event_looks_for_a_table_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    shutil.copy(PROJECT_ROOT / "dagster.yaml", tmp_path)
    asked: list[str] = []
    look = SqliteEventLogStorage.has_table
    monkeypatch.setattr(
        SqliteEventLogStorage, "has_table", lambda self, name: asked.append(name) or look(self, name)
    )

    @dg.asset
    def table() -> None: ...

    @dg.multi_asset_check(specs=[dg.AssetCheckSpec(f"gate_{n}", asset="table") for n in range(3)])
    def gates() -> Iterator[dg.AssetCheckResult]:
        for n in range(3):
            yield dg.AssetCheckResult(check_name=f"gate_{n}", passed=True)

    with dg.DagsterInstance.get() as instance:
        assert dg.materialize([table, gates], instance=instance).success
    assert asked and len(asked) == len(set(asked))


def test_dagster_s_own_tools_need_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    history = History.from_config_value(None, {})
    assert not history.get_all_run_ids()
    history.dispose()
