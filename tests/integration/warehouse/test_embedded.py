"""The embedded server: what a killed parent, a stale lock or a taken port leave behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from dagster_project.config import Settings
from dagster_project.errors import ConfigError, WarehouseError
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse.embedded import EmbeddedServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    made = EmbeddedServer(tmp_path / "warehouse")
    yield made
    made.stop()


def one(server: EmbeddedServer) -> int | None:
    engine = sa.create_engine(server.url(), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return connection.scalar(sa.text("select 1"))


def postmaster(server: EmbeddedServer) -> psutil.Process:
    return psutil.Process(int((server.data / "postmaster.pid").read_text().splitlines()[0]))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_parent_folders_are_opened_for_passing_through_only(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    home = closed / "home" / "warehouse"
    home.mkdir(parents=True)
    for folder in (closed, home.parent, home):
        folder.chmod(0o700)
    server = EmbeddedServer(home)
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        server.start()
        assert one(server) == 1
    assert [oct(folder.stat().st_mode & 0o777) for folder in (closed, home.parent, home)] == ["0o701"] * 3


def test_it_survives_its_parent_clears_a_dead_lock_and_leaves_a_taken_port(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, sys, signal; from pathlib import Path;"
        "from dagster_project.warehouse.embedded import EmbeddedServer;"
        f"EmbeddedServer(Path({str(server.home)!r})).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert server.is_running()
    assert one(server) == 1

    # The server itself is killed: its lock file stays, and its port is taken by another program.
    process = postmaster(server)
    port = json.loads((server.home / "server.json").read_text())["port"]
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a backend goes when its server has gone
            member.kill()
    psutil.wait_procs([process], timeout=10)
    assert (server.data / "postmaster.pid").exists()
    assert not server.is_running()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deadline = time.monotonic() + 10
        while True:
            try:
                other.bind(("127.0.0.1", port))
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        other.listen()
        server.start()
        assert json.loads((server.home / "server.json").read_text())["port"] != port
        # Another server may bind a port between our finding it free and our binding it.
        assert server.stop() is True
        find, found = EmbeddedServer._free_port, [port]
        monkeypatch.setattr(EmbeddedServer, "_free_port", lambda self: found.pop() if found else find(self))
        server.start()
        assert not found
        assert json.loads((server.home / "server.json").read_text())["port"] != port
    assert one(server) == 1
    assert server.stop() is True
    assert server.stop() is False


def test_its_password_is_asked_for_and_kept_to_its_owner(warehouse, settings: Settings) -> None:
    home = settings.home / "warehouse"
    assert (home / "password").stat().st_mode & 0o777 == 0o600
    assert os.path.getsize(home / "password") > 20
    wrong = warehouse.url.set(password="wrong")
    with pytest.raises(sa.exc.OperationalError, match="password authentication failed"):
        sa.create_engine(wrong, poolclass=sa.NullPool).connect()


def test_cyrillic_is_ordered_and_folded_alike_everywhere(warehouse) -> None:
    with warehouse.begin() as connection:
        assert connection.scalar(sa.text("select lower('ЁЖИК') || upper('щи')")) == "ёжикЩИ"
        assert connection.scalar(sa.text("show timezone")) == "UTC"


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        warehouse_url="postgresql+psycopg://c360_owner:very-secret@127.0.0.1:1/c360",
    )
    with pytest.raises(WarehouseError) as refused, open_warehouse(settings).begin():
        pass
    assert "127.0.0.1:1/c360" in refused.value.problem
    assert "very-secret" not in str(refused.value)


def test_production_needs_its_own_warehouse(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path, profile="production", warehouse_url=None)
    with pytest.raises(ConfigError, match="C360_WAREHOUSE_URL is not set"):
        open_warehouse(settings)
