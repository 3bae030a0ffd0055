"""What a warehouse's errors mean, whichever driver (psycopg, SQLAlchemy, ADBC, dbt) brings them.

Belongs here: the one translation of those errors into a WarehouseError of one line, without the values that
PostgreSQL quotes. Does not belong here: errors of sources (sources/failures.py), retrying, showing.
"""

import errno
import re

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import sqlalchemy as sa

from dagster_project.errors import WarehouseError, WarehouseLocked

# PostgreSQL's own words are all that every driver hands on.
FULL = re.compile(r"no space left on device|disk (is )?full|\b53100\b", re.IGNORECASE)
GONE = re.compile(
    r"server closed the connection|terminating connection|connection refused|the connection is (closed|lost)"
    r"|server is (shutting down|starting up)|database system is|no connection to the server|connection not open"
    r"|consuming input failed|could not receive data|connection to server at .* failed|connection timeout",
    re.IGNORECASE,
)
LOCKED = re.compile(r"lock timeout|could not obtain lock", re.IGNORECASE)
# Errors of these classes quote the value that broke a rule: the class says enough.
QUOTING_CLASSES = {"22": "a value does not fit its column", "23": "rows break a constraint"}
DRIVER_ERRORS = (sa.exc.DBAPIError, psycopg.Error, adbc.Error)


def warehouse_error(error: BaseException) -> WarehouseError | None:
    """`error`, met while working on the warehouse, as one line; None where no database or disk is behind it."""
    links = _chain(error)
    if any(isinstance(link, OSError) and link.errno == errno.ENOSPC for link in links):
        return _full("below C360_HOME")
    cause = next((link for link in links if isinstance(link, DRIVER_ERRORS)), None)
    if cause is None:
        # dlt and dbt have a driver of their own.
        return _locked() if any(LOCKED.search(str(link)) for link in links) else None
    original = getattr(cause, "orig", None) or cause
    if broken := broken_by_words(str(original)):
        return broken
    state = str(getattr(original, "sqlstate", None) or "")
    said = QUOTING_CLASSES.get(state[:2]) or _first_line(str(original)) or type(original).__name__
    return WarehouseError(
        f"The warehouse refused a statement: {said} ({type(original).__name__}{f', {state}' if state else ''}).",
        "Nothing of the step was kept. The server's own log has the statement.",
    )


def broken_by_words(said: str) -> WarehouseError | None:
    """The error for a full disk or a server that is gone, where `said` speaks of one; None elsewhere."""
    if FULL.search(said):
        return _full("of the warehouse")
    if GONE.search(said):
        return WarehouseError(
            "The warehouse went away and does not answer.",
            "Start it (the embedded one: `c360 warehouse start`; its postgres.log says why it ended).",
        )
    if LOCKED.search(said):
        return _locked()
    return None


def _locked() -> WarehouseLocked:
    return WarehouseLocked(
        "A table of the warehouse stayed locked for longer than lock_timeout.",
        'See who has a transaction open: `c360 sql "select pid, usename, application_name, state, xact_start from '
        'pg_stat_activity order by xact_start"`. End it, and start again; nothing of this step was kept.',
    )


def _full(where: str) -> WarehouseError:
    return WarehouseError(
        f"No space left on the disk {where}.",
        "Make room there. Nothing half written was kept.",
    )


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def _first_line(said: str) -> str:
    lines = said.strip().splitlines()
    # ADBC: "INVALID_ARGUMENT: [libpq] Failed to …: ERROR:  what PostgreSQL says"
    return lines[0].rsplit("ERROR:", 1)[-1].strip().rstrip(".") if lines else ""
