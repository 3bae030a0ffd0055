"""A small demo company below a home of its own, and the `c360` command as a user runs it."""

import contextlib
import fcntl
import json
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import demo_company
from dagster_project.config import PROJECT_ROOT, Settings
from dagster_project.warehouse import Warehouse, open_warehouse
from dagster_project.warehouse.connect import embedded_server
from tests.conftest import AWKWARD_FOLDER

CUSTOMERS = 250


@dataclass
class Company:
    """One environment: its settings, its warehouse and its commands."""

    settings: Settings
    warehouse: Warehouse

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("C360_", "DAGSTER_"))}
        return kept | {"C360_HOME": str(self.settings.home), "COLUMNS": "160"}

    def c360(
        self, *arguments: str, timeout: int = 300, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).parent / "c360"), *arguments],
            env=self.environment | environment,
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def refresh(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.c360("refresh", **environment)

    def patched_refresh(self, patch: str, timeout: int = 300) -> subprocess.CompletedProcess[str]:
        """A refresh in a process of its own that runs `patch` (Python) first."""
        code = f"{patch}\nimport sys; sys.argv = ['c360', 'refresh']\nfrom dagster_project.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env=self.environment,
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ask(self, query: str) -> list[tuple]:
        with self.warehouse.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def at_source(self, source: str, statement: str) -> int:
        """Runs a statement on one of the demo company's databases; rows touched."""
        engine = sa.create_engine(demo_company.source_url(self.warehouse, source), poolclass=sa.NullPool)
        with engine.begin() as connection:
            return connection.exec_driver_sql(statement).rowcount

    def source_value(self, source: str, query: str) -> Any:
        engine = sa.create_engine(demo_company.source_url(self.warehouse, source), poolclass=sa.NullPool)
        with engine.connect() as connection:
            return connection.exec_driver_sql(query).scalar()

    def state(self, *schemas: str) -> dict[str, tuple]:
        """Every published mart and the identity's assignment (or every table of `schemas`), as count and checksum."""
        tables = self.ask(
            "select format('%I.%I', schemaname, tablename) from pg_tables "
            f"where schemaname = any(array{list(schemas or ['marts'])}) order by 1"
        )
        # What says when or in which run something was computed differs between equal states.
        volatile = (
            "array['since_run_id', 'run_id', 'data_as_of', 'extracted_at', 'refreshed_at', 'loaded_at']"
        )
        names = [table for (table,) in tables] + ([] if schemas else ["identity.record_customers"])
        return {
            table: self.ask(
                f"select count(*), coalesce(sum(hashtextextended((to_jsonb(t) - {volatile})::text, 0)), 0) "
                f"from {table} t"
            )[0]
            for table in names
        }


def open_to_others(home: Path) -> list[str]:
    """What others than its owner may read or list below `home`, PostgreSQL's own folder apart; it is 0700 by itself."""
    found = []
    for folder, folders, files in os.walk(home):
        folders[:] = [name for name in folders if not Path(folder, name, "PG_VERSION").exists()]
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            # Where root runs, the server's user passes through two folders.
            passed = stat.S_IXOTH if path in (home, home / "warehouse") and os.geteuid() == 0 else 0
            mode = stat.S_IMODE(path.lstat().st_mode)
            if not path.is_symlink() and mode & 0o077 & ~passed:
                found.append(f"{path.relative_to(home)} {mode:o}")
    return found


def new_company(home: Path, customers: int = CUSTOMERS, seed: int = 7) -> Company:
    company = opened(home)
    demo_company.create(company.warehouse, customers, seed, folder=company.settings.demo_files)
    return company


def opened(home: Path) -> Company:
    settings = Settings(_env_file=None, home=home, warehouse_url=None, profile="demo")
    return Company(settings, open_warehouse(settings))


def copy(home: Path, to: Path) -> None:
    """A company whose server is stopped, once more."""
    subprocess.run(["cp", "-a", str(home), str(to)], check=True)
    # On a port of its own: copies have one password, and a server that stops must not be taken for another's.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (to / "warehouse" / "server.json").write_text(json.dumps({"port": port}))


@contextlib.contextmanager
def twin_of(company: Company, home: Path) -> Iterator[Company]:
    """The company's copy below `home`, with a server of its own."""
    company.warehouse.engine.dispose()
    embedded_server(company.settings.home).stop()
    copy(company.settings.home, home)
    embedded_server(company.settings.home).start()
    yield opened(home)
    embedded_server(home).stop()


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company that was refreshed once. A test that changes it leaves it sound and refreshed."""
    home = tmp_path_factory.mktemp("company") / AWKWARD_FOLDER
    # Made once for all workers, and copied: half a minute of a refresh for each.
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    made, making = folder / "made-company", folder / f"in the making, {AWKWARD_FOLDER}"
    with (folder / "made-company.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            assert not making.exists(), "another worker could not make it"
            try:
                done = new_company(making).refresh()
                assert done.returncode == 0, done.stdout + done.stderr
            finally:
                embedded_server(making).stop()
            making.rename(made)
    copy(made, home)
    yield opened(home)
    embedded_server(home).stop()


def errors(company: Company, done: subprocess.CompletedProcess[str]) -> list[str]:
    """The error lines, once it is sure that nothing else was said: no traceback, no secret, no row's value."""
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    password = str(company.warehouse.url.password)
    assert password not in said
    assert not re.search(r"\+79\d{9}|\w@\w+\.", done.stderr), done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith(("error: ", "       ")) for line in lines), done.stderr
    return [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]


def one_error(company: Company, done: subprocess.CompletedProcess[str]) -> str:
    said = errors(company, done)
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(said) == 1, done.stderr
    return said[0]
