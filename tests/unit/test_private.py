"""Modes of files below C360_HOME."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_project.private import keep_private


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.lstat().st_mode))


def test_what_others_might_read_is_closed_and_what_follows_is_written_so(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    (home / "dlt").mkdir(parents=True)
    (home / "warehouse" / "data").mkdir(parents=True)
    (home / "warehouse" / "data" / "PG_VERSION").write_text("18")
    outside.write_text("")
    for path in (home / "dlt" / "rows.parquet", home / "program"):
        path.write_text("x")
    (home / "program").chmod(0o755)
    (home / "link").symlink_to(outside)
    keep_private(home)
    assert {str(path.relative_to(tmp_path)): mode(path) for path in (home, *home.rglob("*"), outside)} == {
        "home": "0o701",  # the server's user may pass, if it could before, to its data
        "home/dlt": "0o700",
        "home/dlt/rows.parquet": "0o600",
        "home/program": "0o700",
        "home/link": "0o777",
        "home/warehouse": "0o701",
        "home/warehouse/data": "0o755",  # PostgreSQL's own
        "home/warehouse/data/PG_VERSION": "0o644",
        "outside": "0o644",
    }
    (home / "new").mkdir()
    (home / "new" / "file").write_text("x")
    assert (mode(home / "new"), mode(home / "new" / "file")) == ("0o700", "0o600")
