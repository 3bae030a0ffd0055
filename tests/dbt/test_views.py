"""How views are built again: in their place, so that what hangs on them stays."""

import sqlalchemy as sa

from dagster_project.warehouse import Warehouse
from tests.dbt.conftest import Dbt

VIEWS = "select relname, oid from pg_class where relkind = 'v' and relnamespace = 'staging'::regnamespace"
SHOP, ORDERS = "path:models/staging/woocommerce", "staging.stg_woocommerce__orders"


def views(warehouse: Warehouse) -> dict[str, int]:
    with warehouse.begin() as connection:
        return dict(connection.execute(sa.text(VIEWS)).all())


def execute(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_view_that_says_the_same_or_more_is_the_same_view(sample: Warehouse, dbt: Dbt) -> None:
    assert not dbt("build", "--select", "path:seeds", "path:models/staging").named("error", "skipped")
    before = views(sample)
    execute(
        sample,
        "create view staging.upon_orders as select * from staging.stg_woocommerce__orders",
        # In the same columns, other words than the project's.
        f"do $$ begin execute 'create or replace view {ORDERS} as select * from ('"
        f" || rtrim(pg_get_viewdef('{ORDERS}'::regclass), ';') || ') as o where false'; end $$",
    )
    assert not dbt("run", "--select", SHOP).named("error", "skipped")
    after = views(sample)
    assert {name: after[name] for name in before} == before and "upon_orders" in after
    with sample.begin() as connection:
        assert connection.scalar(sa.text("select count(*) from staging.upon_orders")) > 0


def test_views_of_other_columns_are_made_anew_with_all_that_is_built_on_them(
    sample: Warehouse, dbt: Dbt
) -> None:
    assert not dbt("build", "--select", "path:seeds", "path:models/staging").named("error", "skipped")
    before = views(sample)
    bases = sorted(name for name in before if name.startswith("stg_woocommerce__"))
    # As an earlier release left them: one view upon all, each of other columns; one is a table.
    execute(
        sample,
        *(f"drop view if exists staging.{name} cascade" for name in bases),
        *(f"create view staging.{name} as select 1 as once" for name in bases[1:]),
        f"create table staging.{bases[0]} (once int)",
        f"create view staging.upon_all as select 1 as one from {', '.join(f'staging.{n}' for n in bases[1:])}",
    )
    assert not dbt("run", "--select", SHOP).named("error", "skipped")
    after = views(sample)
    assert after.keys() == before.keys() - {"upon_orders"}


def test_a_reader_who_holds_what_dbt_replaces_is_named_and_not_waited_for(
    sample: Warehouse, dbt: Dbt
) -> None:
    assert not dbt("build", "--select", "path:seeds", "path:models/staging", "ad_spend").named(
        "error", "skipped"
    )
    said = "select pg_get_viewdef(cast(:name as regclass)), to_regclass('intermediate.ad_spend')::oid"
    execute(
        sample,
        f"do $$ begin execute 'create or replace view {ORDERS} as select * from ('"
        f" || rtrim(pg_get_viewdef('{ORDERS}'::regclass), ';') || ') as o where false'; end $$",
    )
    engine = sa.create_engine(
        sample.url, poolclass=sa.NullPool, connect_args={"application_name": "an idle psql"}
    )
    with engine.connect() as reader:
        before = reader.execute(sa.text(said), {"name": ORDERS}).one()
        reader.exec_driver_sql(f"select count(*) from {ORDERS}")
        reader.exec_driver_sql("select count(*) from intermediate.ad_spend")
        pid = reader.exec_driver_sql("select pg_backend_pid()").scalar_one()
        done = dbt(
            *("run", "--select", "stg_woocommerce__orders", "ad_spend"),
            *("--vars", "{lock_patience: 1 second}"),
        )
        assert done.named("error") == {"stg_woocommerce__orders", "ad_spend"}
        words = " ".join(done.output.split())
        assert (
            words.count(f"session {pid} (user c360_owner, application an idle psql, idle in transaction") >= 2
        )
        assert reader.execute(sa.text(said), {"name": ORDERS}).one() == before
