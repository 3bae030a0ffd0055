"""What a broken warehouse says, and how a step ends: one line, no value of a row."""

import errno
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import dagster as dg
import psycopg
import pytest
import sqlalchemy as sa
from adbc_driver_manager import AdbcStatusCode

from dagster_project.assets.failures import failing_clearly, try_again
from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.warehouse.failures import warehouse_error

SECRET = "+79161234567"


def in_sqlalchemy(error: psycopg.Error) -> sa.exc.DBAPIError:
    return sa.exc.DBAPIError.instance("select 1", None, error, psycopg.Error)  # type: ignore[return-value]


def adbc_error(said: str) -> adbc.Error:
    return adbc.OperationalError(said, status_code=AdbcStatusCode.IO)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            psycopg.errors.DiskFull("could not extend file: No space left on device"),
            "No space left on the disk",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on the disk below C360_HOME"),
        (in_sqlalchemy(psycopg.errors.AdminShutdown("terminating connection due to …")), "went away"),
        (psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"), "stayed locked"),
        (RuntimeError("dlt: canceling statement due to lock timeout"), "stayed locked"),
        (psycopg.OperationalError("server closed the connection unexpectedly"), "went away"),
        (adbc_error("IO: [libpq] Failed to connect: Connection refused"), "went away"),
        (
            psycopg.errors.InvalidTextRepresentation(f'invalid input syntax for type date: "{SECRET}"'),
            "a value does not fit its column (InvalidTextRepresentation, 22P02)",
        ),
        (psycopg.errors.UniqueViolation(f"duplicate key\nDETAIL: ({SECRET})"), "rows break a constraint"),
        (psycopg.errors.UndefinedTable('relation "marts.x" does not exist\nLINE 1: …'), 'relation "marts.x"'),
    ],
)
def test_every_drivers_error_is_one_line_without_values(error: Exception, words: str) -> None:
    known = warehouse_error(error)
    assert known is not None
    assert words in known.problem
    assert "\n" not in known.problem and SECRET not in str(known)
    assert known.remedy


def test_what_is_no_fault_of_the_warehouse_is_not_called_one() -> None:
    assert warehouse_error(KeyError("a")) is None
    assert warehouse_error(OSError(errno.ENOENT, "no such file")) is None


def ended(error: Exception) -> dg.Failure:
    with pytest.raises(dg.Failure) as caught, failing_clearly():
        raise error
    return caught.value


def test_a_step_ends_in_words_and_a_silent_source_is_tried_again() -> None:
    assert ended(SourceError("No column x.", "Name it.")).description == "No column x.\nName it."
    silent = SourceUnavailable("It does not answer.", "Is it up?")
    waits = []
    for retries in range(3):
        with pytest.raises(dg.RetryRequested) as again, failing_clearly():
            raise try_again(silent, retries) or silent
        assert str(again.value.__cause__.description) == "It does not answer.\nIs it up?"  # type: ignore[union-attr]
        waits.append(again.value.seconds_to_wait)
    assert 0 < waits[0] < 4 and 4 < waits[2] < 20
    assert try_again(silent, 3) is None
    gone = ended(dg.Failure("dbt model a: connection refused\ndbt model b: connection refused"))
    assert gone.description is not None and gone.description.startswith("The warehouse went away")
    assert ended(dg.Failure("dbt model a: 3 rows break it")).description == "dbt model a: 3 rows break it"


def test_a_mistake_is_named_by_type_alone_for_its_words_may_be_a_customers() -> None:
    failure = ended(ValueError(SECRET))
    assert failure.description is not None and failure.description.startswith("ValueError")
    assert SECRET not in f"{failure.description} {failure.metadata}"
    assert failure.__cause__ is None and failure.__suppress_context__


def test_a_file_that_the_machine_refuses_is_named_and_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(dg.Failure) as refused, failing_clearly():
        (tmp_path / "file" / "log").open("w")
    description = refused.value.description or ""
    assert description.startswith(f"{tmp_path}/file/log: Not a directory.") and "C360_HOME" in description
