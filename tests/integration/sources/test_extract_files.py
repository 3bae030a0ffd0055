"""Extraction of files into a real warehouse: increments, deletes, what is rejected or refused, a bucket."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from dagster_project.assets.failures import failing_clearly
from dagster_project.errors import SourceError, WarehouseError
from dagster_project.interrupts import interruptible
from dagster_project.sources import Source, Table, leftovers
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.declaration import Files
from dagster_project.sources.extract import extract
from dagster_project.warehouse import Warehouse, schema
from tests.conftest import left_behind

DROP = Source(
    "testdrop",
    "other",
    "A folder for tests",
    (
        Table("spend", ("day", "campaign"), ("cost",), files=Files("spend/*.csv", "csv"), deletes="kept"),
        Table("prices", ("sku",), ("price",), files=Files("prices/*.jsonl", "jsonl"), deletes="compared"),
    ),
)


@dataclass
class Drop:
    warehouse: Warehouse
    folder: Path
    work: Path
    at: int = 1_700_000_000

    def put(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        self.at += 60
        os.utime(path, (self.at, self.at))

    def load(self, **more: object) -> dict[str, TableLoad]:
        done = extract(DROP, self.folder.as_uri(), self.warehouse, self.work, **more)  # type: ignore[arg-type]
        return {load.table: load for load in done.tables}

    def ask(self, query: str) -> list[tuple]:
        with self.warehouse.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def prices(self) -> list[tuple]:
        return self.ask("select sku, price, _deleted_at is null from raw_testdrop.prices order by sku")


@pytest.fixture
def drop(clean_warehouse: Warehouse, tmp_path: Path) -> Iterator[Drop]:
    raw = schema.raw_schema(DROP.name)
    with clean_warehouse.begin() as connection:
        for name in (raw, f"{raw}_staging"):
            connection.execute(sa.text(f"drop schema if exists {name} cascade"))
        connection.execute(sa.text(f"create schema {raw}"))
    made = Drop(clean_warehouse, tmp_path / "drop", tmp_path / "work")
    made.put("spend/0901.csv", "day,campaign,cost\n2026-09-01,a,10\n2026-09-01,b,20\n")
    made.put("prices/all.jsonl", '{"sku": "x", "price": 1}\n{"sku": "y", "price": 2}\n')
    yield made
    assert left_behind(made.work) == []


def test_a_column_that_an_earlier_rule_named_is_renamed_with_its_values(drop: Drop) -> None:
    drop.put("spend/0901.csv", "day,campaign,cost,ИННКлиента,namex\n2026-09-01,a,10,7700000000,x\n")
    drop.load()
    with drop.warehouse.begin() as connection:
        connection.exec_driver_sql("alter table raw_testdrop.spend rename inn_klienta to innklienta")
    drop.put("spend/0902.csv", "day,campaign,cost,ИННКлиента,namex\n2026-09-02,a,10,7800000000,y\n")
    assert drop.load()["spend"].new_columns == []
    assert drop.ask("select inn_klienta, namex from raw_testdrop.spend order by 1") == [
        ("7700000000", "x"), ("7800000000", "y"),
    ]  # fmt: skip


def test_only_new_and_changed_files_are_read(drop: Drop) -> None:
    first = drop.load()
    assert (first["spend"].rows_at_source, first["spend"].rows_loaded) == (2, 2)
    assert drop.ask("select campaign, cost, _file, _deleted_at from raw_testdrop.spend order by 1") == [
        ("a", "10", "spend/0901.csv", None), ("b", "20", "spend/0901.csv", None),
    ]  # fmt: skip

    assert {load.rows_loaded for load in drop.load().values()} == {0}

    drop.put("spend/0902.csv", "day,campaign,cost,note\n2026-09-02,a,30,new\n2026-09-01,b,25,late\n")
    second = drop.load()
    assert (second["spend"].rows_at_source, second["spend"].rows_loaded) == (3, 2)
    assert second["spend"].new_columns == ["note"]
    assert second["prices"].rows_loaded == 0
    assert drop.ask("select day, campaign, cost, note from raw_testdrop.spend order by 1, 2") == [
        ("2026-09-01", "a", "10", None), ("2026-09-01", "b", "25", "late"), ("2026-09-02", "a", "30", "new"),
    ]  # fmt: skip

    (drop.folder / "spend/0901.csv").unlink()  # rotated: kept
    assert drop.load()["spend"].rows_at_source == 3
    assert drop.ask("select count(*) from raw_testdrop.spend where _deleted_at is null") == [(3,)]


def test_a_compared_folder_is_the_table(drop: Drop) -> None:
    drop.load()
    drop.put("prices/all.jsonl", '{"sku": "y", "price": 3}\n')
    assert (drop.load()["prices"].tombstones, drop.prices()) == (1, [("x", "1", False), ("y", "3", True)])

    drop.put("prices/more.jsonl", '{"sku": "x", "price": 5}\n')
    assert (drop.load()["prices"].rows_at_source, drop.prices()) == (2, [("x", "5", True), ("y", "3", True)])

    (drop.folder / "prices/more.jsonl").unlink()
    assert (drop.load()["prices"].tombstones, drop.prices()) == (1, [("x", "5", False), ("y", "3", True)])

    (drop.folder / "prices/all.jsonl").unlink()
    with pytest.raises(SourceError, match=r"testdrop\.prices returns no rows where there were 1"):
        drop.load()
    drop.load(may_be_emptied=frozenset({"testdrop.prices"}))
    assert drop.prices() == [("x", "5", False), ("y", "3", False)]


def test_what_cannot_be_read_never_deletes(drop: Drop) -> None:
    drop.load()
    drop.put("prices/all.jsonl", '{"sku": "y", "price": 3}\nbroken\n')
    load = drop.load()["prices"]
    assert (load.rows_rejected, load.tombstones) == (1, 0)
    assert drop.prices() == [("x", "1", True), ("y", "3", True)]


def test_a_file_without_a_header_is_refused_without_its_values(drop: Drop) -> None:
    drop.put("spend/0904.csv", "Anna,anna,5\n2026-09-04,b,5\n")
    assert drop.load()["spend"].refused == ["spend/0904.csv: it has no column day, campaign, cost"]


def test_rejected_rows_wait_in_quarantine_and_leave_it_once_mended(drop: Drop) -> None:
    drop.put("spend/0902.csv", "day,campaign,cost\n2026-09-02,a\n2026-09-02,b,5\n")
    drop.put("spend/0903.csv", "day;campaign;cost\n2026-09-03;a;1\n")
    load = drop.load()["spend"]
    assert (load.rows_loaded, load.rows_rejected) == (3, 1)
    assert load.refused == ["spend/0903.csv: it has no column day, campaign, cost"]
    query = (
        "select file, line, content, reasons, load_id is not null from quarantine.testdrop__spend__rejects"
    )
    assert drop.ask(query) == [
        ("spend/0902.csv", 2, "2026-09-02,a", ["fewer values than there are columns"], True)
    ]
    # A refused file is told, and tried, each time; what is rejected stays.
    load = drop.load()["spend"]
    assert (load.refused, load.rows_rejected) == (["spend/0903.csv: it has no column day, campaign, cost"], 0)
    assert len(drop.ask(query)) == 1

    drop.put("spend/0902.csv", "day,campaign,cost\n2026-09-02,a,4\n2026-09-02,b,5\n")
    drop.put("spend/0903.csv", "day,campaign,cost\n2026-09-03,a,1\n")
    load = drop.load()["spend"]
    assert (load.refused, load.rows_rejected, load.rows_at_source) == ([], 0, 5)
    assert drop.ask(query) == []


def test_a_row_in_the_gates_quarantine_is_counted_once(drop: Drop) -> None:
    drop.load()
    with drop.warehouse.begin() as connection:
        connection.execute(
            sa.text("create table quarantine.testdrop__spend as select '2026-09-01|a'::text as row_key")
        )
        connection.execute(sa.text("delete from raw_testdrop.spend where campaign = 'a'"))
    drop.put("spend/0901.csv", "day,campaign,cost\n2026-09-01,a,11\n2026-09-01,c,1\n")
    assert drop.load()["spend"].rows_at_source == 3


def test_a_source_whose_schema_was_dropped_is_read_anew(drop: Drop) -> None:
    drop.load()
    with drop.warehouse.begin() as connection:
        connection.execute(
            sa.text("drop schema raw_testdrop cascade; drop schema raw_testdrop_staging cascade")
        )
    load = drop.load()
    assert (load["spend"].rows_loaded, load["spend"].rows_at_source, load["prices"].rows_loaded) == (2, 2, 2)


def test_a_killed_runs_rows_are_removed_and_read_again(drop: Drop) -> None:
    drop.load()
    pipeline = drop.work / "dlt" / schema.raw_schema(DROP.name)
    other = drop.work / "dlt" / "raw_of_a_source_that_left"
    for killed in (pipeline / "load" / "normalized" / "1.2", other / "normalize" / "extracted" / "1.2"):
        killed.mkdir(parents=True)
        (killed / "rows.parquet").write_bytes(b"")
    (drop.work / "delivery-killed").mkdir()
    drop.put("spend/0902.csv", "day,campaign,cost\n2026-09-02,a,30\n")
    leftovers.remove(drop.work, [schema.raw_schema(DROP.name)])
    assert left_behind(drop.work) == []
    assert not other.exists()
    assert (drop.load()["spend"].rows_loaded, drop.load()["spend"].rows_loaded) == (1, 0)
    assert drop.ask("select count(*) from raw_testdrop.spend") == [(3,)]


def test_a_load_that_fails_leaves_no_rows_on_disk(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlt.pipeline.pipeline import Pipeline

    def fail(*_: object, **__: object) -> None:
        assert left_behind(drop.work) != []
        raise OSError(28, "No space left on device")

    with (
        monkeypatch.context() as patch,
        pytest.raises(WarehouseError, match="testdrop: No space left on the disk below"),
    ):
        patch.setattr(Pipeline, "load", fail)
        drop.load()
    assert left_behind(drop.work) == []
    assert drop.load()["spend"].rows_loaded == 2


def test_an_empty_folder_makes_empty_tables(drop: Drop) -> None:
    for file in ("spend/0901.csv", "prices/all.jsonl"):
        (drop.folder / file).unlink()
    assert {load.rows_at_source for load in drop.load().values()} == {0}
    assert (
        drop.ask("select day, campaign, cost, _file, _deleted_at, _dlt_load_id from raw_testdrop.spend") == []
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///nowhere/at/all", "there is no folder /nowhere/at/all"),
        ("file://", "leads to no folder and no bucket"),
        ("postgresql+psycopg://reader@host/db", "leads to no folder and no bucket"),
        ("s3://", "leads to no folder and no bucket"),
        ("s3://bucket?unknown=1", "is no bucket's URL"),
    ],
)
def test_a_place_that_is_none(drop: Drop, url: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        extract(DROP, url, drop.warehouse, drop.work)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_dlt_reads_is_one_and_no_fault_of_the_source(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def interrupted(*_: object) -> Iterator[None]:
        os.kill(os.getpid(), number)
        yield

    drop.put("prices/a.jsonl", '{"sku": "1", "price": "2"}\n')
    monkeypatch.setattr("dagster_project.sources.delivery.Delivery.batches", interrupted)
    with pytest.raises(dg.DagsterExecutionInterruptedError), interruptible(), failing_clearly():
        drop.load()
