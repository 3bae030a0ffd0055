"""Fixtures that every test may use: one real PostgreSQL a session, an empty warehouse a test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dagster_project.config import Settings, source_contracts
from dagster_project.warehouse import Warehouse, open_warehouse, schema
from dagster_project.warehouse.connect import embedded_server
from tests.managed_server import managed_server

SERVERS = ("embedded", "postgresql-15")

# Signs that SQL, the shell, format strings and URLs take for theirs: every path below a home must survive them.
AWKWARD_FOLDER = 'it\'s 100% "of" $HOME `Дом#'


def pytest_configure(config: pytest.Config) -> None:
    """A folder of this session's own: pytest closes the one that sessions share to every other user at each start,
    and with it the way to a running server's data."""
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = tempfile.mkdtemp(prefix="c360-tests-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest begin first, so that no core waits for them at the end."""
    items.sort(key=lambda item: item.path.parent.name != "end_to_end")


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a demo environment below a temporary folder; its server stops with the session."""
    home: Path = tmp_path_factory.mktemp("c360") / AWKWARD_FOLDER
    home.mkdir()
    yield Settings(_env_file=None, home=home, warehouse_url=None, profile="demo")
    embedded_server(home).stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `every_server` run on each PostgreSQL that the docs promise."""
    if metafunc.definition.get_closest_marker("every_server") and "warehouse" in metafunc.fixturenames:
        metafunc.parametrize("warehouse", SERVERS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def warehouse(request: pytest.FixtureRequest, settings: Settings) -> Warehouse:
    """A real warehouse, its schemas made; tests that write use tables of their own or clean_warehouse.

    C360_TEST_SERVER=postgresql-15 runs everything on that one.
    """
    server = getattr(request, "param", os.environ.get("C360_TEST_SERVER", SERVERS[0]))
    if server == SERVERS[0]:
        return open_warehouse(settings)
    return request.getfixturevalue("postgresql_15")


@pytest.fixture(scope="session")
def postgresql_15(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse on Debian's PostgreSQL 15, set up as on a managed server: no superuser has a part in it."""
    with managed_server(tmp_path_factory.mktemp("postgresql")) as made:
        yield made


def left_behind(folder: Path) -> list[str]:
    """Copies of source rows that a load left below `folder`: packages, deliveries, traces."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if (path.suffix in (".parquet", ".duckdb", ".pickle", ".lz4") and path.parent.name != "identity")
        or path.name.startswith("delivery-")
    )


@pytest.fixture
def clean_warehouse(warehouse: Warehouse) -> Warehouse:
    """The warehouse with every schema of ours empty."""
    empty(warehouse)
    return warehouse


def empty(warehouse: Warehouse) -> None:
    """Empties every schema of ours."""
    sources = list(source_contracts())
    with warehouse.begin() as connection:
        raw = [schema.raw_schema(source) for source in sources]
        for name in (*schema.SCHEMAS, *raw, *(f"{name}_staging" for name in raw)):
            connection.execute(sa.text(f"drop schema if exists {name} cascade"))
        schema.prepare(connection, sources)
