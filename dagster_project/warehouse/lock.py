"""The refresh lock: one writer at a time, on any machine, released when its holder dies.

Belongs here: a session-level advisory lock in the warehouse. Does not belong here: who must hold it.
"""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from dagster_project.errors import RefreshBusy
from dagster_project.warehouse.connect import Warehouse, unreachable
from dagster_project.warehouse.schema import REFRESH_LOCK_KEY

DBT_APPLICATION = "seamless360 refresh: dbt"  # how a refresh's dbt names its sessions


@contextlib.contextmanager
def refresh_lock(warehouse: Warehouse, holder: str) -> Iterator[None]:
    """Holds the lock, or raises RefreshBusy naming who does. `holder` is what the other one is told."""
    engine = sa.create_engine(warehouse.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    try:
        connection = engine.connect()
    except sa.exc.OperationalError as error:
        raise unreachable(warehouse.url, error) from error
    with connection:
        connection.execute(sa.text("select set_config('application_name', :name, false)"), {"name": holder})
        if not connection.scalar(sa.text("select pg_try_advisory_lock(:key)"), {"key": REFRESH_LOCK_KEY}):
            other = connection.execute(
                sa.text(
                    "select a.application_name, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') "
                    "from pg_locks l join pg_stat_activity a using (pid) "
                    "where l.locktype = 'advisory' and l.objid = :key and l.granted"
                ),
                {"key": REFRESH_LOCK_KEY},
            ).first()
            raise RefreshBusy(
                f"Another refresh is at work: {other[0]}, since {other[1]}."
                if other
                else "Another refresh was at work a moment ago.",
                "Wait until it has finished, or stop it, and start again.",
            )
        _end_orphans(connection)
        yield


def _end_orphans(connection: sa.Connection) -> None:
    """A killed run's dbt lives on without its parent. Whoever holds the lock knows that it is nobody's."""
    connection.execute(
        sa.text(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = :dbt and datname = current_database() and usename = current_user"
        ),
        {"dbt": DBT_APPLICATION},
    )
