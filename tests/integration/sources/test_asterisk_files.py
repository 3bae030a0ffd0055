"""Asterisk from its own log files: the rows that its database gives, whatever is appended and rotated meanwhile."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from dagster_project.config import EXPECTATIONS_DIR
from dagster_project.quality import Status, load_suites, run_gate
from dagster_project.sources import load_source
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.declaration import columns
from dagster_project.sources.extract import extract
from dagster_project.warehouse import Warehouse, schema
from demo_company.load import _fill
from demo_company.systems import asterisk
from demo_company.world import make_world

SUITES = load_suites(EXPECTATIONS_DIR)
# The queue's log has no number of a line, its seconds are since 1970; the flag is written as a word.
OTHERWISE = {"id", "time", "amaflags"}
CDR = columns(
    "accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end duration billsec "
    "disposition amaflags uniqueid userfield peeraccount linkedid sequence"
)
Read = Callable[[], dict[str, TableLoad]]


def master(cdr: pa.Table) -> list[str]:
    """Rows as cdr_csv.c writes them: texts and times in quotes, numbers bare, a time that never was empty."""

    def written(value: Any) -> str:
        if value is None or isinstance(value, int):
            return "" if value is None else str(value)
        return '"' + str(value).replace('"', '""') + '"'

    rows = cdr.set_column(
        cdr.column_names.index("amaflags"), "amaflags", pa.array(["DOCUMENTATION"] * len(cdr))
    )
    # A text is never null in Asterisk.
    return [
        ",".join(
            written("" if row[name] is None and name not in ("start", "answer", "end") else row[name])
            for name in CDR
        )
        + "\n"
        for row in rows.to_pylist()
    ]


def queue_log(events: pa.Table) -> list[str]:
    """Lines as logger.c writes them: seconds since 1970, and as many values as the event has."""
    lines = []
    for row in events.to_pylist():
        data = "|".join(str(row[f"data{n}"] or "") for n in range(1, 6)).rstrip("|")
        at = int(row["time"].timestamp()) - 3 * 3600  # Moscow's clock
        lines.append(f"{at}|{row['callid']}|{row['queuename']}|{row['agent']}|{row['event']}|{data}\n")
    return lines


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    built, _ = asterisk.build(make_world(100, 5, 1.0))
    return built


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "asterisk"
    (folder / "cdr-csv").mkdir(parents=True)
    return folder


def make_raw(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        for name in ("raw_asterisk", "raw_asterisk_staging", "ops", "quarantine"):
            connection.execute(sa.text(f"drop schema if exists {name} cascade"))
        schema.prepare(connection, ["asterisk"])


@pytest.fixture
def read(clean_warehouse: Warehouse, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.setenv("C360_SOURCE_ASTERISK_URL", logs.as_uri())

    def run() -> dict[str, TableLoad]:
        done = extract(load_source("asterisk"), logs.as_uri(), clean_warehouse, tmp_path)
        return {load.table: load for load in done.tables}

    return run


def ask(warehouse: Warehouse, query: str) -> list[tuple]:
    with warehouse.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def raw(warehouse: Warehouse, table: str) -> tuple[dict[str, str], list[str]]:
    """The columns that both ways have in common with their types, and their rows; blank is null."""
    types = dict(
        ask(
            warehouse,
            "select column_name, data_type from information_schema.columns "
            f"where table_schema = 'raw_asterisk' and table_name = '{table}' and column_name not like '\\_%'",
        )
    )
    types = {name: kind for name, kind in sorted(types.items()) if name not in OTHERWISE}
    listed = ", ".join(f"nullif(cast(\"{name}\" as text), '')" for name in types)
    if table == "queue_log":
        is_local = ask(warehouse, "select pg_typeof(time)::text from raw_asterisk.queue_log limit 1")
        listed += (
            ", time at time zone 'UTC'"
            if "with time zone" in is_local[0][0]
            else ", time - interval '3 hours'"
        )
    return types, sorted(map(str, ask(warehouse, f"select {listed} from raw_asterisk.{table}")))


def test_the_files_give_what_the_database_gives(
    tables: dict[str, pa.Table],
    clean_warehouse: Warehouse,
    new_database: Callable[[str], str],
    logs: Path,
    read: Read,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = new_database("")
    _fill(make_url(url), "asterisk", tables)
    with monkeypatch.context() as elsewhere:
        elsewhere.delenv("C360_SOURCE_ASTERISK_URL")
        source = load_source("asterisk")
    assert source.medium == "database"
    extract(source, url, clean_warehouse, tmp_path)
    expected = {name: raw(clean_warehouse, name) for name in tables}
    make_raw(clean_warehouse)

    calls, events = master(tables["cdr"]), queue_log(tables["queue_log"])
    half, rest = len(calls) // 2, len(calls) - len(calls) // 2
    current = logs / "cdr-csv" / "Master.csv"
    # The last line is still being written.
    current.write_text("".join(calls[:half]) + calls[half][:40])
    (logs / "queue_log").write_text("".join(events))
    first = read()
    assert (first["cdr"].rows_loaded, first["cdr"].rows_rejected, first["cdr"].refused) == (half, 0, [])

    # It goes on, is rotated and begins anew; only what is new is read.
    current.write_text("".join(calls[: half + 10]))
    assert read()["cdr"].rows_loaded == 10
    current.rename(logs / "cdr-csv" / "Master.csv.1")
    current.write_text("".join(calls[half + 10 :]))
    third = read()
    assert (third["cdr"].rows_loaded, third["cdr"].rows_at_source) == (rest - 10, len(calls))
    packed = logs / "cdr-csv" / "Master.csv.2.gz"
    packed.write_bytes(gzip.compress((logs / "cdr-csv" / "Master.csv.1").read_bytes()))
    (logs / "cdr-csv" / "Master.csv.1").unlink()
    fourth = read()
    assert [load.rows_loaded for load in fourth.values()] == [0, 0]
    assert [load.refused for load in fourth.values()] == [[], []]

    assert {name: raw(clean_warehouse, name) for name in tables} == expected
    assert len(expected["cdr"][1]) == len(calls) > 200
    for name in tables:
        outcome = run_gate(clean_warehouse, SUITES["raw", "asterisk", name], run_id="r")
        assert (outcome.status, outcome.rows_quarantined) == (Status.PASSED, 0), outcome.messages


def test_what_was_rejected_goes_with_its_file_and_lines_keep_their_numbers(
    tables: dict[str, pa.Table], clean_warehouse: Warehouse, logs: Path, read: Read
) -> None:
    calls = master(tables["cdr"])
    current = logs / "cdr-csv" / "Master.csv"
    old = ",".join(calls[1].split(",")[:16]) + "\n"  # before cdr.conf was set
    current.write_text("".join([calls[0], old]))
    first = read()["cdr"]
    assert (first.rows_loaded, first.rows_rejected) == (1, 1)
    query = "select file, line, reasons from quarantine.asterisk__cdr__rejects order by 1, 2"
    few = ["fewer values than there are columns"]
    assert ask(clean_warehouse, query) == [("cdr-csv/Master.csv", 2, few)]

    current.rename(logs / "cdr-csv" / "Master.csv.1")
    with (logs / "cdr-csv" / "Master.csv.1").open("a") as file:
        file.write(calls[2] + calls[3] + old)
    current.write_text(calls[4] + old)
    done = read()["cdr"]
    assert (done.rows_loaded, done.rows_rejected) == (3, 2)
    assert ask(clean_warehouse, query) == [
        ("cdr-csv/Master.csv", 2, few),
        ("cdr-csv/Master.csv.1", 2, few),
        ("cdr-csv/Master.csv.1", 5, few),
    ]


def test_a_log_without_what_is_needed_is_refused(tables: dict[str, pa.Table], logs: Path, read: Read) -> None:
    lines = [",".join(line.split(",")[:16]) + "\n" for line in master(tables["cdr"])[:5]]
    (logs / "cdr-csv" / "Master.csv").write_text("".join(lines))
    (logs / "queue_log").write_text("1790000000|1.1|sales")
    done = read()
    assert done["cdr"].refused == [
        "cdr-csv/Master.csv: none of its rows has the 21 columns that are declared"
    ]
    assert done["queue_log"].refused == ["queue_log: no line of it is ended yet"]
