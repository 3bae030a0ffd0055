"""Connections to the warehouse: SQLAlchemy for statements, ADBC for Arrow.

Belongs here: opening and naming connections. Does not belong here: SQL.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from dagster_project.config import Settings, checked_url, place_of, source_contracts
from dagster_project.errors import WarehouseError
from dagster_project.warehouse import locks, migrations, schema
from dagster_project.warehouse.embedded import EmbeddedServer
from dagster_project.warehouse.failures import DRIVER_ERRORS

DATABASE = "c360"


@dataclass(frozen=True)
class Warehouse:
    """One warehouse database. `url` is the owner's; `admin_url` may create databases (demo, tests)."""

    url: URL
    admin_url: URL | None = field(default=None, repr=False)

    @cached_property
    def engine(self) -> sa.Engine:
        return sa.create_engine(self.url, pool_pre_ping=True, connect_args={"connect_timeout": 10})

    def admin_engine(self, database: str | None = None) -> sa.Engine:
        """An autocommit engine of the administrator's, on `database` (default: the warehouse's)."""
        if self.admin_url is None:
            raise WarehouseError(
                "This needs an administrator of the warehouse.",
                "Set C360_WAREHOUSE_ADMIN_URL to a role that may create databases and roles.",
            )
        url = self.admin_url.set(database=database or self.url.database)
        return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    @contextlib.contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction. A server that cannot be reached is a WarehouseError naming host and port."""
        try:
            connection = self.engine.connect()
        except sa.exc.OperationalError as error:
            raise unreachable(self.url, error) from error
        try:
            with connection, connection.begin():
                yield connection
        except DRIVER_ERRORS as error:
            self._raise_if_locked(error)
            raise

    def answers(self) -> bool:
        """Whether the server can be reached now."""
        try:
            with self.begin():
                return True
        except WarehouseError:
            return False

    @contextlib.contextmanager
    def arrow(self) -> Iterator[adbc.Connection]:
        """An ADBC connection; commit it yourself."""
        try:
            connection = adbc.connect(self.libpq_url())
        except adbc.Error as error:
            raise unreachable(self.url, error) from error
        try:
            with connection:
                yield connection
        except DRIVER_ERRORS as error:
            self._raise_if_locked(error)
            raise

    def _raise_if_locked(self, error: Exception) -> None:
        """Raises WarehouseLocked, which names the sessions, where a statement waited in vain for a lock."""
        if locks.is_lock_timeout(error):
            with self.engine.connect() as connection:
                raise locks.locked(connection) from error

    def read(self, query: str) -> pa.Table:
        """The query's rows as Arrow. Text columns come as large or plain strings, numerics as text: cast."""
        with self.arrow() as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetch_arrow_table()

    def write(self, table: pa.Table, schema_name: str, name: str, mode: str = "create") -> None:
        """`table` as schema.name. mode: create, append or replace (ADBC's ingest modes)."""
        with self.arrow() as connection:
            with connection.cursor() as cursor:
                cursor.adbc_ingest(name, table, mode=mode, db_schema_name=schema_name)
            connection.commit()

    def libpq_url(self) -> str:
        """The URL as libpq (ADBC, dlt) writes it."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)


def open_warehouse(settings: Settings, start: bool = True) -> Warehouse:
    """The configured warehouse: C360_WAREHOUSE_URL, or the embedded server (started unless told not to)."""
    if settings.warehouse_url:
        url = make_url(checked_url("C360_WAREHOUSE_URL", settings.warehouse_url))
        admin = settings.warehouse_admin_url
        return Warehouse(url, make_url(checked_url("C360_WAREHOUSE_ADMIN_URL", admin)) if admin else None)
    if settings.profile == "production":
        from dagster_project.errors import ConfigError

        raise ConfigError(
            "C360_WAREHOUSE_URL is not set.",
            "In production the warehouse is a server of yours: postgresql+psycopg://c360_owner:…@host:5432/c360",
        )
    server = embedded_server(settings.home)
    if start:
        server.start()
    elif not server.is_running():
        raise WarehouseError("The embedded warehouse is not running.", "Run `c360 warehouse start`.")
    # The administrator's password is the server's; the owner gets the same one, for both live in one file.
    warehouse = Warehouse(server.url(schema.OWNER, database=DATABASE), server.url(database=DATABASE))
    if start:
        _ensure_database(warehouse, server.password())
    return warehouse


def open_current(settings: Settings) -> Warehouse:
    """The configured warehouse, its tables as this version needs them. Not for a reader's role: it may migrate."""
    warehouse = open_warehouse(settings)
    bring_up_to_date(warehouse, refresh_lock_key=schema.REFRESH_LOCK_KEY)
    return warehouse


def bring_up_to_date(warehouse: Warehouse, refresh_lock_key: int | None = None) -> None:
    """Tables and privileges as this version needs them; a few cheap reads where they are so.

    refresh_lock_key: that of a refresh, unless the caller holds it.
    """
    migrations.migrate(warehouse, refresh_lock_key=refresh_lock_key)
    with warehouse.begin() as connection:
        schema.grant_to_analyst(connection)


def embedded_server(home: Path) -> EmbeddedServer:
    return EmbeddedServer(home / "warehouse")


def set_up(settings: Settings) -> None:
    """Database, roles and schemas on the configured server, and Dagster's storage if it has a URL. Idempotent."""
    warehouse = open_warehouse(settings)
    _ensure_database(warehouse, str(warehouse.url.password or ""))
    if settings.dagster_storage_url:
        storage = make_url(settings.dagster_storage_url)
        with warehouse.admin_engine("postgres").connect() as admin:
            schema.create_login(admin, storage.username or "", str(storage.password or ""))
            schema.create_database(admin, storage.database or "", storage.username)


def _ensure_database(warehouse: Warehouse, password: str) -> None:
    database, owner = warehouse.url.database or DATABASE, warehouse.url.username or schema.OWNER
    with warehouse.admin_engine("postgres").connect() as admin:
        is_new = schema.create_database(admin, database)
        if is_new or not schema.owner_may_take_readers(admin, owner):
            schema.create_roles(admin, database, owner, password)
    bring_up_to_date(warehouse, schema.REFRESH_LOCK_KEY)
    with warehouse.begin() as connection:
        schema.prepare(connection, list(source_contracts()))


def unreachable(url: URL, error: Exception) -> WarehouseError:
    """The error for a server that does not answer; names host, port, database and user, never the password."""
    said = str(error.__cause__ or error).strip().splitlines()
    return WarehouseError(
        f"The warehouse at {place_of(url)} does not answer: {said[0] if said else type(error).__name__}.",
        "Is the server up and C360_WAREHOUSE_URL right? The embedded one: `c360 warehouse start`.",
    )
