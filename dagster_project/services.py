"""Dagster's webserver and daemon on this machine, started together and stopped together.

Belongs here: their processes and where their numbers are kept. Does not belong here: production, which
runs them as containers (docker-compose.yml).
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from dagster_project.config import PROJECT_ROOT, Settings


def commands(host: str, port: int) -> dict[str, list[str]]:
    binaries = Path(sys.executable).parent
    workspace = ["-w", str(PROJECT_ROOT / "workspace.yaml")]
    return {
        "webserver": [str(binaries / "dagster-webserver"), *workspace, "-h", host, "-p", str(port)],
        "daemon": [str(binaries / "dagster-daemon"), "run", *workspace],
    }


def run_services(settings: Settings, host: str, port: int) -> int:
    """Runs both until one ends or the terminal interrupts; 0 if interrupted, else the first exit code."""
    processes = {
        name: subprocess.Popen(command, cwd=PROJECT_ROOT, start_new_session=True)
        for name, command in commands(host, port).items()
    }
    record = _record(settings)
    record.write_text(json.dumps({name: process.pid for name, process in processes.items()}))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        while True:
            for process in processes.values():
                if (code := process.poll()) is not None:
                    return code
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    finally:
        stop_services(settings)


def stop_services(settings: Settings) -> list[str]:
    """Stops what run_services started, whoever asks; the names of what was stopped."""
    record = _record(settings)
    if not record.exists():
        return []
    stopped = []
    for name, pid in json.loads(record.read_text()).items():
        try:
            process = psutil.Process(pid)
            # The number may have been given to another program since.
            if not any("dagster" in part for part in process.cmdline()):
                continue
            family = [process, *process.children(recursive=True)]
            for member in family:
                member.terminate()
            _, alive = psutil.wait_procs(family, timeout=10)
            for member in alive:
                member.kill()
            stopped.append(name)
        except psutil.NoSuchProcess:
            continue
    record.unlink(missing_ok=True)
    return stopped


def _record(settings: Settings) -> Path:
    settings.home.mkdir(parents=True, exist_ok=True)
    return settings.home / "services.json"
