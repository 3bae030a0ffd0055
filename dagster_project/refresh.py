"""One refresh from the command line: daily_refresh_job, in this process, with progress.

Belongs here: running the job on this machine's Dagster instance and telling a listener how it goes.
Does not belong here: what a person reads (summary.py, cli.py).
"""

import contextlib
import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import dagster as dg

from dagster_project.checks import GATE, STEP_SUFFIX
from dagster_project.config import PROJECT_ROOT, Settings, source_contracts
from dagster_project.errors import ConfigError
from dagster_project.jobs import daily_refresh_job
from dagster_project.quality import holding
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.lock import refresh_lock


@dataclass
class Step:
    """One step of the run: seconds, the words of its failure, and what its checks found."""

    name: str
    seconds: float = 0.0
    failed: str | None = None
    findings: list[str] = field(default_factory=list)  # each once: a source on hold, what a gate found
    is_stopped: bool = False  # by a check
    is_interrupted: bool = False

    @property
    def runs_gates(self) -> bool:
        return self.name.endswith(STEP_SUFFIX)


@dataclass
class Outcome:
    run_id: str
    success: bool
    seconds: float
    steps: list[Step] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)  # gates that stopped the run, with their words
    held: list[str] = field(default_factory=list)  # sources on hold, each with its reason
    is_interrupted: bool = False

    @property
    def failures(self) -> list[Step]:
        return [step for step in self.steps if step.failed]


Listener = Callable[[str, Step, int, int], None]  # event (start, done), step, steps done, steps in all


def dagster_home(settings: Settings) -> Path:
    """The instance's folder, made if it is not there; DAGSTER_HOME is set to it unless it was."""
    if configured := os.environ.get("DAGSTER_HOME"):
        home = Path(configured)
        if not home.is_absolute() or not home.is_dir():
            raise ConfigError(
                f"DAGSTER_HOME is {configured}: no folder, or no absolute path.",
                "Make the folder, or unset DAGSTER_HOME: it is below C360_HOME then.",
            )
        return home
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    config = PROJECT_ROOT / "dagster.yaml"
    if not config.exists():
        raise ConfigError(f"{config} is missing.", "Restore it from the repository.")
    shutil.copyfile(config, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def log_file(settings: Settings) -> Path:
    return settings.home / "refresh.log"


def refresh(settings: Settings, warehouse: Warehouse, listen: Listener) -> Outcome:
    """Runs the whole chain once; a failed step is in the outcome.

    Raises RefreshBusy if another one is at work, ConfigError for a setting that a later step would miss.
    """
    for source in source_contracts():
        settings.source_url(source)
    dagster_home(settings)
    from dagster_project.build import build_defs

    instance = dg.DagsterInstance.get()
    with refresh_lock(warehouse, "c360 refresh, starting"):
        _bury_the_dead(instance)
    job = build_defs().resolve_job_def(daily_refresh_job.name)
    run_id = str(uuid.uuid4())
    watch = _Watch(len(job.nodes), listen)
    instance.add_event_listener(run_id, watch)
    started = time.monotonic()
    # What dbt and others print or log goes to a file; the terminal shows progress.
    with (
        log_file(settings).open("w", encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        _errors_to(log),
        _logging_to(log),
    ):
        try:
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                tags={"seamless360/started_by": "c360 refresh"},
            )
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            watch.is_interrupted = True
    if watch.is_interrupted:
        return Outcome(run_id, False, time.monotonic() - started, watch.steps, is_interrupted=True)
    if result.success and watch.skipped:
        # Dagster calls a run a success where a step wrote less than it said, and skips what needed the rest.
        watch.steps.append(Step(watch.skipped[0], failed="The step before it wrote nothing for it: skipped."))
    held = holding.held(warehouse, list(source_contracts())) if warehouse.answers() else []
    # A source on hold makes Dagster's run a failed one, after all others were published.
    stopped = watch.skipped or watch.blocked or any(step.failed for step in watch.steps)
    success = not stopped and (result.success or watch.is_incomplete)
    return Outcome(run_id, success, time.monotonic() - started, watch.steps, watch.blocked, held)


@contextlib.contextmanager
def _errors_to(log: TextIO) -> Iterator[None]:
    # Of Dagster's helper processes too: Ctrl-C reaches them, and they end with a traceback.
    terminal = os.dup(2)
    os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


@contextlib.contextmanager
def _logging_to(log: TextIO) -> Iterator[None]:
    # Without a handler of ours, Python's last resort writes libraries' warnings to the terminal.
    handler = logging.StreamHandler(log)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _bury_the_dead(instance: dg.DagsterInstance) -> None:
    """Runs that hold no lock and never ended were killed: say so, or they count as running for ever."""
    running = instance.get_runs(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], tags={"seamless360/started_by": "c360 refresh"})
    )
    for run in running:
        instance.report_run_failed(run, "The process was killed. The next refresh finishes its work.")


