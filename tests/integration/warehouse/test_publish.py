"""Publishing: one commit, by difference, masked for BI."""

import threading

import pytest
import sqlalchemy as sa

from dagster_project.errors import RefreshBusy, WarehouseError
from dagster_project.warehouse import Warehouse, schema
from dagster_project.warehouse.lock import refresh_lock
from dagster_project.warehouse.publish import Mart, publish

PEOPLE = Mart("people", ("id",), frozenset({"name", "born", "card"}))
VISITS = Mart("visits", ("id",), frozenset())


@pytest.fixture
def built(clean_warehouse: Warehouse) -> Warehouse:
    run(
        clean_warehouse,
        """
        create table marts_build.people (id int primary key, name text, born date, card jsonb, city text);
        insert into marts_build.people select i, 'Имя ' || i, date '1990-05-17', '{"a": 1}', 'Казань'
        from generate_series(1, 10) i;
        create table marts_build.visits (id int primary key, person_id int);
        insert into marts_build.visits select i, i from generate_series(1, 5) i
        """,
    )
    return clean_warehouse


def run(warehouse: Warehouse, statement: str) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql(statement)


def ask(warehouse: Warehouse, query: str, role: str | None = None) -> list[tuple]:
    engine = sa.create_engine(warehouse.admin_url.set(database=warehouse.url.database), poolclass=sa.NullPool)
    with engine.begin() as connection:
        if role:
            connection.exec_driver_sql(f"set local role {role}")
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_the_first_publication_shows_everything(built: Warehouse) -> None:
    done = publish(built, [PEOPLE, VISITS])

    assert [(mart.mart, mart.rows, mart.written, mart.removed) for mart in done] == [
        ("people", 10, 10, 0),
        ("visits", 5, 5, 0),
    ]
    assert ask(built, "select name, card from marts.people where id = 3") == [("Имя 3", {"a": 1})]


def test_only_what_changed_is_written(built: Warehouse) -> None:
    publish(built, [PEOPLE, VISITS])
    run(built, "update marts_build.people set city = null where id = 1")
    run(built, "delete from marts_build.people where id = 2; insert into marts_build.people (id) values (11)")
    untouched = ask(built, "select id, ctid::text from marts.people where id > 2 order by id")

    people, visits = publish(built, [PEOPLE, VISITS])

    assert (people.rows, people.written, people.removed) == (10, 2, 2)
    assert (visits.written, visits.removed) == (0, 0)
    assert (
        ask(built, "select id, ctid::text from marts.people where id between 3 and 10 order by id")
        == untouched
    )
    assert ask(built, "select id, city from marts.people where id in (1, 2, 11) order by id") == [
        (1, None), (11, None),
    ]  # fmt: skip


def test_a_failure_in_the_middle_shows_nothing_of_the_new_state(built: Warehouse) -> None:
    publish(built, [PEOPLE, VISITS])
    run(built, "update marts_build.people set city = 'Пермь'; drop table marts_build.visits")

    with pytest.raises(WarehouseError, match="Mart visits was not built"):
        publish(built, [PEOPLE, VISITS])

    assert ask(built, "select distinct city from marts.people") == [("Казань",)]


def test_a_new_column_appears_and_a_mart_without_model_goes(built: Warehouse) -> None:
    publish(built, [PEOPLE, VISITS])
    run(built, "alter table marts_build.people add column phone text default '+79990000000'")

    publish(built, [Mart("people", ("id",), PEOPLE.personal | {"phone"})])

    assert ask(built, "select distinct phone from marts.people") == [("+79990000000",)]
    assert ask(built, "select to_regclass('marts.visits')") == [(None,)]
    assert ask(built, "select distinct phone from bi.people") == [("+***",)]


def test_a_reader_with_an_open_snapshot_neither_blocks_nor_sees_half(built: Warehouse) -> None:
    publish(built, [PEOPLE, VISITS])
    run(built, "update marts_build.people set city = 'Пермь'")
    engine = sa.create_engine(built.url, poolclass=sa.NullPool, isolation_level="REPEATABLE READ")
    with engine.connect() as reader:
        reader.exec_driver_sql("select count(*) from marts.people")
        reader.exec_driver_sql("select count(*) from bi.people")
        worker = threading.Thread(target=publish, args=(built, [PEOPLE, VISITS]))
        worker.start()
        worker.join(timeout=20)
        assert not worker.is_alive(), "publishing waits for a reader"
        assert reader.exec_driver_sql("select distinct city from marts.people").all() == [("Казань",)]
    assert ask(built, "select distinct city from marts.people") == [("Пермь",)]


def test_bi_reads_masked_and_the_agent_only_cards(built: Warehouse) -> None:
    run(built, "create table marts_build.customer_card (customer_id text primary key, card jsonb)")
    publish(built, [PEOPLE, VISITS, Mart("customer_card", ("customer_id",), frozenset({"card"}))])

    assert ask(built, "select name, born::text, card, city from bi.people limit 1", schema.BI) == [
        ("И***", "1990-01-01", None, "Казань")
    ]
    assert ask(built, "select count(*) from marts.people", schema.BI) == [(10,)]
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        ask(built, "select name from marts.people", schema.BI)
    assert ask(built, "select count(*) from marts.customer_card", schema.AGENT) == [(0,)]
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        ask(built, "select * from marts.visits", schema.AGENT)
    for role in (schema.BI, schema.AGENT):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            ask(built, "select * from marts_build.people", role)


def test_a_second_refresh_is_refused_and_told_who_is_at_work(warehouse: Warehouse) -> None:
    with (
        refresh_lock(warehouse, "Seamless 360 run abc"),
        pytest.raises(RefreshBusy, match="Seamless 360 run abc"),
        refresh_lock(warehouse, "another"),
    ):
        pass
    with refresh_lock(warehouse, "another"):
        pass
