"""Logs: files without a header, rows that end early, columns with a type, and what of a growing file is new."""

import datetime as dt
import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from dagster_project.sources import Source, Table
from dagster_project.sources.declaration import Files
from dagster_project.sources.delivery import Delivery, Refused
from dagster_project.sources.tails import Part, cut

LOG = Table(
    "log",
    ("id",),
    ("at", "started", "who", "seconds"),
    deletes="kept",
    files=Files(
        "log*",
        "csv",
        delimiter="|",
        quote="",
        columns=("at", "started", "who", "seconds"),
        short_rows=True,
        types={"at": "unix_time", "started": "time", "seconds": "integer"},
        hash_as="id",
        grows=True,
    ),
)


def taken(tmp_path: Path, text: str) -> tuple[list[dict[str, Any]], list[tuple]]:
    (tmp_path / "log").write_text(text, encoding="utf-8")
    with Delivery(Source("pbx", "other", "A log", (LOG,)), tmp_path) as delivery:
        assert LOG.files
        delivery.add(LOG, tmp_path / "log", "log", LOG.files)
        delivery.settle(LOG)
        rows = [row for batch in delivery.batches(LOG) for row in batch.to_pylist()]
        return rows, [(line, reasons) for _, line, _, reasons in delivery.rejects(LOG)]


def test_typed_columns_and_rows_that_end_early(tmp_path: Path) -> None:
    rows, rejected = taken(
        tmp_path, '1790000000|2026-09-01 12:00:00|say "hi|7\n1790000001|\n1790000001|\n1790000001||x\n'
    )
    assert rejected == []
    at = dt.datetime(2026, 9, 21, 14, 13, 20, tzinfo=dt.UTC)
    assert [(row["at"], row["started"], row["who"], row["seconds"]) for row in rows] == [
        (at, dt.datetime(2026, 9, 1, 12), 'say "hi', 7),
        (at + dt.timedelta(seconds=1), None, None, None),
        (at + dt.timedelta(seconds=1), None, "x", None),
    ]
    assert len({row["id"] for row in rows}) == 3, "equal lines are one"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("soon|2026-09-01 12:00:00|x|7", "at is no seconds since 1970"),
        ("1|yesterday|x|7", "started is no local time"),
        ("1|0000-00-00 00:00:00|x|7", "started is no local time"),
        ("1|2026-09-01T12:00:00+03:00|x|7", "started is no local time"),
        ("1|2026-09-01T12:00:00Z|x|7", "started is no local time"),
        ("1|2026-09-01|x|seven", "seconds is no whole number"),
        ("1|2026-09-01|x|7.5", "seconds is no whole number"),
        ("1|2026-09-01|x|7|8", "more values than there are columns"),
    ],
)
def test_a_value_of_another_kind_costs_its_row(tmp_path: Path, line: str, reason: str) -> None:
    rows, [(_, reasons)] = taken(tmp_path, f"{line}\n1|2026-09-01|fine|7\n")
    assert ([row["who"] for row in rows], reasons) == (["fine"], [reason])


def test_an_empty_log_has_no_rows_and_one_of_another_form_is_refused(tmp_path: Path) -> None:
    assert taken(tmp_path, "") == ([], [])
    with pytest.raises(Refused, match="none of its rows has the 4 columns"):
        taken(tmp_path, "1|2|3|4|5\n1|2|3|4|5\n")


def part(content: bytes) -> Part:
    return Part(len(content), hashlib.sha256(content).hexdigest())


def test_a_tail_is_what_no_refresh_has_seen(tmp_path: Path) -> None:
    """However a log is cut into refreshes, every whole line is read once."""
    rng = random.Random(7)
    lines = [b"%d\n" % rng.randrange(10 ** rng.randrange(1, 9)) for _ in range(300)]
    whole = b"".join(lines)
    path, read, parts = tmp_path / "log", b"", [part(b"of another file\n")]
    for size in [*sorted(rng.sample(range(len(whole)), 25)), len(whole)]:
        path.write_bytes(whole[:size])
        try:
            tail = cut(path, parts)
        except Refused:
            assert b"\n" not in whole[:size]
            continue
        assert tail.lines_before == read.count(b"\n")
        read += path.read_bytes()
        assert tail.reached == part(read)
        parts.append(tail.reached)
    assert read == whole
    # What was rewritten, or begins anew, is read whole.
    for other in (b"x" + whole, whole[: len(whole) // 2] + b"\n" + whole, b"1\n"):
        path.write_bytes(other)
        tail = cut(path, parts[-1:])
        assert (tail.after, tail.lines_before, path.read_bytes()) == (None, 0, other)
    path.write_bytes(b"")
    assert cut(path, parts).reached == part(b"")
