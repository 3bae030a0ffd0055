"""`c360 ui` and `c360 stop`: both services come up, and whoever asks can stop them."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from dagster_project.config import PROJECT_ROOT
from tests.end_to_end.conftest import Company


@pytest.mark.slow
def test_the_ui_comes_up_and_stop_ends_all_of_it(company: Company) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ui = subprocess.Popen(
        [str(Path(sys.executable).parent / "c360"), "ui", "--port", str(port)],
        env=company.environment,
        cwd=PROJECT_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as answer:
                    assert "dagster_version" in json.loads(answer.read())
                break
            except OSError:
                assert ui.poll() is None, "the UI ended"
                assert time.monotonic() < deadline
                time.sleep(1)
        family = psutil.Process(ui.pid).children(recursive=True)
        assert len(family) >= 2

        done = company.c360("stop")

        assert "stopped dagster-webserver" in done.stdout
        assert "stopped dagster-daemon" in done.stdout
        assert ui.wait(30) is not None
        _, alive = psutil.wait_procs(family, timeout=15)
        assert not alive
    finally:
        if ui.poll() is None:
            ui.terminate()
        company.c360("warehouse", "start")
