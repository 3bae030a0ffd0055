"""The log of changed cards: what is noted, what it is worth, and what a run takes away."""

import pytest
import sqlalchemy as sa

from dagster_project.identity import changes, store
from dagster_project.warehouse import Warehouse
from tests.integration.identity.test_refresh import do, fill, rows

pytestmark = pytest.mark.every_server

RECORDS, IDENTIFIERS = "intermediate.customer_records", "intermediate.customer_record_identifiers"
FIRST = f"(select source_record_id from {RECORDS} order by 1 limit 1)"


@pytest.fixture
def followed(clean_warehouse: Warehouse) -> Warehouse:
    """A warehouse with cards, whose log is empty."""
    fill(clean_warehouse, 5)
    assert changes.follow(clean_warehouse)
    take_away(clean_warehouse, "of the last run")
    return clean_warehouse


def read(warehouse: Warehouse) -> changes.Changes:
    with store.reading(warehouse) as reader:
        return reader.changes()


def take_away(warehouse: Warehouse, mark: str | None = None) -> None:
    seen = read(warehouse)
    with warehouse.arrow() as connection, connection.cursor() as cursor:
        changes.take_away(cursor, seen, mark)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "noted"),
    [
        (f"update {RECORDS} set city = 'Тула' where source_record_id = {FIRST}", "{first}"),
        (f"update {RECORDS} set source_record_id = 'other' where source_record_id = {FIRST}", "{first} other"),
        (f"delete from {RECORDS} where source_record_id = {FIRST}", "{first}"),
        (f"insert into {RECORDS} (source_system, source_record_id) values ('crm', 'new')", "new"),
        (f"insert into {IDENTIFIERS} values ('crm', 'held', 'phone', '1'), ('crm', 'held', 'phone', '2')", "held"),
        (f"update {RECORDS} set city = 'Тула' where false", ""),
        (f"truncate {IDENTIFIERS}", None),
        (f"drop table {RECORDS}; create table {RECORDS} (source_system text, source_record_id text)", None),
    ],
)  # fmt: skip
def test_each_statement_notes_the_cards_that_it_touched(
    followed: Warehouse, statement: str, noted: str | None
) -> None:
    first = rows(followed, f"select {FIRST}")[0][0]
    do(followed, statement)
    assert changes.follow(followed)
    keys = read(followed).keys
    if noted is None:
        assert keys is None
    else:
        assert keys is not None
        expected = set(noted.format(first=first).split())
        assert set(keys.column("source_record_id").to_pylist()) == expected


def test_a_contract_that_is_no_table_is_not_followed(followed: Warehouse) -> None:
    do(
        followed,
        f"alter table {RECORDS} rename to kept; create view {RECORDS} as select * from intermediate.kept",
    )
    assert not changes.follow(followed)
    do(followed, f"drop view {RECORDS}; alter table intermediate.kept rename to customer_records")
    assert changes.follow(followed)


def test_what_comes_while_a_run_is_at_work_is_left_for_the_next(followed: Warehouse) -> None:
    do(followed, f"update {RECORDS} set city = 'Тула' where source_record_id = {FIRST}")
    with store.reading(followed) as reader:
        do(followed, f"insert into {RECORDS} (source_system, source_record_id) values ('crm', 'later')")
        seen = reader.changes()
    with followed.arrow() as connection, connection.cursor() as cursor:
        changes.take_away(cursor, seen, "a mark")
        connection.commit()
    left = read(followed)
    assert left.keys is not None and left.keys.column("source_record_id").to_pylist() == ["later"]
    assert left.mark == "a mark"
    # A run that had nothing to do leaves the mark of the one before it.
    take_away(followed)
    assert read(followed).mark == "a mark" and len(read(followed).ids) == 0


def test_a_trigger_that_was_switched_off_is_noticed(followed: Warehouse) -> None:
    with followed.begin() as connection:
        connection.execute(sa.text(f"alter table {RECORDS} disable trigger note_update"))
        connection.execute(sa.text(f"update {RECORDS} set city = 'Тула'"))
    assert changes.follow(followed)
    assert read(followed).keys is None
