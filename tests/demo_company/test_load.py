"""The demo company in PostgreSQL: complete, coherent with its truth, and the truth out of sight."""

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

import demo_company
from dagster_project.config import DBT_PROJECT_DIR, EXPECTATIONS_DIR, PROJECT_ROOT
from dagster_project.errors import WarehouseError
from dagster_project.sources import files, load_source
from dagster_project.sources.delivery import Delivery
from dagster_project.warehouse import Warehouse, schema

_RECORDS = {
    "suitecrm": "select 'contact:' || id from contacts union all select 'lead:' || id from leads",
    "odoo": "select 'partner:' || id from res_partner union all select 'receipt:' || id from pos_order "
    "where partner_id is null and (email is not null or mobile is not null)",
    "woocommerce": "select 'user:' || user_id from wp_wc_customer_lookup where user_id is not null union all "
    "select 'order:' || id from wp_wc_orders where customer_id = 0 and type = 'shop_order'",
    "asterisk": "select distinct 'number:' || n from (select case dcontext when 'from-trunk' then src else dst end "
    "as n from cdr where dcontext in ('from-trunk', 'from-internal')) as c where length(n) > 5 and n <> 'anonymous'",
    "chatwoot": "select 'contact:' || id from contacts where name !~ '^[a-z]+-[a-z]+-[0-9]+$' "
    "or coalesce(email, phone_number, identifier) is not null "
    "or id in (select contact_id from contact_inboxes where inbox_id in (1, 2, 3, 5))",
    "matomo": "with seen as (select idvisit, encode(idvisitor, 'hex') as visitor from matomo_log_visit "
    "union select idvisit, encode(idvisitor, 'hex') from matomo_log_link_visit_action "
    "union select idvisit, encode(idvisitor, 'hex') from matomo_log_conversion) "
    "select 'visitor:' || visitor from seen join matomo_log_visit using (idvisit) "
    "left join matomo_log_conversion c using (idvisit) group by visitor "
    "having count(distinct user_id) <= 1 and (min(user_id) is not null or count(idorder) > 0)",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files are dropped."""
    return tmp_path_factory.mktemp("drops")


@pytest.fixture(scope="module")
def built(warehouse: Warehouse, folder: Path) -> demo_company.Summary:
    return demo_company.create(warehouse, customers=400, seed=3, folder=folder)


def test_every_row_arrives(warehouse: Warehouse, built: demo_company.Summary) -> None:
    made = demo_company.generate(400, seed=3)
    for source, tables in made.tables.items():
        with sa.create_engine(demo_company.source_url(warehouse, source)).connect() as connection:
            for name, table in tables.items():
                assert connection.scalar(sa.text(f"select count(*) from {name}")) == len(table), name
    assert built.cards == len(demo_company.truth(warehouse))
    assert demo_company.exists(warehouse)
    assert demo_company.parameters(warehouse)["customers"] == "400"


@pytest.mark.parametrize("source", demo_company.SOURCES)
def test_cards_and_truth_are_the_same_set(
    warehouse: Warehouse, built: demo_company.Summary, source: str
) -> None:
    with sa.create_engine(demo_company.source_url(warehouse, source)).connect() as connection:
        cards = list(connection.scalars(sa.text(_RECORDS[source])))
    truth = demo_company.truth(warehouse).to_pandas()
    known = set(truth[truth["source_system"] == source]["source_record_id"])
    assert len(cards) == len(set(cards))
    assert set(cards) == known


@pytest.mark.parametrize("role", [schema.OWNER, schema.BI, schema.AGENT])
@pytest.mark.parametrize("table", ["record_entities", "parameters"])
def test_no_role_of_the_pipeline_reads_the_truth(
    warehouse: Warehouse, built: demo_company.Summary, role: str, table: str
) -> None:
    with warehouse.admin_engine().connect() as connection:
        connection.exec_driver_sql(f"set role {role}")
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            connection.exec_driver_sql(f"select * from demo_truth.{table}")


def test_nothing_of_the_pipeline_mentions_the_truth() -> None:
    folders = [PROJECT_ROOT / "dagster_project", DBT_PROJECT_DIR, EXPECTATIONS_DIR]
    files = [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in {".py", ".sql", ".yml", ".json"}
    ]
    files = [path for path in files if "target" not in path.parts]
    assert files
    allowed = {PROJECT_ROOT / "dagster_project" / "cli.py"}
    telling = [
        path for path in files
        if path not in allowed and not path.name.startswith("demo")
        and "demo_truth" in path.read_text(encoding="utf-8")
    ]  # fmt: skip
    assert telling == []


def test_building_again_replaces_everything(
    warehouse: Warehouse, built: demo_company.Summary, folder: Path
) -> None:
    before = demo_company.truth(warehouse), contents(folder)
    (folder / "ads" / "spend" / "left.csv").write_text("of an earlier company")
    demo_company.create(warehouse, customers=400, seed=3, folder=folder)
    assert (demo_company.truth(warehouse), contents(folder)) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_dropped_row_is_read(
    warehouse: Warehouse, built: demo_company.Summary, folder: Path, tmp_path: Path
) -> None:
    for source, tables in demo_company.generate(400, seed=3).drops.items():
        declared = load_source(source)
        with Delivery(declared, tmp_path) as delivery:
            readings = files.read(declared, (folder / source).as_uri(), {}, delivery)
            for table in declared.tables:
                assert readings[table.name].refused == []
                assert delivery.count(table) == len(tables[table.name]) > 0


def test_without_an_administrator_it_says_what_to_set(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="C360_WAREHOUSE_ADMIN_URL"):
        demo_company.create(Warehouse(warehouse.url), customers=10)


def test_the_login_cannot_read_the_warehouse(warehouse: Warehouse, built: demo_company.Summary) -> None:
    url = demo_company.source_url(warehouse, "odoo").set(database=warehouse.url.database)
    with sa.create_engine(url).connect() as connection, pytest.raises(sa.exc.ProgrammingError):
        connection.exec_driver_sql("create table marts.mine (a integer)")


@pytest.mark.slow
def test_many_customers(warehouse: Warehouse, folder: Path) -> None:
    began = time.monotonic()
    summary = demo_company.create(warehouse, customers=30_000, folder=folder)
    print(f"30,000 customers, {summary.rows} rows: {time.monotonic() - began:.0f} s")
    assert summary.cards > 90_000
    assert len(demo_company.truth(warehouse)) == summary.cards
    demo_company.create(warehouse, customers=400, seed=3, folder=folder)  # what the other tests expect
