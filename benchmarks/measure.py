"""One command, measured from outside: seconds and the peak memory of the command and all its children.

Belongs here: running and watching a process. Does not belong here: what the process does.
"""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

INTERVAL = 0.05


@dataclass(frozen=True)
class Measured:
    """`failed`: why there is no result, in one line; None where there is one. peak_mb: resident memory."""

    seconds: float
    peak_mb: float
    failed: str | None
    output: str


def run(
    command: Sequence[str | Path],
    *,
    limit_s: float,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Measured:
    """Runs `command`; one that needs longer than `limit_s` is ended with its children."""
    peak, done = [0.0], threading.Event()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=out,
            stderr=err,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            start_new_session=True,
        )
        watch = threading.Thread(target=_watch, args=(process.pid, done, peak), daemon=True)
        watch.start()
        failed = None
        try:
            process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            failed = f"stopped after {limit_s:.0f} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.monotonic() - started
        done.set()
        watch.join()
        out.seek(0)
        err.seek(0)
        said = [line for line in err.read().strip().splitlines() if not line.startswith("(Background")]
        if failed is None and process.returncode != 0:
            failed = said[-1][:200] if said else f"exit code {process.returncode}"
        return Measured(seconds, peak[0], failed, out.read())


def _watch(pid: int, done: threading.Event, peak: list[float]) -> None:
    while not done.wait(INTERVAL):
        peak[0] = max(peak[0], memory_mb([pid]))


def memory_mb(pids: Sequence[int]) -> float:
    """Resident megabytes of the processes and their children; what several share counts once for each."""
    total = 0
    for pid in pids:
        try:
            parent = psutil.Process(pid)
            family = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for process in family:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
    return total / 1e6
