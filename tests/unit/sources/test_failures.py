"""A full disk is named whichever library meets it, and whose disk it is."""

import errno
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pytest
import sqlalchemy as sa
from dlt.destinations.exceptions import DatabaseTransientException

from dagster_project.sources.engine import mark_as_the_sources
from dagster_project.sources.failures import met_at_source, no_space, unforeseen

EXTENDED = 'could not extend file "base/16384/24601": No space left on device\nHINT:  Check free disk space.'


def in_sqlalchemy(error: psycopg.Error) -> sa.exc.DBAPIError:
    return sa.exc.DBAPIError.instance("select 1", None, error, psycopg.Error)  # type: ignore[return-value]


def caused_by(error: Exception) -> Exception:
    outer = RuntimeError("step load failed")
    outer.__cause__ = error
    return outer


def spilled(folder: Path) -> Exception:
    """DuckDB's own error where its temporary files have no room."""
    with duckdb.connect() as con, pytest.raises(duckdb.Error) as caught:
        con.execute(
            f"set temp_directory = '{folder}'; set max_temp_directory_size = '1MB'; set memory_limit = '30MB'"
        )
        con.execute(
            "create temp table t as select md5(range::varchar) as value from range(2000000)"
        ).fetchall()
    return caught.value


@pytest.mark.parametrize(
    ("made", "disk"),
    [
        (lambda _: in_sqlalchemy(psycopg.errors.DiskFull(EXTENDED)), "of the warehouse"),
        (lambda _: psycopg.errors.DiskFull("не удалось расширить файл"), "of the warehouse"),
        (lambda _: caused_by(DatabaseTransientException(RuntimeError(EXTENDED))), "of the warehouse"),
        (
            lambda _: psycopg.OperationalError(
                "wrote only 4096 of 8192 bytes\nHINT:  Check free disk space."
            ),
            "of the warehouse",
        ),
        (lambda _: caused_by(OSError(errno.ENOSPC, "No space left on device")), "below C360_HOME"),
        (spilled, "below C360_HOME"),
    ],
    ids=["SQLAlchemy", "of another language", "dlt", "half written", "Python", "DuckDB"],
)
def test_a_full_disk_is_named_in_every_form(
    made: Callable[[Path], Exception], disk: str, tmp_path: Path
) -> None:
    full = no_space(made(tmp_path), "crm")
    assert full is not None
    assert full.problem == f"crm: No space left on the disk {disk}."
    assert full.remedy.startswith("Make room there.")


def test_the_full_disk_of_a_source_is_not_ours() -> None:
    error = in_sqlalchemy(psycopg.errors.DiskFull(EXTENDED))
    assert no_space(error, "crm", is_reading=True) is None
    assert no_space(ValueError("no space left on device"), "crm") is None, "these may be a customer's words"


def test_a_source_that_a_driver_failed_at_is_told_from_the_warehouse() -> None:
    theirs, ours = psycopg.OperationalError("gone"), psycopg.OperationalError("gone")
    mark_as_the_sources(theirs)
    assert met_at_source(caused_by(in_sqlalchemy(theirs)))
    assert not met_at_source(caused_by(in_sqlalchemy(ours)))
    locked = in_sqlalchemy(psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"))
    assert "A table of the warehouse stayed locked" in unforeseen(locked, "crm").problem
