"""Publishing: one commit, by difference, masked for BI; readers wait for nobody and see whole states."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from dagster_project.errors import RefreshBusy, WarehouseError, WarehouseLocked
from dagster_project.warehouse import Warehouse, schema
from dagster_project.warehouse.lock import refresh_lock
from dagster_project.warehouse.publish import Mart, publish
from tests.watch import ddl

pytestmark = pytest.mark.every_server

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


# -- columns that change ---------------------------------------------------------------------

APART = pytest.mark.parametrize("rows_under_lock", [1000, 0], ids=["at_once", "apart"])


def change_columns(warehouse: Warehouse) -> None:
    """One column comes, one goes, one has another type; and a row changes."""
    run(
        warehouse,
        """
        alter table marts_build.people add column phone text default '+79990000000', drop column born;
        alter table marts_build.people alter column city type varchar(20);
        alter table marts_build.people alter column name set not null;
        create index on marts_build.people (phone);
        update marts_build.people set city = 'Пермь' where id = 1
        """,
    )


def shape(warehouse: Warehouse, relation: str) -> list[tuple]:
    return ask(
        warehouse,
        "select attname, format_type(atttypid, atttypmod) from pg_attribute "
        f"where attrelid = '{relation}'::regclass and attnum > 0 and not attisdropped order by attname",
    )


@contextlib.contextmanager
def newcomers(warehouse: Warehouse) -> Iterator[list[tuple[float, tuple]]]:
    """Readers that come one after another: how long each waited, and what it saw."""
    seen: list[tuple[float, tuple]] = []
    stop = threading.Event()

    def read() -> None:
        engine = sa.create_engine(warehouse.url, poolclass=sa.NullPool)
        while not stop.is_set():
            with engine.connect() as connection:
                begun = time.monotonic()
                rows = connection.exec_driver_sql(
                    "select to_jsonb(p) ->> 'city', count(*) from marts.people p group by 1"
                )
                found = tuple(sorted(map(tuple, rows)))
                seen.append((time.monotonic() - begun, found))
            time.sleep(0.01)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@APART
def test_an_idle_reader_stops_a_change_of_columns_in_time_and_nobody_waits(
    built: Warehouse, rows_under_lock: int
) -> None:
    publish(built, [PEOPLE, VISITS])
    change_columns(built)
    run(built, "insert into marts_build.visits values (6, 6)")
    before = shape(built, "marts.people")
    engine = sa.create_engine(
        built.url, poolclass=sa.NullPool, connect_args={"application_name": "a dashboard"}
    )
    with engine.connect() as reader, newcomers(built) as seen:
        reader.exec_driver_sql("select count(*) from bi.people")
        pid = reader.exec_driver_sql("select pg_backend_pid()").scalar_one()
        begun = time.monotonic()
        with pytest.raises(WarehouseLocked) as refused:
            publish(built, [PEOPLE, VISITS], patience_s=1, rows_under_lock=rows_under_lock)
        assert time.monotonic() - begun < 10
    said = refused.value.problem
    assert "marts" in said and "people" in said
    assert f"session {pid}" in said and "a dashboard" in said and "idle in transaction since" in said
    assert max(waited for waited, _ in seen) < 1
    assert {found for _, found in seen} == {(("Казань", 10),)}
    assert shape(built, "marts.people") == before
    assert ask(built, "select count(*) from marts.visits") == [(5,)]


@APART
def test_columns_come_go_and_turn_in_their_place(built: Warehouse, rows_under_lock: int) -> None:
    publish(built, [PEOPLE, VISITS])
    run(
        built,
        """
        create schema company;
        create view company.names as select id, name from marts.people;
        create view company.masked as select id, name from bi.visits join bi.people using (id);
        create view company.births as select born from marts.people
        """,
    )
    change_columns(built)
    people = Mart("people", ("id",), PEOPLE.personal | {"phone"})
    told: list[str] = []
    engine = sa.create_engine(built.url, poolclass=sa.NullPool, isolation_level="REPEATABLE READ")
    try:
        with engine.connect() as reader, newcomers(built) as seen:
            reader.exec_driver_sql("select count(*) from marts.visits")
            publish(built, [people, VISITS], told.append, rows_under_lock=rows_under_lock)
            assert reader.exec_driver_sql("select count(*), count(name) from marts.people").one() == (10, 10)

        assert max(waited for waited, _ in seen) < 1
        old, new = (("Казань", 10),), (("Казань", 9), ("Пермь", 1))
        assert {found for _, found in seen} <= {old, new} and seen[-1][1] == new
        assert shape(built, "marts.people") == shape(built, "marts_build.people")
        assert ask(built, "select name, phone, city from bi.people where id = 1") == [
            ("И***", "+***", "Пермь")
        ]
        assert ask(built, "select count(*) from company.names") == [(10,)]
        assert ask(built, "select to_regclass('company.births')") == [(None,)]
        assert any("company.births" in line for line in told)
        assert ask(
            built,
            "select indexdef from pg_indexes where tablename = 'people' and indexdef ~ 'marts.people.*phone'",
        )
        again = publish(built, [people, VISITS], rows_under_lock=rows_under_lock)
        assert [(mart.written, mart.removed) for mart in again] == [(0, 0), (0, 0)]
    finally:
        run(built, "drop schema company cascade")


def test_a_publication_that_was_killed_half_way_leaves_nothing_for_the_next(built: Warehouse) -> None:
    publish(built, [PEOPLE, VISITS])
    run(built, "alter table marts.people add column c360_next_city varchar(20)")
    change_columns(built)

    publish(built, [PEOPLE, VISITS])

    assert shape(built, "marts.people") == shape(built, "marts_build.people")
    assert ask(built, "select city from marts.people where id = 1") == [("Пермь",)]


def test_another_key_takes_the_place_of_the_old_one(built: Warehouse) -> None:
    publish(built, [PEOPLE, VISITS])
    run(
        built,
        "alter table marts_build.people drop constraint people_pkey, alter id drop not null, "
        "add column code text; update marts_build.people set code = 'p' || id; "
        "alter table marts_build.people add primary key (code); update marts_build.people set id = null where id = 1",
    )

    publish(built, [Mart("people", ("code",), PEOPLE.personal), VISITS])

    assert ask(built, "select code from marts.people where id is null") == [("p1",)]
    assert ask(built, "select true from pg_indexes where indexdef ~ 'UNIQUE INDEX .* marts.people .*code'")


# -- who reads what --------------------------------------------------------------------------


def test_an_unchanged_publication_runs_no_ddl_and_grants_nothing(built: Warehouse) -> None:
    with ddl(built) as seen:
        publish(built, [PEOPLE, VISITS])
        first = seen()
        assert "CREATE TABLE marts.people" in first and "GRANT TABLE" in first, "nothing is watched"
        run(built, "update marts_build.people set city = 'Пермь' where id = 1")

        publish(built, [PEOPLE, VISITS])

        assert seen() == []


def test_a_column_that_becomes_personal_is_taken_from_bi(built: Warehouse) -> None:
    publish(built, [PEOPLE, VISITS])
    assert ask(built, "select city from marts.people limit 1", schema.BI)

    publish(built, [Mart("people", ("id",), PEOPLE.personal | {"city"}), VISITS])

    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        ask(built, "select city from marts.people", schema.BI)
    assert ask(built, "select distinct city from bi.people", schema.BI) == [("К***",)]
    publish(built, [PEOPLE, VISITS])
    assert ask(built, "select distinct city from marts.people", schema.BI) == [("Казань",)]


def test_privileges_that_somebody_gave_by_hand_are_taken_back(built: Warehouse) -> None:
    run(built, "create table marts_build.customer_card (customer_id text primary key, card jsonb)")
    cards = Mart("customer_card", ("customer_id",), frozenset({"card"}))
    publish(built, [PEOPLE, VISITS, cards])
    run(
        built,
        f"grant select on marts.people to {schema.BI}; grant insert on marts.visits to {schema.BI}; "
        f"grant select (name) on marts.people to {schema.AGENT}",
    )

    publish(built, [PEOPLE, VISITS, cards])

    for role, query in (
        (schema.BI, "select name from marts.people"),
        (schema.BI, "insert into marts.visits values (99)"),
        (schema.AGENT, "select name from marts.people"),
    ):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            ask(built, query, role)
    assert ask(built, "select count(city) from marts.people", schema.BI) == [(10,)]
    assert ask(built, "select count(*) from marts.customer_card", schema.AGENT) == [(0,)]


def test_bi_learns_nothing_of_personal_columns_from_statistics_and_comments(built: Warehouse) -> None:
    publish(built, [PEOPLE, VISITS])
    run(
        built,
        """
        create statistics marts.of_people (mcv) on name, city from marts.people;
        create statistics marts.of_names on (lower(name)) from marts.people;
        analyze marts.people; analyze marts_build.people
        """,
    )
    assert ask(built, "select count(*) from pg_stats where tablename = 'people' and attname = 'name'") == [
        (2,)
    ]

    seen = ask(
        built,
        "select schemaname || '.' || tablename || '.' || attname from pg_stats where tablename = 'people' order by 1",
        schema.BI,
    )
    assert seen == [("marts.people.city",), ("marts.people.id",)]
    for view in ("pg_stats_ext", "pg_stats_ext_exprs"):
        assert ask(built, f"select count(*) from {view} where tablename = 'people'", schema.BI) == [(0,)]
    (comment,) = ask(built, "select obj_description('bi.people'::regclass, 'pg_class')", schema.BI)[0]
    assert "Definition" in comment and not any(name in comment for name in PEOPLE.personal)


def test_a_failure_between_the_two_locks_takes_the_new_columns_back(
    built: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(built, [PEOPLE, VISITS])
    before = shape(built, "marts.people")
    change_columns(built)

    def fail(*_: object) -> None:
        assert ("c360_next_phone", "text") in shape(built, "marts.people")
        raise RuntimeError("killed")

    monkeypatch.setattr("dagster_project.warehouse.readers.grant", fail)
    with pytest.raises(RuntimeError, match="killed"):
        publish(built, [PEOPLE, VISITS], rows_under_lock=0)

    assert shape(built, "marts.people") == before
