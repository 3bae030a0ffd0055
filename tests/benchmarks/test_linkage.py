"""The benchmarks measure what they say: the sets are as described, scores and tables are right."""

import itertools
import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks import document, measure
from benchmarks.linkage import contestants, people, plain_splink, report, scale, sets
from benchmarks.linkage.crowd import crowd


def test_the_household_trap_is_as_described() -> None:
    records, truth = people.household_trap()
    assert records.num_rows == truth.num_rows == 28_000
    con = duckdb.connect()
    con.register("r", records)
    con.register("t", truth)
    placeholders, pairs = con.execute(
        f"""
        with held as (
            select distinct entity_id, street, city from r join t using (source_record_id)
        ), homes as (select count(*) as people from held group by street, city)
        select (select avg((phone = '{people.PLACEHOLDER}')::int) from r), (select count(*) from homes where people = 2)
        """
    ).fetchall()[0]
    assert placeholders == pytest.approx(0.03, abs=0.004)
    assert pairs == pytest.approx(4000, abs=10)  # two homes may meet by chance


def test_sets_are_the_same_each_time_and_tell_nothing_by_their_ids() -> None:
    first, truth = people.historical_register(300)
    again, _ = people.historical_register(300)
    assert first.equals(again)
    order = truth["source_record_id"].to_pylist()
    assert len(set(order)) == len(order)
    by_id = [e for _, e in sorted(zip(order, truth["entity_id"].to_pylist(), strict=True))]
    together = sum(a == b for a, b in itertools.pairwise(by_id))
    assert together <= 5


def test_the_demo_as_a_flat_file_has_a_row_for_each_card_with_a_truth(tmp_path: Path) -> None:
    records, truth = sets.demo(200, 1.0)
    assert records.num_rows == truth.num_rows > 400
    assert {"full_name", "phone", "email", "birth_date"} <= set(records.column_names)


def test_a_crowd_has_exactly_the_cards_that_were_asked_for() -> None:
    records, identifiers = crowd(5000)
    assert records.num_rows == 5000
    assert len(set(zip(*(records[c].to_pylist() for c in report.KEY), strict=True))) == 5000
    assert identifiers.num_rows > 5000
    assert crowd(5000)[0].equals(records)


def test_scores_and_table_show_what_was_found(tmp_path: Path) -> None:
    truth, found = tmp_path / "truth.csv", tmp_path / "found.csv"
    truth.write_text("source_system,source_record_id,entity_id\nf,1,a\nf,2,a\nf,3,b\n")
    found.write_text("source_system,source_record_id,0.5,0.9\nf,1,x,x\nf,2,x,y\nf,3,x,z\n")
    assert report.scores(truth, found, "0.5")[:3] == pytest.approx((1 / 3, 1.0, 0.5))
    assert report.scores(truth, found, "0.9")[:3] == (1.0, 0.0, 0.0)
    rows = [
        report.Row("set", 3, "one", "t", (1 / 3, 1.0, 0.5, 0.5, 1.0, 0.6), 1.25, 1234.0),
        report.Row("set", 3, "two", "u", None, 9.0, 10.0, "stopped after 9 s"),
    ]
    lines = report.table(rows).splitlines()
    assert (
        lines[2]
        == "| set | 3 | one | t | 0.3333 | 1.0000 | **0.5000** | 0.5000 | 1.0000 | **0.6000** | 1.2 | 1,234 |"
    )
    assert "stopped after 9 s" in lines[3]


def test_a_section_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    text = tmp_path / "d.md"
    text.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n")
    document.write("a", "new", text)
    assert text.read_text() == "before\n<!-- a -->\nnew\n<!-- /a -->\nafter\n"
    with pytest.raises(ValueError, match="no section b"):
        document.write("b", "new", text)


def test_a_command_is_measured_with_its_children_and_stopped_in_time() -> None:
    child = "x = bytearray(200_000_000); import time; time.sleep(1)"
    grow = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    done = measure.run([sys.executable, "-c", grow], limit_s=60)
    assert done.failed is None and done.peak_mb > 190
    late = measure.run([sys.executable, "-c", "import time; time.sleep(60)"], limit_s=1)
    assert late.failed == "stopped after 1 s"
    broken = measure.run([sys.executable, "-c", "raise SystemExit('no such file')"], limit_s=60)
    assert broken.failed == "no such file"


def test_plain_splink_knows_a_files_columns_by_their_names(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    lines = [f"f,{n},Ann{n % 7},Lee{n % 5},1990-01-{n % 28 + 1:02},x" for n in range(100)]
    file.write_text("\n".join(["source_system,source_record_id,first_name,surname,dob,unknown", *lines]))
    con = duckdb.connect()
    kinds = plain_splink.read(con, [file])
    assert (kinds["given"], kinds["family"], kinds["birth"]) == (["first_name"], ["surname"], ["dob"])
    assert con.execute("select first_name from input order by unique_id limit 1").fetchall() == [("ann0",)]


def test_each_contestant_writes_where_it_is_looked_for(tmp_path: Path) -> None:
    for name in contestants.NAMES:
        for entry in contestants.entries(name, [tmp_path / "a.csv"], tmp_path, Path(sys.executable)):
            assert entry.result in entry.command


def test_the_exponent_of_linear_cost_is_one() -> None:
    found = [{"size": size, scale.OURS: {"seconds": size / 1000}} for size in (1000, 10_000)]
    assert scale.exponent(found, scale.OURS) == pytest.approx(1)
