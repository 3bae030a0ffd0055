"""The extraction benchmark measures what it says: the orders are as described, ratios and aims are right."""

from pathlib import Path

import duckdb

from benchmarks import document
from benchmarks.extraction import orders
from benchmarks.extraction.__main__ import Again, Run, merged, table, verdict


def test_orders_are_the_same_each_time_and_end_in_a_short_look_back(tmp_path: Path) -> None:
    first, again = tmp_path / "a.csv", tmp_path / "b.csv"
    orders.write(first, 2000)
    orders.write(again, 2000)
    assert first.read_bytes() == again.read_bytes()
    count, keys, is_ordered, late = duckdb.execute(
        f"""
        select count(*), count(distinct column00), bool_and(column07 >= column06 or column07 > '2025-12-31'),
            count(*) filter (where column07 > (select max(column07) - interval '1 hour' from '{first}'))
        from '{first}'
        """
    ).fetchall()[0]
    assert (count, keys, is_ordered) == (2000, 2000, True)
    assert 1 <= late < 20


def test_ratios_stand_beside_who_ran_against_a_peer_and_say_whether_the_aim_is_met() -> None:
    found = [
        Run("PostgreSQL", "ours", 100, 3.0, 1.0, 300.0),
        Run("PostgreSQL", "ours", 1000, 6.0, 4.0, 330.0),
        Run("PostgreSQL", "adbc", 1000, 2.0, 1.0, 200.0),
        Run("MariaDB", "ours", 1000, 9.0, 8.0, 400.0),
        Run("MariaDB", "dlt", 1000, 10.0, 9.0, 400.0),
    ]
    lines = table(found).splitlines()[2:]
    assert [line.split("|")[-2].strip() for line in lines] == ["", "3.00", "", "0.90", ""]
    said = verdict(found)
    assert "3.00 times as long as ADBC alone (aim: at most 2.5, missed)" in said
    assert "0.90 times as long as dlt alone (aim: at most 2.5, met)" in said
    assert "10 times the rows from PostgreSQL take 1.10 times the memory" in said


def test_a_run_of_one_size_leaves_the_other_rows() -> None:
    before = document.read("extraction")
    found = [Run("PostgreSQL", "ours", 100_000, 3.0, 1.0, 300.0)]
    again = Again(found[0], 1, 2, 3, 4, 5)
    text = merged(found, [], again, before, "another machine")
    old, now = document.rows(before), document.rows(text)
    assert [cells[:3] for cells in now] == [cells[:3] for cells in old]
    assert [cells for cells in now if cells[1] != "100,000"] == [c for c in old if c[1] != "100,000"]
    assert now[0][3] == "3.0" and "Rows of earlier runs: on 2 cores" in text
    # The paragraph on nothing new is that of the largest size.
    assert "A refresh with nothing new takes 2.6 s" in text
