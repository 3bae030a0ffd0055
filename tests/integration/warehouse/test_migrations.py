"""Migrations: an empty warehouse becomes complete, an old one is adopted, and nothing waits without end."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dagster_project.config import Settings
from dagster_project.errors import RefreshBusy, WarehouseError
from dagster_project.identity.decisions import all_decisions
from dagster_project.warehouse import Warehouse, migrations, open_current, schema
from dagster_project.warehouse.lock import refresh_lock
from dagster_project.warehouse.migrations import Migration, migrate
from tests.conftest import empty

pytestmark = pytest.mark.every_server
BEFORE = Path(__file__).parent / "before_migrations.sql"
OURS = ("ops", "identity", "quarantine")
# Everything that a query or a program can notice of our tables.
CATALOG = """
select 'column', c.oid::regclass::text, format('%s %s %s %s %s %s', a.attnum, a.attname,
    format_type(a.atttypid, a.atttypmod), a.attnotnull, concat(a.attidentity, a.attgenerated),
    pg_get_expr(d.adbin, d.adrelid))
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = any(cast(:schemas as regnamespace[])) and c.relkind in ('r', 'v')
union all select 'options', oid::regclass::text, reloptions::text from pg_class
where relnamespace = any(cast(:schemas as regnamespace[])) and relkind in ('r', 'v')
union all select 'view', oid::regclass::text, pg_get_viewdef(oid) from pg_class
where relnamespace = any(cast(:schemas as regnamespace[])) and relkind = 'v'
union all select 'index', indrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
where indrelid in (select oid from pg_class where relnamespace = any(cast(:schemas as regnamespace[])))
union all select 'constraint', conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint
where connamespace = any(cast(:schemas as regnamespace[]))
union all select 'function', oid::regprocedure::text, prosrc from pg_proc
where pronamespace = any(cast(:schemas as regnamespace[]))
order by 1, 2, 3
"""


def catalog(warehouse: Warehouse) -> list[tuple]:
    with warehouse.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(CATALOG), {"schemas": list(OURS)})]


@pytest.fixture(autouse=True)
def _as_it_was(warehouse: Warehouse) -> Iterator[None]:
    """No migration of a test's own stays: who opens the warehouse next would be of another version."""
    yield
    empty(warehouse)


@pytest.fixture
def without_tables(clean_warehouse: Warehouse) -> Warehouse:
    """A warehouse without any of our tables."""
    run(clean_warehouse, "drop schema ops, identity, quarantine cascade; create schema quarantine")
    return clean_warehouse


def run(warehouse: Warehouse, statements: str) -> None:
    with warehouse.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute(statements)


def test_an_empty_warehouse_becomes_complete_and_the_second_time_nothing_happens(
    without_tables: Warehouse,
) -> None:
    applied = migrate(without_tables)

    assert applied == list(migrations.load())
    assert migrate(without_tables) == []
    made = catalog(without_tables)
    tables = {name for kind, name, _ in made if kind == "options"}
    assert {"ops.gated_loads", "ops.source_states", "identity.edges", "identity.edge_comparisons"} <= tables
    empty(without_tables)
    assert catalog(without_tables) == made, "prepare makes another warehouse than migrate"


def test_a_warehouse_from_before_migrations_is_adopted_with_its_rows(without_tables: Warehouse) -> None:
    migrate(without_tables)
    new = catalog(without_tables)
    run(without_tables, "drop schema ops, identity cascade")
    run(without_tables, BEFORE.read_text(encoding="utf-8"))
    run(
        without_tables,
        "insert into ops.source_reads values ('odoo', now());"
        "insert into ops.gated_loads (layer, table_name, load_id) values ('raw', 'odoo/t', '2'), ('marts', 'm', null);"
        "insert into ops.loads (load_id, source, table_name, run_id, rows_read, rows_arrived, rows_inserted, "
        "rows_updated, rows_rejected, tombstones, returned) select load_id, 'odoo', 't', '', 1, 1, 1, 0, 0, 0, 0 "
        "from unnest(array['1', '2', '3']) as load_id;"
        "insert into identity.customers (customer_id, created_at, created_run_id) values ('C1', now(), 'r')",
    )

    migrate(without_tables)

    assert catalog(without_tables) == new
    with without_tables.begin() as connection:
        assert connection.scalar(sa.text("select customer_id from identity.customers")) == "C1"
        assert connection.scalar(sa.text("select source_system from ops.source_states")) == "odoo"
        marks = connection.execute(sa.text("select table_name, loads from ops.gated_loads order by 1"))
        assert dict(marks.tuples().all()) == {"m": None, "odoo/t": ["1", "2"]}


