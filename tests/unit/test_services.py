"""`c360 ui`: one a home, on a free port, its address told when it answers; interrupted, it leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from dagster_project import services
from dagster_project.config import PROJECT_ROOT
from dagster_project.errors import C360Error, ConfigError
from dagster_project.interrupts import EXIT_INTERRUPTED
from dagster_project.services import log_of, run_services

# A webserver that takes its time, and a daemon; both have a child of their own, and complain when they are interrupted.
PROGRAM = """
import http.server, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
try:
    time.sleep(float(sys.argv[2]))
    if sys.argv[1] == "daemon": time.sleep(60)
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200); self.end_headers()
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[3])), Page).serve_forever()
except BaseException:
    print("Traceback", file=sys.stderr); raise
"""


def commands(wait: float = 0.0) -> Callable[[str, int], Any]:
    def made(_: str, port: int) -> Any:
        return (
            [sys.executable, "-c", PROGRAM, "web", str(wait), str(port)],
            [sys.executable, "-c", PROGRAM, "daemon", "0"],
        )

    return made


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_the_address_is_told_when_it_answers_and_an_interrupt_then_ends_all(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_commands", commands(wait=1.0))
    family: list[psutil.Process] = []
    others = set(psutil.Process().children(recursive=True))

    def on_ready(url: str) -> None:
        assert url == f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(url, timeout=2) as answer:
            assert answer.status == 200
        with pytest.raises(ConfigError, match=f"runs already: {url}, process {os.getpid()}"):
            run_services("127.0.0.1", port + 1, tmp_path, lambda _: None)
        family.extend(set(psutil.Process().children(recursive=True)) - others)
        os.kill(os.getpid(), signal.SIGINT)

    assert run_services("127.0.0.1", port, tmp_path, on_ready) == 0
    assert len(family) >= 4
    assert not psutil.wait_procs(family, timeout=5)[1]


def test_a_taken_port_is_named_with_who_has_it_before_anything_starts(
    tmp_path: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_commands", lambda *_: pytest.fail("something was started"))
    with pytest.raises(ConfigError) as refused:
        run_services(
            "127.0.0.1", listener, tmp_path, lambda _: None, lambda: pytest.fail("the warehouse was started")
        )
    assert f"Port {listener} of 127.0.0.1 is taken by " in refused.value.problem
    assert f"process {os.getpid()}" in refused.value.problem
    assert "c360 ui --port" in refused.value.remedy
    for host in ("no.such.host.invalid", "192.0.2.1"):
        with pytest.raises(ConfigError, match="Nothing can listen at"):
            run_services(host, 3000, tmp_path, lambda _: None)


def test_services_whose_starter_was_killed_are_named(tmp_path: Path, port: int) -> None:
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", "/bin/dagster-daemon"],
        env=os.environ | {"DAGSTER_HOME": str(tmp_path)},
    )
    try:
        deadline = time.monotonic() + 10
        while not services._running(tmp_path):
            assert time.monotonic() < deadline
        with pytest.raises(ConfigError, match=f"run already: dagster-daemon .process {left.pid}") as refused:
            run_services("127.0.0.1", port, tmp_path, lambda _: None)
        assert "c360 stop" in refused.value.remedy
        assert services.stop_services(tmp_path) == ["dagster-daemon"]
    finally:
        left.kill()
        left.wait()


def test_a_program_that_ends_by_itself_is_named_with_its_log(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        services,
        "_commands",
        lambda *_: ([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"],),
    )
    with pytest.raises(C360Error, match=r"ended by itself \(exit code 3\)") as ended:
        run_services("127.0.0.1", port, tmp_path, lambda _: None)
    assert str(log_of(tmp_path)) in ended.value.remedy
    assert log_of(tmp_path).read_text() == "why\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_it_loads_is_quiet_and_leaves_nothing(
    tmp_path: Path, port: int, number: signal.Signals
) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from dagster_project import services\n"
        "from tests.unit.test_services import commands\n"
        "services._commands = commands(wait=30)\n"
        "sys.exit(services.run_services('127.0.0.1', int(sys.argv[3]), Path(sys.argv[2]), print))"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code, str(PROJECT_ROOT), str(tmp_path), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Shells start what runs in the background with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    loading = psutil.Process(started.pid)
    deadline = time.monotonic() + 30
    while len(family := loading.children(recursive=True)) < 4:
        assert time.monotonic() < deadline and started.poll() is None
        time.sleep(0.05)
    started.send_signal(number)
    said, _ = started.communicate(timeout=30)
    assert (started.returncode, said) == (EXIT_INTERRUPTED, b"")
    assert not psutil.wait_procs(family, timeout=5)[1]
