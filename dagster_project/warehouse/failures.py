"""What a warehouse's errors mean, whichever driver (psycopg, SQLAlchemy, ADBC, dbt) brings them.

Belongs here: the one translation of those errors into a WarehouseError of one line, without the values that
PostgreSQL quotes. Does not belong here: errors of sources (sources/failures.py), retrying, showing.
"""

import errno
import re

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import psycopg
import sqlalchemy as sa

from dagster_project.errors import WarehouseError, WarehouseLocked
from dagster_project.messages import words

# PostgreSQL's own words are all that every driver passes on; psycopg has the SQLSTATE, whatever the server's language.
FULL = re.compile(
    r"no space left on device|disk (is )?full|check free disk space|max_temp_directory_size|\b53100\b",
    re.IGNORECASE,
)
DISK_FULL = "53100"
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
# Packages that put a driver's words into errors of their own; dlt brings psycopg2.
WRAPPERS = {"dlt", "dbt", "psycopg2"}


def warehouse_error(error: BaseException) -> WarehouseError | None:
    """`error`, met while working on the warehouse, as one line; None where no database or disk is behind it."""
    if full := full_disk(error):
        return full
    links = chain(error)
    cause = next((link for link in links if isinstance(link, DRIVER_ERRORS)), None)
    if cause is None:
        # dlt and dbt have a driver of their own.
        return _locked() if any(LOCKED.search(str(link)) for link in links) else None
    original = getattr(cause, "orig", None) or cause
    if broken := broken_by_words(str(original)):
        return broken
    state = str(getattr(original, "sqlstate", None) or "")
    said = QUOTING_CLASSES.get(state[:2]) or _first_line(str(original), state) or type(original).__name__
    return WarehouseError(
        f"The warehouse refused a statement: {said} ({type(original).__name__}{f', {state}' if state else ''}).",
        "Nothing of the step was kept. The server's own log has the statement.",
    )


def full_disk(error: BaseException, *, is_local: bool = False) -> WarehouseError | None:
    """The error for a full disk where one is behind `error`: ours, or (unless is_local) the warehouse's."""
    for link in chain(error):
        if isinstance(link, OSError) and link.errno == errno.ENOSPC:
            return _full("below C360_HOME")
        if isinstance(link, duckdb.Error) and FULL.search(str(link)):
            return _full("below C360_HOME")
        if is_local:
            continue
        state = getattr(link, "sqlstate", None) or getattr(link, "pgcode", None)
        is_database = isinstance(link, DRIVER_ERRORS) or type(link).__module__.split(".")[0] in WRAPPERS
        if state == DISK_FULL or (is_database and FULL.search(str(link))):
            return _full("of the warehouse")
    return None


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


def chain(error: BaseException | None) -> list[BaseException]:
    """An error and what caused it, outermost first."""
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def _first_line(said: str, state: str) -> str:
    # ADBC: "INVALID_ARGUMENT: [libpq] Failed to …: ERROR:  what PostgreSQL says"
    return words(said.strip().split("\n")[0].rsplit("ERROR:", 1)[-1], state)
