"""A warehouse as a managed server gives it: nobody who uses it is a superuser. Debian's PostgreSQL 15, or another."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL

from dagster_project.config import Settings
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.connect import set_up

DEBIAN = Path("/usr/lib/postgresql/15/bin")
ADMIN = "managed_admin"
OPTIONS = "fsync=off wal_level=minimal max_wal_senders=0 unix_socket_directories= listen_addresses=127.0.0.1"


@contextlib.contextmanager
def managed_server(folder: Path, programs: Path = DEBIAN, user: str = "postgres") -> Iterator[Warehouse]:
    """The warehouse on a server of its own below `folder`; it stops at the end. Skips where it is not installed.

    user: who runs the server when root starts it, for PostgreSQL refuses root.
    """

    def run(program: str, *arguments: str | Path) -> None:
        as_user = {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [programs / program, *map(str, arguments)],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            **as_user,
        )
        assert done.returncode == 0, done.stderr

    if not (programs / "initdb").exists():
        pytest.skip("PostgreSQL 15 is not installed: `make servers` installs it")
    data = folder / "data"
    data.mkdir()
    if os.geteuid() == 0:
        _let_in(data, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-N")
    options = " ".join(f"-c {option}" for option in (*OPTIONS.split(), f"port={port}"))
    run("pg_ctl", "-w", "-D", data, "-l", data / "log", "-o", options, "start")
    try:
        with psycopg.connect(
            f"host=127.0.0.1 port={port} user=postgres dbname=postgres", autocommit=True
        ) as root:
            root.execute(f"create role {ADMIN} login createdb createrole")
        address = URL.create("postgresql+psycopg", ADMIN, "x", "127.0.0.1", port, "postgres")
        owner = address.set(username="c360_owner", database="c360")
        settings = Settings(
            _env_file=None,
            home=folder / "home",
            profile="production",
            warehouse_url=owner.render_as_string(hide_password=False),
            warehouse_admin_url=address.render_as_string(hide_password=False),
        )
        set_up(settings)
        yield Warehouse(owner, address)
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "-D", data, "stop")


def _let_in(data: Path, user: str) -> None:
    """The server's user owns its data, and passes through the folders above it."""
    shutil.chown(data, user, user)
    for folder in data.parents:
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o001)
