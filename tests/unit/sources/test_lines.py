"""Lines and records, counted by other means than the reader's: against Python's csv and plain counting."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.sources import lines
from dagster_project.sources.lines import Form, line_numbers, sift, survey

FORM = Form(",", '"', 3, (0,))
VALUE = st.text(alphabet='a1",\n ', max_size=6)
ROWS = st.lists(st.tuples(st.integers(1, 99).map(str), VALUE, VALUE), min_size=1, max_size=20)


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "FIRST_WINDOW", 16)
    monkeypatch.setattr(lines, "LARGEST_WINDOW", 64)


@given(ROWS)
def test_records_are_those_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    file = tmp_path_factory.mktemp("lines") / "a.csv"
    file.write_text(text.getvalue(), encoding="utf-8")
    found = sift(file, FORM)
    if not found.dropped:  # two lines of a value may look like rows: then they are told apart by nothing
        assert found.records == len(rows)
        assert file.read_text(encoding="utf-8") == text.getvalue()


@given(st.binary(max_size=300).map(lambda raw: raw.translate(bytes(b'a"\n'[n % 3] for n in range(256)))))
def test_lines_are_counted(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("lines") / "a.csv"
    file.write_bytes(content)
    physical = content.removesuffix(b"\n").split(b"\n") if content else []
    found = survey(file, '"')
    assert (found.lines, found.blank) == (len(physical), sum(not line for line in physical))
    assert found.longest == max(map(len, physical), default=0)
    assert found.is_even == all(line.count(b'"') % 2 == 0 for line in physical)
    every = list(range(len(content)))
    assert list(line_numbers(file, every)) == [content[:at].count(b"\n") + 1 for at in every]


def test_line_numbers_are_those_of_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_ROW", 10)
    file = tmp_path / "a.jsonl"
    kept = ["1", "", "4", "5", "8"]
    file.write_text("\n".join(["1", "", "x" * 11, "4", "5", "x" * 200, "x" * 12, "8"]), encoding="utf-8")
    found = sift(file, Form())
    assert [(one.first, one.reason) for one in found.dropped] == [
        (3, "longer than 10 bytes: 11"), (6, "longer than 10 bytes: 200"), (7, "longer than 10 bytes: 12"),
    ]  # fmt: skip
    assert (found.records, file.read_text(encoding="utf-8").split("\n")) == (5, kept)
    now = line_numbers(file, [0, 2, 3, 5, 7])
    assert list(found.original(now)) == [1, 2, 4, 5, 8]
