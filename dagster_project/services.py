"""Dagster's webserver and daemon on this machine, started together and stopped together.

Belongs here: their processes, their port and their log. Does not belong here: production, which runs them as
containers (docker-compose.yml), and what a person reads (cli.py).
"""

import contextlib
import errno
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from dagster_project.config import PROJECT_ROOT
from dagster_project.errors import C360Error, ConfigError
from dagster_project.interrupts import EXIT_INTERRUPTED, ignore_interrupts, interruptible

PROGRAMS = ("dagster-webserver", "dagster-daemon")
GRACE_S = 10
# Ways to end that `c360 stop` and a service manager lead to.
_ENDED_BY_SIGNAL = (0, -signal.SIGTERM, 128 + signal.SIGTERM, -signal.SIGINT, EXIT_INTERRUPTED)


def run_services(
    host: str,
    port: int,
    dagster_home: Path,
    on_ready: Callable[[str], None],
    prepare: Callable[[], object] = lambda: None,
) -> int:
    """Runs both until one ends or they are interrupted; calls `on_ready` with the address once it answers.

    `prepare` starts what they need, after it is checked that they may run.

    Returns 0, EXIT_INTERRUPTED where they were interrupted before they answered. DAGSTER_HOME is set: it tells this
    environment's services from another's. Raises ConfigError where the port is taken or services of this environment
    run already, C360Error where one of them ends by itself: what it wrote is in `log_of(dagster_home)`.
    """
    with _only_one(dagster_home, f"http://{host}:{port}"):
        _check_port(host, port)
        prepare()
        with interruptible(), log_of(dagster_home).open("w", encoding="utf-8") as log:
            processes: list[subprocess.Popen[bytes]] = []
            url = ""
            try:
                for command in _commands(host, port):
                    processes.append(
                        subprocess.Popen(
                            command,
                            cwd=PROJECT_ROOT,
                            start_new_session=True,
                            stdin=subprocess.DEVNULL,
                            stdout=log,
                            stderr=log,
                        )
                    )
                while True:
                    for process in processes:
                        if (code := process.poll()) is not None:
                            return _ended(process, code, dagster_home)
                    if not url and _answers(_address(host, port)):
                        url = f"http://{host}:{port}"
                        on_ready(url)
                    time.sleep(0.5)
            except KeyboardInterrupt:
                return 0 if url else EXIT_INTERRUPTED
            finally:
                ignore_interrupts()
                _end([psutil.Process(process.pid) for process in processes if process.poll() is None])


def stop_services(dagster_home: Path) -> list[str]:
    """Stops the services of this environment, whoever started them; the names of what was stopped."""
    found = _running(dagster_home)
    _end(list(found))
    return sorted(found.values())


def log_of(dagster_home: Path) -> Path:
    return dagster_home / "services.log"


def _commands(host: str, port: int) -> tuple[list[str], ...]:
    binaries = Path(sys.executable).parent
    workspace = ["-w", str(PROJECT_ROOT / "workspace.yaml")]
    return (
        [str(binaries / "dagster-webserver"), *workspace, "-h", host, "-p", str(port)],
        [str(binaries / "dagster-daemon"), "run", *workspace],
    )


@contextlib.contextmanager
def _only_one(dagster_home: Path, url: str) -> Iterator[None]:
    """Holds the lock of this environment's services; it dies with its holder. Raises ConfigError where it is held, or
    where a holder that was killed left its services behind."""
    with (dagster_home / "services.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigError(f"Dagster's UI runs already: {_holder(lock.read())}.", _STOP) from None
        if left := _running(dagster_home):
            names = ", ".join(f"{name} (process {process.pid})" for process, name in left.items())
            raise ConfigError(f"Services of this environment run already: {names}.", _STOP)
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "url": url}))
        lock.flush()
        yield


_STOP = "Use it, or end it with `c360 stop`."


def _holder(written: str) -> str:
    try:
        noted = json.loads(written)
        return f"{noted['url']}, process {noted['pid']}"
    except (ValueError, KeyError):
        return "it is starting"


def _check_port(host: str, port: int) -> None:
    """Raises ConfigError naming who listens there, or why nobody may."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"Port {port} of {host} is taken{_listener(port)}.",
                "End that program, or choose another port: `c360 ui --port PORT`.",
            ) from None
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"Nothing can listen at {host}:{port}: {reason}.",
            "Choose another address or port: `c360 ui --host HOST --port PORT`.",
        ) from None


def _listener(port: int) -> str:
    """Which program listens there, as far as this user may know."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr.port == port
                and connection.pid is not None
            ):
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""


def _address(host: str, port: int) -> str:
    """Where this machine reaches what listens on `host`."""
    if host in ("0.0.0.0", "::", ""):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/server_info"


def _answers(url: str) -> bool:
    try:
        # Nobody's proxy leads to this machine.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError, http.client.HTTPException):
        return False


def _ended(process: subprocess.Popen[bytes], code: int, dagster_home: Path) -> int:
    if code in _ENDED_BY_SIGNAL:
        return 0
    assert isinstance(process.args, list)
    raise C360Error(
        f"{Path(str(process.args[0])).name} ended by itself (exit code {code}).",
        f"What it wrote is in {log_of(dagster_home)}.",
    )


def _running(dagster_home: Path) -> dict[psutil.Process, str]:
    """The services of this environment, whoever started them."""
    found = {}
    for process in psutil.process_iter(["pid", "cmdline"]):
        names = {Path(part).name for part in process.info["cmdline"] or []}
        for program in PROGRAMS:
            if program in names and _home(process) == str(dagster_home) and process.pid != os.getpid():
                found[process] = program
    return found


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
