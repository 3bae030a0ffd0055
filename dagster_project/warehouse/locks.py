"""Locks that wait for a short time only: DDL on what others read, and errors that name who holds it.

Belongs here: running such statements, and the error for a lock that was not granted. Does not belong here: the waiting
itself (functions of schema ops, migration 0001_locks), the refresh lock (lock.py).
"""

from collections.abc import Sequence

import psycopg
import sqlalchemy as sa

from dagster_project.errors import WarehouseLocked

LOCK_NOT_AVAILABLE = "55P03"
HOLDERS_SHOWN = 3
# How long DDL goes on trying where a session holds what it changes.
PATIENCE_S = 60.0
REMEDY = (
    "End that transaction, or the session (`select pg_terminate_backend(its number)`), and start again. "
    "Nothing of this step was kept."
)
# What is ours, raw tables and dbt's included.
_OURS = """
select array_agg(c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
"""


def execute(connection: sa.Connection, statements: str) -> None:
    """Runs SQL as it is: without parameters the driver leaves every % alone and takes several statements."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(statements)


def run_briefly(
    connection: sa.Connection,
    statements: Sequence[str],
    relations: Sequence[str],
    patience_s: float = PATIENCE_S,
) -> None:
    """Runs DDL on `relations` in the caller's transaction as soon as nobody uses them.

    No session queues behind an attempt for more than 0.8 s. Raises WarehouseLocked that names the sessions which hold
    them after `patience_s`; then nothing was done.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    try:
        driver.execute(
            "select ops.run_briefly(%s::text[], %s::text[], make_interval(secs => %s))",
            [list(statements), list(relations), patience_s],
        )
    except psycopg.errors.LockNotAvailable as error:
        raise WarehouseLocked(error.diag.message_primary or str(error), REMEDY) from None


def is_lock_timeout(error: BaseException) -> bool:
    """Whether any driver's error is about a lock that was not granted in time."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) == LOCK_NOT_AVAILABLE


def locked(connection: sa.Connection) -> WarehouseLocked:
    """The error for a lock that was not granted, with the sessions that hold tables of the warehouse now."""
    holders: list[str] = []
    if connection.scalar(sa.text("select to_regproc('ops.lock_holders')")) is not None:
        holders = list(connection.scalars(sa.text(f"select * from ops.lock_holders(({_OURS}))")))
    who = "; ".join(holders[:HOLDERS_SHOWN]) or "a session that has ended"
    return WarehouseLocked(f"A table of the warehouse stayed locked: by {who}.", REMEDY)
