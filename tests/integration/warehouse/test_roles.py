"""Who may do what: `c360 sql` reads only, as the analyst or as BI; the analyst reads every layer, never the demo's truth."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from dagster_project.commands.sql import Reader
from dagster_project.commands.sql import sql as command
from dagster_project.errors import ConfigError, WarehouseError, WarehouseLocked
from dagster_project.warehouse import Warehouse, schema
from dagster_project.warehouse.publish import Mart, publish

pytestmark = pytest.mark.every_server

Sql = Callable[..., list[str]]
LAYERS = (
    "raw_odoo",
    "staging",
    "intermediate",
    "identity",
    "marts_build",
    "marts",
    "bi",
    "quarantine",
    "ops",
)


@pytest.fixture
def sql(clean_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Sql:
    """The command on a warehouse with one mart; the lines that it writes."""
    monkeypatch.setattr("dagster_project.warehouse.open_warehouse", lambda *_: clean_warehouse)
    with clean_warehouse.begin() as connection:
        connection.exec_driver_sql(
            "create table marts_build.people as select 1 as id, 'Анна' as name, 'Казань' as city"
        )
    publish(clean_warehouse, [Mart("people", ("id",), frozenset({"name"}))])

    def run(query: str, role: Reader = Reader.ANALYST, write: bool = False) -> list[str]:
        command(query, role, write)
        return capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def truth(warehouse: Warehouse) -> Iterator[None]:
    with warehouse.admin_engine().connect() as admin:
        admin.exec_driver_sql(
            "drop schema if exists demo_truth cascade; create schema demo_truth; "
            "create table demo_truth.record_entities (entity_id text)"
        )
        yield
        admin.exec_driver_sql("drop schema demo_truth cascade")


def test_a_query_reads_and_cannot_write(sql: Sql) -> None:
    assert sql("select id, name, 'a,b' as x from marts.people where city like 'К%'") == [
        "id,name,x",
        '1,Анна,"a,b"',
    ]
    for statement in (
        "create table marts.zz(x int)",
        "delete from marts.people",
        "update identity.runs set run_id = null",
    ):
        with pytest.raises(ConfigError) as refused:
            sql(statement)
        assert "--write" in refused.value.remedy, refused.value
    with pytest.raises(ConfigError):
        sql("commit; create table marts.zz(x int)")
    assert sql("select to_regclass('marts.zz') is null as x")[1] == "True"


def test_writing_has_to_be_asked_for_and_is_committed(sql: Sql) -> None:
    assert sql("create table marts.zz(x int)", write=True) == []
    assert sql("select count(*) from marts.zz") == ["count", "0"]


def test_the_analyst_reads_every_layer_and_what_comes_later_but_not_the_truth(
    sql: Sql, clean_warehouse: Warehouse, truth: None
) -> None:
    with clean_warehouse.begin() as connection:
        connection.exec_driver_sql("create schema if not exists raw_later; create table raw_later.t (x int)")
        for layer in LAYERS:
            connection.exec_driver_sql(f"create table {layer}.later (x int)")
    try:
        for layer in (*LAYERS, "raw_later"):
            assert sql(f"select count(*) from {layer}.{'t' if layer == 'raw_later' else 'later'}")[1] == "0"
        assert sql("select count(*) from identity.edge_comparisons")[1] == "0"
        with pytest.raises(ConfigError, match="permission denied for schema demo_truth"):
            sql("select count(*) from demo_truth.record_entities")
    finally:
        with clean_warehouse.begin() as connection:
            connection.exec_driver_sql("drop schema raw_later cascade")


def test_tables_from_before_the_analyst_are_read_too(sql: Sql, clean_warehouse: Warehouse) -> None:
    with clean_warehouse.begin() as connection:
        for kind in ("usage on schemas", "select on tables"):
            connection.exec_driver_sql(f"alter default privileges revoke {kind} from {schema.ANALYST}")
        connection.exec_driver_sql("create schema raw_before; create table raw_before.t (x int)")
    try:
        assert sql("select count(*) from raw_before.t")[1] == "0"
    finally:
        with clean_warehouse.begin() as connection:
            connection.exec_driver_sql("drop schema raw_before cascade")


def test_a_query_as_bi_sees_what_bi_sees(sql: Sql) -> None:
    assert sql("select name, city from people", Reader.BI) == ["name,city", "А***,Казань"]
    with pytest.raises(ConfigError, match="permission denied"):
        sql("select name from marts.people", Reader.BI)
    with pytest.raises(ConfigError, match="permission denied"):
        sql("select 1 from identity.edges", Reader.BI)


def test_without_the_role_the_error_says_what_an_administrator_runs(
    sql: Sql, clean_warehouse: Warehouse
) -> None:
    with clean_warehouse.admin_engine().connect() as admin:
        admin.exec_driver_sql(f"revoke {schema.ANALYST} from {schema.OWNER}")
        try:
            with pytest.raises(WarehouseError, match="no role c360_analyst") as refused:
                sql("select 1")
        finally:
            admin.exec_driver_sql(f"grant {schema.ANALYST} to {schema.OWNER}")
    assert "create role c360_analyst nologin; grant c360_analyst to c360_owner;" in refused.value.remedy


def test_an_administrator_who_may_make_no_roles_is_told_what_to_run(clean_warehouse: Warehouse) -> None:
    with clean_warehouse.admin_engine().connect() as admin:
        admin.exec_driver_sql("create role weak createdb; grant weak to current_user")
        try:
            admin.exec_driver_sql("set role weak")
            with pytest.raises(WarehouseError, match="may not make the warehouse's roles") as refused:
                schema.create_roles(admin, clean_warehouse.url.database or "", "another_owner", None)
        finally:
            admin.exec_driver_sql("reset role; drop role weak")
    assert "create role c360_analyst" in refused.value.remedy


def test_no_session_of_the_owner_waits_for_a_lock_without_end(warehouse: Warehouse) -> None:
    engine = sa.create_engine(warehouse.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("show lock_timeout").scalar_one() == "10s"
    with warehouse.arrow() as arrow, arrow.adbc_clone() as clone, clone.cursor() as cursor:
        cursor.execute("select current_setting('lock_timeout')")
        assert cursor.fetchall() == [("10s",)]


def test_a_lock_that_is_not_granted_is_an_error_that_names_the_session(warehouse: Warehouse) -> None:
    engine = sa.create_engine(
        warehouse.url, poolclass=sa.NullPool, connect_args={"application_name": "an idle psql"}
    )
    with engine.connect() as holder:
        holder.exec_driver_sql("lock table ops.source_holds")
        pid = holder.exec_driver_sql("select pg_backend_pid()").scalar_one()
        with (
            pytest.raises(WarehouseLocked, match=f"session {pid} .*an idle psql"),
            warehouse.begin() as connection,
        ):
            connection.exec_driver_sql("set local lock_timeout = '50ms'; select 1 from ops.source_holds")
        with (
            pytest.raises(WarehouseLocked, match=f"session {pid}"),
            warehouse.arrow() as arrow,
            arrow.cursor() as cursor,
        ):
            cursor.execute("set lock_timeout = '50ms'")
            cursor.execute("select 1 from ops.source_holds")