def test_quarantines_of_an_older_version_take_keys_of_any_length(clean_warehouse: Warehouse) -> None:
    run(
        clean_warehouse,
        """create table quarantine."it's" (row_key text, row jsonb);
        create index "it's_row_key_idx" on quarantine."it's" (row_key);
        create index "it's_other_idx" on quarantine."it's" (row)""",
    )
    (ours,) = [migration for migration in migrations.load() if migration.name == "quarantine_row_keys"]
    run(clean_warehouse, ours.sql)
    with clean_warehouse.begin() as connection:
        kinds = connection.execute(
            sa.text(
                "select indexname, indexdef like '%USING hash%' from pg_indexes where schemaname = 'quarantine' "
                "order by 1"
            )
        ).all()
    assert [tuple(kind) for kind in kinds] == [("it's_other_idx", False), ("it's_row_key_idx", True)]


def test_a_migration_names_the_session_that_it_waits_for_and_leaves_nothing(
    clean_warehouse: Warehouse,
) -> None:
    extended = (
        *migrations.load(),
        Migration(9998, "later", "alter table identity.edges add column later text"),
    )
    engine = sa.create_engine(
        clean_warehouse.url, poolclass=sa.NullPool, connect_args={"application_name": "an idle psql"}
    )
    with engine.connect() as reader:
        reader.exec_driver_sql("select count(*) from identity.edge_comparisons")
        pid = reader.exec_driver_sql("select pg_backend_pid()").scalar_one()
        begun = time.monotonic()
        with pytest.raises(WarehouseError, match="Migration 9998_later") as refused:
            migrate(clean_warehouse, extended, attempts=2)
        assert time.monotonic() - begun < 10
        said = refused.value.problem
        assert f"session {pid}" in said and "an idle psql" in said and "idle in transaction since" in said
        with clean_warehouse.begin() as connection:
            assert migrations.pending(connection, extended) == list(extended[-1:])
    assert migrate(clean_warehouse, extended) == list(extended[-1:])


@pytest.mark.parametrize("change", ["newer", "edited"])
def test_a_warehouse_that_this_version_does_not_know_is_refused(
    clean_warehouse: Warehouse, change: str
) -> None:
    *others, last = migrations.load()
    known = tuple(others) if change == "newer" else (*others, dataclasses.replace(last, sql=last.sql + " "))

    with pytest.raises(WarehouseError, match=last.label) as refused:
        migrate(clean_warehouse, known)

    assert refused.value.remedy


def test_nothing_is_migrated_while_a_refresh_is_at_work(clean_warehouse: Warehouse) -> None:
    extended = (*migrations.load(), Migration(9998, "later", "create table ops.later ()"))
    with refresh_lock(clean_warehouse, "a refresh"):
        with pytest.raises(RefreshBusy):
            migrate(clean_warehouse, extended, refresh_lock_key=schema.REFRESH_LOCK_KEY)
        assert migrate(clean_warehouse, extended), "the refresh itself migrates under its lock"


def test_a_steward_meets_a_warehouse_that_is_behind(without_tables: Warehouse, settings: Settings) -> None:
    url = without_tables.url.render_as_string(hide_password=False)

    opened = open_current(settings.model_copy(update={"warehouse_url": url}))

    assert list(all_decisions(opened)) == []


def test_numbers_may_have_gaps_and_a_lower_one_may_come_later(clean_warehouse: Warehouse) -> None:
    highest = Migration(9998, "highest", "create table ops.highest ()")
    lower = Migration(9990, "lower", "create table ops.lower ()")
    migrate(clean_warehouse, (*migrations.load(), highest))

    assert migrate(clean_warehouse, (*migrations.load(), lower, highest)) == [lower]


def test_a_file_with_a_wrong_name_or_a_number_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("select 1")
    (tmp_path / "0001_b.sql").write_text("select 1")
    with pytest.raises(WarehouseError, match="0001"):
        migrations.load(tmp_path)
    (tmp_path / "2_c.sql").write_text("select 1")
    with pytest.raises(WarehouseError, match="NNNN"):
        migrations.load(tmp_path)
