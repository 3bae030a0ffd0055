"""Dates are read per source and column; the values tell the order of day and month."""

import duckdb
import pytest

from dagster_project.identity.files.dates import DateReport, read_dates


def read(**sources: list[str | None]) -> tuple[dict[str, list[str | None]], dict[str, DateReport]]:
    con = duckdb.connect()
    con.execute("create table fields (rid integer, source_system varchar, birth_date varchar)")
    rows = [(source, value) for source, values in sources.items() for value in values]
    con.executemany("insert into fields values (?, ?, ?)", [(i, *row) for i, row in enumerate(rows)])
    reports = {report.source: report for report in read_dates(con, "birth_date")}
    found: dict[str, list[str | None]] = {}
    for source, value in con.execute("select source_system, birth_date from fields order by rid").fetchall():
        found.setdefault(source, []).append(value)
    return found, reports


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("1980-02-13", "1980-02-13"),
        ("1980-2-3", "1980-02-03"),
        ("1980/02/13", "1980-02-13"),
        ("19800213", "1980-02-13"),
        ("13021980", "1980-02-13"),
        ("13.02.1980", "1980-02-13"),
        ("13.02.1980 г.", "1980-02-13"),
        ("02/13/1980", "1980-02-13"),
        ("13/02/80", "1980-02-13"),
        ("13/02/05", "2005-02-13"),
        ("1980-02-13T00:00:00", "1980-02-13"),
        ("1980-02-13 10:11:12", "1980-02-13"),
        ("13 Feb 1980", "1980-02-13"),
        ("13-Feb-1980", "1980-02-13"),
        ("February 13, 1980", "1980-02-13"),
        ("13 февраля 1980", "1980-02-13"),
        ("13. Mai 1980", "1980-05-13"),
        ("1980", "1980"),
        ("1980-02", "1980"),
        ("1886-04-03", "1886-04-03"),
        ("1980-02-31", None),
        ("31.31.1980", None),
        ("yesterday", None),
        ("9999-12-31", None),
        ("0000-00-00", None),
    ],
)
def test_a_date_of_each_form(written: str, iso: str | None) -> None:
    found, reports = read(s=[written])
    assert found["s"] == [iso]
    assert reports["s"].unreadable == (iso is None)


def test_each_source_has_its_own_order() -> None:
    found, reports = read(us=["02/03/1980", "02/13/1980"], uk=["02/03/1980", "13/02/1980"])
    assert found == {"us": ["1980-02-03", "1980-02-13"], "uk": ["1980-03-02", "1980-02-13"]}
    assert reports["us"].order == "month first" and reports["uk"].order == "day first"
    assert not reports["us"].is_guess


def test_several_forms_in_one_column() -> None:
    found, reports = read(s=["1980-02-13", "13.02.1980", "19800213", "what", None])
    assert found["s"] == ["1980-02-13"] * 3 + [None] * 2
    assert reports["s"].forms == {"A/B/Y": 1, "Y-M-D": 1, "YMD": 1}
    assert reports["s"].unreadable == 1


def test_a_value_that_its_order_cannot_mean_is_read_in_the_other() -> None:
    found, _ = read(s=["02/13/1980", "03/14/1980", "25/12/1981"])
    assert found["s"] == ["1980-02-13", "1980-03-14", "1981-12-25"]


def test_an_order_that_nothing_tells_is_called_a_guess() -> None:
    _, reports = read(dots=["02.03.1980"], slashes=["02/03/1980"])
    assert reports["dots"].order == "day first" and reports["dots"].is_guess
    assert reports["slashes"].order == "month first" and reports["slashes"].is_guess
