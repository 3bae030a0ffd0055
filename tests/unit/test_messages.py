"""Other programs' words: what tells what to fix stays, no value of a row does."""

import duckdb
import psycopg
import pyarrow as pa
import pymysql
import pytest
import requests
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from dagster_project.assets.dbt_runner import _without_values
from dagster_project.errors import SourceError, WarehouseError
from dagster_project.messages import words
from dagster_project.sources.failures import refused_rows, translate, unforeseen

MARK = "Маркер-79161234567"
URL = make_url("postgresql+psycopg://reader@host/db")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"Failed to parse string: '{MARK}' as a scalar of type int64", "Failed to parse string: … as a scalar of type int64"),
        ("Failed to parse string: 'y'", "Failed to parse string: …"),
        (f'invalid input syntax for type integer: "{MARK}"\nLINE 1: …', "invalid input syntax for type integer: …"),
        (f'invalid input syntax for type integer: "O"{MARK}"', "invalid input syntax for type integer: …"),
        (f"duplicate key value\nDETAIL:  Key (email)=({MARK}) already exists.", "duplicate key value"),
        ("Value 79161234567 is out of range for int8", "Value … is out of range for int8"),
        ("Expecting ',' delimiter: line 3 column 17 (char 40)", "Expecting … delimiter: line 3 column 17 (char 40)"),
        ("no number: anna@example.ru", "no number: …"),
        ("could not read 1980-02-03T10:00:00+03:00 as int32", "could not read … as int32"),
        ("Can't parse 'x' of 'y' in UTF8", "Can't parse … in UTF8"),
        ('value "99999999999" is out of range for type integer', "value … is out of range for type integer"),
        ('date/time field value out of range: "31.31.2026"', "date/time field value out of range: …"),
        ('invalid byte sequence for encoding "UTF8": 0xd1 0x2e', "invalid byte sequence for encoding …: …"),
        (f'no such word: "{MARK} does not exist"', "no such word: …"),
        ('column "born" does not exist', 'column "born" does not exist'),
        ('permission denied for table "cdr"', 'permission denied for table "cdr"'),
    ],
)  # fmt: skip
def test_what_is_quoted_goes_and_what_helps_stays(said: str, shown: str) -> None:
    assert words(said) == shown


@pytest.mark.parametrize(
    ("state", "is_kept"),
    [("22P02", False), ("42703", True), ("23505", True), ("1292", False), ("1054", True), ("2003", True)],
)
def test_a_state_goes_before_the_words(state: str, is_kept: bool) -> None:
    assert words("something 'x'", state) == ("something 'x'" if is_kept else "something …")


def raised(act: object) -> Exception:
    with pytest.raises(Exception) as caught:
        act()  # type: ignore[operator]
    assert MARK in str(caught.value)
    return caught.value  # type: ignore[return-value]


def in_sqlalchemy(error: Exception, of: type) -> sa.exc.DBAPIError:
    return sa.exc.DBAPIError.instance("select 1", None, error, of)  # type: ignore[return-value,arg-type]


ERRORS = {
    "Arrow": lambda: raised(lambda: pa.scalar(MARK).cast(pa.int64())),
    "DuckDB": lambda: raised(lambda: duckdb.sql(f"select cast('{MARK}' as integer)").fetchall()),
    "Python": lambda: raised(lambda: int(MARK)),
    "unquoted": lambda: ValueError(MARK),
    "requests": lambda: raised(lambda: requests.get(f"nowhere:{MARK}", timeout=1)),
    "psycopg": lambda: psycopg.errors.InvalidTextRepresentation(
        f'invalid input syntax: "{MARK}"\nDETAIL: {MARK}'
    ),
    "MySQL": lambda: in_sqlalchemy(
        pymysql.err.OperationalError(1292, f"Truncated incorrect DOUBLE value: '{MARK}'"), pymysql.MySQLError
    ),
}


@pytest.mark.parametrize("library", ERRORS)
def test_no_value_is_in_the_error_of_a_source(library: str) -> None:
    error = ERRORS[library]()
    for made in (
        translate(error, "crm", URL, "reading cdr"),
        unforeseen(error, "crm"),
        refused_rows(error, "crm", URL),
    ):
        assert MARK not in str(made) and "None" not in str(made) and "mistake" not in str(made), made
        assert "crm" in made.problem
        assert "\n" not in made.problem


class JobFailed(Exception):
    job_id = "contacts.0a1b.0.parquet"


def test_a_load_that_fails_is_the_rows_fault_unless_the_warehouse_says_otherwise() -> None:
    rows = refused_rows(JobFailed(f'COPY: ERROR:  invalid byte sequence: "{MARK}"'), "crm", URL)
    assert isinstance(rows, SourceError)
    assert rows.problem == "crm.contacts: the warehouse does not take its rows: invalid byte sequence: …."
    denied = refused_rows(JobFailed('ERROR: permission denied for schema "raw_crm"'), "crm", URL)
    assert isinstance(denied, WarehouseError) and "host/db (user reader)" in denied.problem
    assert isinstance(
        refused_rows(JobFailed("could not extend file: No space left on device"), "crm", URL), WarehouseError
    )


def test_what_nobody_thought_of_is_the_source_s_and_names_a_place() -> None:
    assert isinstance(unforeseen(KeyError(MARK), "crm"), SourceError)
    gone = psycopg.OperationalError("server closed the connection unexpectedly")
    assert isinstance(unforeseen(gone, "crm"), WarehouseError)


def test_dbts_words_name_model_and_column_and_no_value() -> None:
    said = (
        "Database Error in model stg_crm__orders (models/staging/crm/stg_crm__orders.sql)\n"
        f'  invalid input syntax for type numeric: "{MARK}"\n  LINE 3: {MARK}\n  compiled code at x.sql'
    )
    assert _without_values(said) == (
        "Database Error in model stg_crm__orders (models/staging/crm/stg_crm__orders.sql) "
        "invalid input syntax for type numeric: …"
    )
    in_lines = said.replace(MARK, f"one\n  {MARK}\n  three", 1)
    assert MARK not in _without_values(in_lines) and "…" in _without_values(in_lines)
    missing = 'Database Error in model a (a.sql)\n  column "born" does not exist\n  LINE 1: select born\n          ^'
    assert _without_values(missing) == 'Database Error in model a (a.sql) column "born" does not exist'
