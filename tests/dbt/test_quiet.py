"""What dbt is run with keeps no value that the database quotes."""

from pathlib import Path

from dagster_project.assets.dbt_runner import QUIET
from tests.dbt.conftest import Dbt

MARK = "Marker79160001122"
# Put together by PostgreSQL: only its words have the whole of it.
FAILING = f"select cast('{MARK[:6]}' || '{MARK[6:]}' as integer) as value"


def test_dbt_writes_no_value_anywhere(dbt: Dbt, dbt_targets: Path) -> None:
    def marked() -> list[str]:
        return [
            path.name
            for path in dbt_targets.rglob("*")
            if path.is_file() and MARK.encode() in path.read_bytes()
        ]

    said = dbt("show", "--inline", FAILING, *QUIET).output
    assert MARK not in said and marked() == []
    said = dbt("show", "--inline", FAILING).output
    assert MARK in said and "dbt.log" in marked(), "the statement does not fail as it should"
