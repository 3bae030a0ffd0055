"""The DuckDB session: where what an incremental run makes lies."""

from pathlib import Path

import pytest

from dagster_project.identity.engine import connect, in_small_groups


def test_an_incremental_run_works_in_small_groups_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with connect() as con:
        con.execute("create table before as select 1 as one")
        with in_small_groups(con):
            con.execute("create table made as select range as rid, 'Анна' as given from range(10000)")
            groups = con.execute("select count(distinct row_group_id) from pragma_storage_info('made')")
            assert groups.fetchall()[0][0] > 1
            # Macros and tables of before are at hand; what is made stays out of the file.
            assert con.execute("select name_key('Анна'), one from before").fetchall() == [("ana", 1)]
            assert all("Анна".encode() not in path.read_bytes() for path in tmp_path.rglob("*.duckdb*"))
        assert list(tmp_path.glob("c360-*")) == []
