"""Migrations: how the tables of schemas ops, identity and quarantine come to be as this version needs them.

Belongs here: reading warehouse/migrations/NNNN_<what>.sql, and running each file once. Does not belong here: what
the tables mean, tables that dbt or dlt make, and quarantine's tables, one for each table that had a bad row
(quality/quarantine.py, sources/rejects.py).

A file that was released is never changed: what comes later is another file. Numbers may have gaps.
"""

import hashlib
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from dagster_project.errors import RefreshBusy, WarehouseError, WarehouseLocked
from dagster_project.warehouse.locks import execute

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

FOLDER = Path(__file__).parent / "migrations"
# One session at a time migrates.
LOCK_KEY = 360_003
# Readers queue behind a migration that waits for its lock: each attempt is short.
LOCK_TIMEOUT_MS = 800
ATTEMPTS = 5
PAUSE_S = 1.0

_TABLE = """
create schema if not exists ops;
create table if not exists ops.schema_migrations (
    number integer primary key, name text not null, checksum text not null,
    applied_at timestamptz not null default now());
"""


class Opens(Protocol):
    """What opens a transaction as the warehouse's owner: connect.Warehouse."""

    def begin(self) -> "AbstractContextManager[sa.Connection]": ...


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def label(self) -> str:
        return f"{self.number:04}_{self.name}"


@lru_cache
def load(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Every migration of this version, in the order of its number."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        named = re.fullmatch(r"(\d{4})_(\w+)\.sql", path.name)
        if named is None:
            raise WarehouseError(f"{path} is not named NNNN_<what>.sql.", "Rename the file.")
        found.append(Migration(int(named[1]), named[2], path.read_text(encoding="utf-8")))
    numbers = [migration.number for migration in found]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise WarehouseError(f"Two migrations have the number {twice[0]:04}.", "Give one another number.")
    return tuple(found)


def pending(connection: sa.Connection, known: tuple[Migration, ...] | None = None) -> list[Migration]:
    """Migrations that this warehouse does not have yet.

    Raises WarehouseError where it has one that this version does not know, or another text under its number.
    """
    known = load() if known is None else known
    if connection.scalar(sa.text("select to_regclass('ops.schema_migrations')")) is None:
        return list(known)
    rows = connection.execute(
        sa.text("select number, name, checksum from ops.schema_migrations order by number")
    )
    applied = {row.number: row for row in rows}
    by_number = {migration.number: migration for migration in known}
    for number, row in applied.items():
        label = f"{number:04}_{row.name}"
        if number not in by_number:
            raise WarehouseError(
                f"The warehouse has migration {label}, which this version does not have: a newer version set it up.",
                "Install that version, or restore a backup of the warehouse from before.",
            )
        if by_number[number].checksum != row.checksum:
            raise WarehouseError(
                f"Migration {label} is not the file that was applied to this warehouse.",
                "Restore the file as it was released; a further change is a migration with a number of its own.",
            )
    return [migration for migration in known if migration.number not in applied]


def apply(
    connection: sa.Connection,
    known: tuple[Migration, ...] | None = None,
    up_to: Migration | None = None,
) -> list[Migration]:
    """Runs what is pending (up to one of them, if given) within the caller's transaction; returns what it ran."""

    def missing() -> list[Migration]:
        return [one for one in pending(connection, known) if up_to is None or one.number <= up_to.number]

    if not missing():
        return []
    connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    execute(connection, _TABLE)
    todo = missing()  # another session may have been first
    for migration in todo:
        execute(connection, migration.sql)
        connection.execute(
            sa.text(
                "insert into ops.schema_migrations (number, name, checksum) values (:number, :name, :checksum)"
            ),
            {"number": migration.number, "name": migration.name, "checksum": migration.checksum},
        )
    return todo


def migrate(
    warehouse: Opens,
    known: tuple[Migration, ...] | None = None,
    *,
    refresh_lock_key: int | None = None,
    attempts: int = ATTEMPTS,
) -> list[Migration]:
    """Brings the warehouse to this version, a transaction for each migration; returns what was applied.

    refresh_lock_key: the advisory lock of a refresh, unless the caller holds it: nothing is migrated under a refresh.
    Raises WarehouseLocked naming the sessions that hold a table which a migration changes, RefreshBusy.
    """
    with warehouse.begin() as connection:
        missing = pending(connection, known)
    done: list[Migration] = []
    for migration in missing:
        for attempt in range(1, attempts + 1):
            try:
                with warehouse.begin() as connection:
                    _begin(connection, refresh_lock_key)
                    done += apply(connection, known, migration)
                break
            except WarehouseLocked as error:
                if attempt == attempts:
                    raise WarehouseLocked(
                        f"Migration {migration.label}: {error.problem}", error.remedy
                    ) from None
            time.sleep(PAUSE_S)
    return done


def _begin(connection: sa.Connection, refresh_lock_key: int | None) -> None:
    connection.execute(sa.text(f"set local lock_timeout = '{LOCK_TIMEOUT_MS}ms'"))
    if refresh_lock_key is not None and not connection.scalar(
        sa.text("select pg_try_advisory_xact_lock(:key)"), {"key": refresh_lock_key}
    ):
        raise RefreshBusy(
            "This version has to change the warehouse's tables, and a refresh is at work.",
            "Wait until the refresh has finished, and start again.",
        )
