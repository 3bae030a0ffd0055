"""The daily step with a state file: what changed is followed, and no kill, damage or mismatch alters the result."""

import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from dagster_project.errors import IdentityError
from dagster_project.identity import pipeline, refresh, store
from dagster_project.identity.incremental import TooMuchChanged, cards, groups, links
from dagster_project.identity.model import Model
from dagster_project.identity.state import State
from dagster_project.warehouse import Warehouse
from tests.integration.identity.test_refresh import do, fill, rows
from tests.unit.identity.conftest import model

__all__ = ["model"]
TABLES = (
    *("record_customers", "record_identifiers", "edges", "customers", "departed_records", "review_queue"),
    "households",
)


class Told:
    """What a refresh says of itself."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse, self.folder, self.runs = warehouse, folder, 0

    def __call__(self, folder: Path | None = None) -> list[str]:
        said: list[str] = []
        run_id = f"r{self.runs + 1}"
        refresh(self.warehouse, run_id, progress=said.append, state_folder=folder or self.folder)
        self.runs += 1
        return said


@pytest.fixture
def told(clean_warehouse: Warehouse, model: Model, tmp_path: Path) -> Told:
    store.write_model(clean_warehouse, model)
    fill(clean_warehouse, 40)
    return Told(clean_warehouse, tmp_path / "identity")


def followed(said: list[str]) -> bool:
    return any("changed since the last run" in text for text in said) and not any(
        text.startswith("standardised") for text in said
    )


def content(warehouse: Warehouse) -> dict[str, list[Any]]:
    """Everything that a run says, but who said it when."""
    found = {}
    for table in TABLES:
        with warehouse.begin() as connection:
            result = connection.execute(sa.text(f"select * from identity.{table}"))
            keep = [
                i
                for i, name in enumerate(result.keys())
                if name not in ("run_id", "created_at", "retired_at")
            ]
            found[table] = sorted(str([row[i] for i in keep]) for row in result)
    return found


def alter(warehouse: Warehouse) -> None:
    """New, altered and deleted cards, and a decision."""
    do(
        warehouse,
        """
        update intermediate.customer_records set email = 'another.box99@mail.ru'
        where source_record_id in (select source_record_id from intermediate.customer_records order by 1 limit 3);
        update intermediate.customer_records set deleted_at = now()
        where source_record_id in (select source_record_id from intermediate.customer_records order by 1 desc limit 2);
        insert into intermediate.customer_records (source_system, source_record_id, full_name, phone, email)
        select source_system, source_record_id || 'x', full_name, phone, 'another.box99@mail.ru'
        from intermediate.customer_records where full_name is not null order by source_record_id limit 2;
        insert into intermediate.customer_record_identifiers
        select source_system, source_record_id, 'phone', '+79165550199' from intermediate.customer_records
        order by source_record_id limit 1;
        insert into identity.decisions (source_system_l, source_record_id_l, source_system_r, source_record_id_r, verdict,
            author)
        select source_system_l, source_record_id_l, source_system_r, source_record_id_r, 'different', 'steward'
        from identity.edges where is_used order by 1, 2, 3, 4 limit 1;
        """,
    )


def full(warehouse: Warehouse, run_id: str) -> dict[str, list[Any]]:
    """What a full run makes of the same cards and the same registry, undone afterwards."""
    copies = {
        name: rows(warehouse, f"select * from identity.{name}")
        for name in (*TABLES, "customer_id_events", "runs", "card_changes", "card_changes_met")
    }
    with warehouse.begin() as connection:
        for name in copies:
            connection.execute(sa.text(f"create table identity.kept_{name} as select * from identity.{name}"))
    refresh(warehouse, run_id)
    found = content(warehouse)
    with warehouse.begin() as connection:
        for name in copies:
            identity = " overriding system value" if name in ("customer_id_events", "card_changes") else ""
            connection.execute(
                sa.text(
                    f"truncate identity.{name}; insert into identity.{name}{identity} select * from identity.kept_{name};"
                    f" drop table identity.kept_{name}"
                )
            )
    return found


@pytest.mark.slow
def test_a_change_is_followed_and_the_result_is_a_full_runs(told: Told) -> None:
    assert not followed(told())
    assert told()[-1].startswith("nothing changed")
    alter(told.warehouse)
    expected = full(told.warehouse, "r3")
    versions = "select ctid::text, source_system, source_record_id from identity.record_customers"
    before = set(rows(told.warehouse, versions))
    assert followed(told())
    assert content(told.warehouse) == expected
    # Rows that did not change are not written.
    assert len(before - set(rows(told.warehouse, versions))) < 30
    assert told()[-1].startswith("nothing changed")
    ((records, edges),) = rows(
        told.warehouse,
        "select records, edges from identity.runs where not is_skipped order by started_at desc limit 1",
    )
    assert records == len(expected["record_customers"])
    assert edges == sum("True" in edge for edge in expected["edges"])
    do(told.warehouse, "update identity.decisions set revoked_at = now()")
    expected = full(told.warehouse, "r5")
    assert followed(told())
    assert content(told.warehouse) == expected


def damaged(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 1000)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def removed(path: Path) -> None:
    path.unlink()


def bitten(path: Path) -> None:
    """Its head is whole, much of its body is not."""
    whole = path.read_bytes()
    path.write_bytes(whole[:300_000] + bytes(byte ^ 0xFF for byte in whole[300_000:]))


@pytest.mark.slow
def test_a_state_that_cannot_be_read_is_made_anew(told: Told) -> None:
    told()
    for step, harm in enumerate((damaged, truncated, removed, bitten)):
        harm(told.folder / "state.duckdb")
        do(
            told.warehouse,
            f"update intermediate.customer_records set city = 'Тула {step}' where source_system = 'crm'",
        )
        assert not followed(told())
    alter(told.warehouse)
    expected = full(told.warehouse, "r6")
    assert followed(told())
    assert content(told.warehouse) == expected


@pytest.mark.slow
def test_a_state_of_another_run_is_not_believed(told: Told, tmp_path: Path) -> None:
    told()
    alter(told.warehouse)
    told(tmp_path / "elsewhere")
    do(told.warehouse, "update intermediate.customer_records set deleted_at = null")
    expected = full(told.warehouse, "r3")
    assert not followed(told())
    assert content(told.warehouse) == expected


def killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "name", "is_written"),
    [
        (State, "advance", False),
        (store, "_write_summary", False),
        # After PostgreSQL's commit.
        *((State, name, True) for name in ("write", "apply", "publish")),
    ],
)
def test_a_kill_at_any_moment_is_made_good_by_the_next_run(
    told: Told, monkeypatch: pytest.MonkeyPatch, where: object, name: str, is_written: bool
) -> None:
    told()
    before = content(told.warehouse)
    alter(told.warehouse)
    expected = full(told.warehouse, "r2")
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(where, name, killed)
        told()
    assert content(told.warehouse) == (expected if is_written else before)
    told()
    assert content(told.warehouse) == expected
    do(told.warehouse, "update intermediate.customer_records set deleted_at = null")
    expected = full(told.warehouse, f"r{told.runs + 1}")
    told()
    assert content(told.warehouse) == expected


def test_a_kill_before_the_first_state_is_in_place(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(State, "publish", killed)
    with pytest.raises(KeyboardInterrupt):
        told()
    monkeypatch.undo()
    alter(told.warehouse)
    assert not followed(told())
    do(told.warehouse, "update intermediate.customer_records set deleted_at = null")
    assert followed(told())


def test_the_state_is_its_owners_alone_and_can_be_discarded(told: Told) -> None:
    told()
    path = told.folder / "state.duckdb"
    assert path.stat().st_mode & 0o077 == 0
    State(path, {}).discard()
    assert list(told.folder.iterdir()) == []


def test_when_much_changed_all_is_done_anew(told: Told) -> None:
    told()
    do(told.warehouse, "update intermediate.customer_records set updated_at = now()")
    assert not followed(told())


@pytest.mark.slow
@pytest.mark.parametrize("table", ["touched", "live", "scope"])
def test_a_change_that_reaches_too_far_is_resolved_anew(
    told: Told, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    told()
    alter(told.warehouse)
    expected = full(told.warehouse, "r2")

    def bound(con: duckdb.DuckDBPyConnection, name: str) -> None:
        if name == table:
            raise TooMuchChanged

    with monkeypatch.context() as narrow:
        for module in (cards, groups, links):
            narrow.setattr(module, "bound", bound)
        said = told()
    assert "they touch too many others: everything is resolved anew" in said
    assert content(told.warehouse) == expected
    do(told.warehouse, "update intermediate.customer_records set deleted_at = null")
    assert followed(told())


def test_a_card_that_is_there_twice_is_refused_by_the_next_run_too(told: Told) -> None:
    told()
    do(
        told.warehouse,
        "insert into intermediate.customer_records"
        " select * from intermediate.customer_records order by source_record_id limit 1",
    )
    with pytest.raises(IdentityError, match="more than once"):
        told()


def test_an_identifier_that_stays_is_not_written_again(told: Told) -> None:
    told()
    kept = "select kind, value, xmin::text from identity.record_identifiers order by 1, 2, 3"
    before = rows(told.warehouse, kept)
    do(
        told.warehouse,
        """
        insert into intermediate.customer_record_identifiers
        select source_system, source_record_id, 'phone', '+79165550199' from intermediate.customer_records
        where phone is not null order by source_record_id limit 1
        """,
    )
    assert followed(told())
    after = rows(told.warehouse, kept)
    assert [row for row in after if row[1] != "+79165550199"] == before
    assert len(after) == len(before) + 1


def test_a_state_that_cannot_be_kept_costs_the_state_alone(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told()
    alter(told.warehouse)
    expected = full(told.warehouse, "r2")

    def full_disk(_: State) -> None:
        raise duckdb.TransactionException("Failed to commit: Could not write file")

    with monkeypatch.context() as broken:
        broken.setattr(State, "publish", full_disk)
        assert followed(told())
    assert content(told.warehouse) == expected
    assert list(told.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("where", "name"),
    [(pipeline, "look_back"), (pipeline, "rest_of"), (State, "advance"), (State, "settle")],
)
def test_a_state_that_fails_while_results_are_written_costs_the_state_alone(
    told: Told, monkeypatch: pytest.MonkeyPatch, where: object, name: str
) -> None:
    told()
    alter(told.warehouse)
    expected = full(told.warehouse, "r2")

    def unreadable(*_: object) -> None:
        raise duckdb.IOException("Could not read from file")

    with monkeypatch.context() as broken:
        broken.setattr(where, name, unreadable)
        assert not followed(told())
    assert content(told.warehouse) == expected


def test_the_state_follows_when_nobody_asks_any_more_what_it_said(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told()
    alter(told.warehouse)
    order: list[str] = []
    look_back, settle = pipeline.look_back, State.settle

    def late(con: duckdb.DuckDBPyConnection) -> None:
        time.sleep(1)
        look_back(con)
        order.append("looked back")

    def noted(state: State, con: duckdb.DuckDBPyConnection) -> None:
        order.append("settled")
        settle(state, con)

    monkeypatch.setattr(pipeline, "look_back", late)
    monkeypatch.setattr(State, "settle", noted)
    assert followed(told())
    assert order == ["looked back", "settled"]


def test_a_log_that_names_too_many_gives_way_to_digests(told: Told) -> None:
    told()
    # Every card is named, and three differ.
    do(
        told.warehouse,
        "update intermediate.customer_records set updated_at = updated_at;"
        " update intermediate.customer_records set city = 'Тула' where source_record_id in"
        " (select source_record_id from intermediate.customer_records order by 1 limit 3)",
    )
    expected = full(told.warehouse, "r2")
    assert followed(told())
    assert content(told.warehouse) == expected


def test_cards_and_identifiers_are_read_of_one_moment(told: Told) -> None:
    with store.reading(told.warehouse) as reader:
        do(
            told.warehouse,
            """
            insert into intermediate.customer_records (source_system, source_record_id, full_name)
            values ('crm', 'later', 'Пётр Поздний');
            insert into intermediate.customer_record_identifiers values ('crm', 'later', 'phone', '+79165550199');
            """,
        )
        read = (*reader.cards(), *reader.digests())
        assert all("later" not in table.column("source_record_id").to_pylist() for table in read[:2])
        assert [table.num_rows for table in read[2:]] == [table.num_rows for table in read[:2]]
    with store.reading(told.warehouse) as reader:
        assert all("later" in table.column("source_record_id").to_pylist() for table in reader.cards())