class _Watch:
    """Turns Dagster's events into steps begun and ended."""

    def __init__(self, total: int, listen: Listener) -> None:
        self.total = total
        self.listen = listen
        self.steps: list[Step] = []
        self.blocked: list[str] = []
        self.skipped: list[str] = []
        self.is_incomplete = False  # published, but a source is on hold
        self.is_interrupted = False
        self._stopped: dict[str, list[str]] = {}  # what a step's gates reported, until the step ends
        self._findings: dict[str, dict[str, None]] = {}  # the same of every check
        self._open: dict[str, tuple[Step, float]] = {}

    def __call__(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.event_type_value in ("RESOURCE_INIT_FAILURE", "PIPELINE_FAILURE") and not self.steps:
            # What could not be made, such as the lock or the warehouse's connection, has no step to say so.
            data = event.event_specific_data
            self.steps.append(Step("start", failed=_words(getattr(data, "error", None) or event.message)))
        if event.is_step_start:
            step = Step(event.step_key or "")
            self._open[step.name] = (step, entry.timestamp)
            self.listen("start", step, len(self.steps), self.total)
        elif event.is_step_success or event.is_step_failure:
            step, begun = self._open.pop(event.step_key or "", (Step(event.step_key or ""), entry.timestamp))
            step.seconds = entry.timestamp - begun
            step.findings = list(self._findings.pop(step.name, {}))
            if event.is_step_failure:
                data = event.step_failure_data
                failure = data.user_failure_data
                stopped = self._stopped.pop(step.name, None)
                if _is_interrupt(data.error):
                    step.is_interrupted = self.is_interrupted = True
                else:
                    step.is_stopped = bool(stopped)
                    self.blocked += stopped or []
                    if failure is not None or stopped is None:
                        step.failed = (failure.description if failure else None) or _words(data.error)
            self.steps.append(step)
            self.listen("done", step, len(self.steps), self.total)
        elif event.is_step_skipped:
            self.skipped.append(event.step_key or "")
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed:
                found = evaluation.description or evaluation.check_name
                if evaluation.check_name == GATE:  # the gates of several tables are one step
                    found = f"{evaluation.asset_key.to_user_string()}: {found}"
                self._findings.setdefault(event.step_key or "", {})[found] = None
            if (
                not evaluation.passed
                and evaluation.severity is dg.AssetCheckSeverity.ERROR
                and evaluation.blocking
            ):
                stopped = self._stopped.setdefault(event.step_key or "", [])
                if evaluation.check_name == holding.EVERY_SOURCE:
                    self.is_incomplete = True
                else:
                    key = evaluation.asset_key.to_user_string()
                    stopped.append(f"{key}: {evaluation.description or evaluation.check_name}")


def _is_interrupt(error: object) -> bool:
    while error is not None:
        if getattr(error, "cls_name", None) in ("DagsterExecutionInterruptedError", "KeyboardInterrupt"):
            return True
        error = getattr(error, "cause", None)
    return False


def _words(error: object) -> str:
    """The innermost of an error's words that a person can act on."""
    info = error
    while getattr(info, "cause", None) is not None:
        info = info.cause  # type: ignore[attr-defined]
    message = getattr(info, "message", None) or str(info)
    return re.sub(r"^[\w.]+: ", "", message.strip())  # Dagster puts the error's type before its words
