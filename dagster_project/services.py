"""Dagster's webserver and daemon on this machine, started together and stopped together.

Belongs here: their processes. Does not belong here: production, which runs them as containers
(docker-compose.yml).
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from dagster_project.config import PROJECT_ROOT

PROGRAMS = ("dagster-webserver", "dagster-daemon")
GRACE_S = 10


def run_services(host: str, port: int) -> int:
    """Runs both until one ends or the terminal interrupts; 0 if interrupted, else the first exit code.

    DAGSTER_HOME is set: it tells this environment's services from another's.
    """
    binaries = Path(sys.executable).parent
    workspace = ["-w", str(PROJECT_ROOT / "workspace.yaml")]
    commands = (
        [str(binaries / "dagster-webserver"), *workspace, "-h", host, "-p", str(port)],
        [str(binaries / "dagster-daemon"), "run", *workspace],
    )
    processes = [subprocess.Popen(command, cwd=PROJECT_ROOT, start_new_session=True) for command in commands]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        while True:
            for process in processes:
                if (code := process.poll()) is not None:
                    return code
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    finally:
        _end([psutil.Process(process.pid) for process in processes if process.poll() is None])


def stop_services(dagster_home: Path) -> list[str]:
    """Stops the services of this environment, whoever started them; the names of what was stopped."""
    found = {}
    for process in psutil.process_iter(["pid", "cmdline"]):
        names = {Path(part).name for part in process.info["cmdline"] or []}
        for program in PROGRAMS:
            if program in names and _home(process) == str(dagster_home) and process.pid != os.getpid():
                found[process] = program
    _end(list(found))
    return sorted(found.values())


def _home(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("DAGSTER_HOME")
    except psutil.Error:
        return None


def _end(processes: list[psutil.Process]) -> None:
    family = set(processes)
    for process in processes:
        try:
            family |= set(process.children(recursive=True))
        except psutil.NoSuchProcess:
            continue
    for signalled in ("terminate", "kill"):
        for member in family:
            try:
                getattr(member, signalled)()
            except psutil.NoSuchProcess:
                continue
        _, alive = psutil.wait_procs(family, timeout=GRACE_S)
        family = set(alive)
