"""The benchmarks measure what they say: the sets are as described, scores and tables are right."""

import itertools
import sys
from pathlib import Path

import duckdb
import pytest
import typer

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


def test_a_run_of_one_size_leaves_the_other_rows_and_the_picture() -> None:
    before = document.read("scale")
    sizes = [cells[0] for cells in document.rows(before)]
    row = {
        "size": 300_000,
        scale.OURS: {"seconds": 20.0, "train": 3.0, "peak_mb": 1700.0, "server_mb": 210.0, "pairs": 1},
        scale.SPLINK: {"seconds": 8.0, "peak_mb": 1200.0, "train": 1.0, "predict": 1.0, "cluster": 1.0},
        scale.SAMPLED: {"seconds": 5.0, "train": 1.0},
        scale.CHANGED: {"seconds": 2.0},
    }
    text, every = scale.merged([row], before, "another machine")
    now = document.rows(text)
    assert [cells[0] for cells in now] == sizes
    assert [cells for cells in now if cells[0] != "300,000"] == [
        cells for cells in document.rows(before) if cells[0] != "300,000"
    ]
    assert now[sizes.index("300,000")][1:3] == ["20.0", "3.0"]
    assert "images/scale.png" in text and "At 1,000,000 cards: 3,013,768 candidate pairs" in text
    assert "Measured on another machine. Rows of earlier runs: on 2 cores" in text
    assert scale.picture(every).startswith(b"\x89PNG")
    # All sizes measured anew: nothing of before.
    again, _ = scale.merged([row | {"size": size} for size in (100_000, 300_000, 1_000_000)], text, "m")
    assert again.endswith("Measured on m.") and "At 1,000,000 cards: 1 candidate pairs" in again


def test_a_run_of_one_set_leaves_the_other_sets_and_linkers() -> None:
    before = document.read("linkage")
    old = {tuple(cells[place] for place in (0, 2, 3)): cells for cells in document.rows(before)}
    name, linker, setting = next(key for key in old if key[0] == "febrl3")
    row = report.Row(name, 5000, linker, setting, (0.1, 0.1, 0.1, 0.1, 0.1, 0.1), 1.0, 2.0)
    now = {
        tuple(cells[place] for place in (0, 2, 3)): cells
        for cells in document.rows(report.table([row], before, sets.NAMES))
    }
    assert now.keys() == old.keys()
    assert now[name, linker, setting][6] == "0.1000"
    assert sum("**" in cells[6] for key, cells in now.items() if key[0] == name) >= 1
    assert all(now[key] == old[key] for key in old if key[0] != name)


def test_the_benchmarks_server_is_stopped_when_a_step_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("C360_HOME", str(tmp_path))
    stopped = []

    def fail(size: int, home: Path, limit: float) -> None:
        raise scale.StepFailed(f"ours of {size}")

    monkeypatch.setattr(scale, "_measure", fail)
    monkeypatch.setattr(
        "dagster_project.warehouse.embedded.EmbeddedServer.stop", lambda server: stopped.append(server.home)
    )
    with pytest.raises(typer.Exit):
        scale.main(sizes="1000", limit=1, write=False)
    assert stopped == [tmp_path / "bench" / "scale" / "warehouse"]
