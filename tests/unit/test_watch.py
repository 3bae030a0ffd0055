"""What the terminal shows of a refresh while it runs: a mark that is green only where nothing was found."""

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import typer

from dagster_project.checks import GATE, STEP_SUFFIX
from dagster_project.cli import _interrupted
from dagster_project.interrupts import EXIT_INTERRUPTED
from dagster_project.quality import holding
from dagster_project.refresh import Outcome, Step, _errors_to, _Watch
from dagster_project.summary import step_lines

ON_HOLD = "The source is on hold. No answer.\nIs it up?"


def gate(severity: dg.AssetCheckSeverity, said: str) -> dg.AssetChecksDefinition:
    spec = dg.AssetCheckSpec(GATE, asset="table", blocking=True)

    @dg.multi_asset_check(name=f"table{STEP_SUFFIX}", specs=[spec])
    def gates() -> Iterator[dg.AssetCheckResult]:
        yield dg.AssetCheckResult(
            asset_key="table",
            check_name=GATE,
            passed=not said,
            severity=severity,
            description=said or "every rule holds",
        )

    return gates


@dg.asset_check(asset="table", name=holding.EVERY_SOURCE, blocking=True)
def every_source() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, description="crm is kept")


@dg.multi_asset(
    name="extract_crm",
    specs=[dg.AssetSpec("one"), dg.AssetSpec("two")],
    check_specs=[dg.AssetCheckSpec("reconciled", asset=name) for name in ("one", "two")],
)
def held():
    for name in ("one", "two"):
        yield dg.MaterializeResult(
            asset_key=name,
            check_results=[
                dg.AssetCheckResult(
                    check_name="reconciled", asset_key=name, passed=False, description=ON_HOLD
                )
            ],
        )


@dg.asset
def table() -> None: ...


@dg.asset
def broken() -> None:
    raise dg.Failure("The disk is full.\nMake room.")


@dg.asset
def interrupted() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def watched(*definitions: object) -> tuple[_Watch, dict[str, list[str]]]:
    """The run of `definitions`, watched: step → its lines."""
    is_check = [isinstance(one, dg.AssetChecksDefinition) for one in definitions]
    defs = dg.Definitions(
        assets=[one for one, yes in zip(definitions, is_check, strict=True) if not yes],  # type: ignore[misc]
        asset_checks=[one for one, yes in zip(definitions, is_check, strict=True) if yes],  # type: ignore[misc]
    )
    shown: dict[str, list[str]] = {}

    def listen(event: str, step: object, *_: int) -> None:
        if event == "done":
            shown[step.name] = [line.plain for line in step_lines(step)]  # type: ignore[attr-defined, arg-type]

    with dg.DagsterInstance.ephemeral() as instance:
        watch = _Watch(1, listen)  # type: ignore[arg-type]
        instance.add_event_listener(run_id := str(uuid.uuid4()), watch)
        run = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, run_id=run_id, raise_on_error=False, run_config=run
        )
    return watch, shown


WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize(
    ("definitions", "step", "mark", "reasons"),
    [
        ((held,), "extract_crm", "⚠", ["The source is on hold. No answer."]),
        ((table,), "table", "✓", []),
        ((table, gate(WARN, "a: 3 rows\nb: 1")), "table_gates", "⚠", ["table: a: 3 rows"]),
        ((table, gate(ERROR, "a: 3 rows")), "table_gates", "✗", ["table: a: 3 rows"]),
        ((table, gate(ERROR, "")), "table_gates", None, []),
        ((table, every_source), "table_every_source", "⚠", ["crm is kept"]),
        ((broken,), "broken", "✗", ["The disk is full."]),
        ((interrupted,), "interrupted", "⚠", ["interrupted"]),
    ],
)
def test_a_step_has_the_mark_of_what_was_found_and_its_reason(
    definitions: tuple[object, ...], step: str, mark: str | None, reasons: list[str]
) -> None:
    watch, shown = watched(*definitions)
    lines = shown[step]
    assert (lines[0][0] if lines else None) == mark
    assert [line.strip() for line in lines[1:]] == reasons
    assert watch.is_interrupted == (step == "interrupted")
    assert not [one for one in watch.steps if one.failed and "Interrupted" in one.failed]


def test_what_helper_processes_complain_of_goes_to_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "log").open("w") as log, _errors_to(log):
        subprocess.run(["sh", "-c", "echo Traceback >&2"], check=True)
    os.write(2, b"after")
    assert (tmp_path / "log").read_text() == "Traceback\n"
    assert capfd.readouterr().err == "after"


def test_an_interrupted_refresh_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [Step("extract_crm"), Step("dbt_staging", is_interrupted=True)]
    for outcome, where in ((None, ""), (Outcome("r", False, 1.0, steps), " in step dbt_staging")):
        with pytest.raises(typer.Exit) as ended:
            _interrupted(outcome)
        said = capsys.readouterr().err
        assert ended.value.exit_code == EXIT_INTERRUPTED
        assert f"The refresh was interrupted{where}." in said
        assert "Readers have the last complete state. Run `c360 refresh` again" in said


def test_many_findings_are_counted() -> None:
    step = Step("x", findings=[f"finding {n}" for n in range(5)])
    assert [line.plain.strip() for line in step_lines(step)[1:]] == [
        "finding 0",
        "finding 1",
        "finding 2",
        "and 2 more",
    ]
