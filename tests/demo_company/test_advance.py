"""Days that pass: the same ones give the same rows, and the truth knows every card afterwards."""

from pathlib import Path

import pytest
import sqlalchemy as sa

import demo_company
from dagster_project.errors import C360Error
from dagster_project.warehouse import Warehouse
from demo_company.advance import _in_both
from demo_company.generate import generate
from tests.demo_company.test_load import _RECORDS

CUSTOMERS, SEED = 100, 11


def ask(warehouse: Warehouse, source: str, query: str) -> list[tuple]:
    engine = sa.create_engine(demo_company.source_url(warehouse, source), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def state(warehouse: Warehouse, folder: Path) -> dict[str, object]:
    """Every table and file of every system, and the truth."""
    found: dict[str, object] = {
        f"{source}.{table}": ask(
            warehouse, source, f"select count(*), sum(hashtextextended(t::text, 0)) from {table} t"
        )
        for source in demo_company.SOURCES
        for (table,) in ask(
            warehouse, source, "select tablename from pg_tables where schemaname = 'public' order by 1"
        )
    }
    found |= {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    truth = demo_company.truth(warehouse).to_pylist()
    return found | {"truth": sorted(map(str, truth)), "parameters": demo_company.parameters(warehouse)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def begun(warehouse: Warehouse, folder: Path) -> dict[str, object]:
    demo_company.create(warehouse, CUSTOMERS, SEED, folder=folder)
    return state(warehouse, folder)


@pytest.fixture(scope="module")
def advanced(warehouse: Warehouse, folder: Path, begun: dict[str, object]) -> dict[str, object]:
    """The company three days later."""
    done = demo_company.advance(warehouse, 3, folder)
    assert done.today == "2026-10-03T18:00:00"
    assert done.newcomers > 0
    assert [done.total(what) > 0 for what in ("copies", "gone", "dead")] == [True] * 3
    return state(warehouse, folder)


@pytest.mark.parametrize("source", list(_RECORDS))
def test_the_truth_knows_every_card_and_no_other(
    warehouse: Warehouse, advanced: dict[str, object], source: str
) -> None:
    cards = [card for (card,) in ask(warehouse, source, _RECORDS[source])]
    truth = demo_company.truth(warehouse).to_pandas()
    known = truth[truth["source_system"] == source]["source_record_id"]
    assert len(cards) == len(set(cards))
    assert len(known) == known.nunique()
    assert set(cards) == set(known)


def test_every_kind_of_change_happens(
    warehouse: Warehouse, begun: dict[str, object], advanced: dict[str, object]
) -> None:
    changed = {table for table in begun if begun[table] != advanced[table]}
    new = sorted(set(advanced) - set(begun))
    assert len(new) == 3 * 6 and all("2026-10-0" in file for file in new)
    assert {
        "odoo.res_partner", "odoo.pos_order", "odoo.pos_order_line", "odoo.pos_payment", "odoo.sale_order",
        "odoo.sale_order_line", "odoo.stock_picking", "suitecrm.contacts", "suitecrm.leads", "suitecrm.calls",
        "suitecrm.calls_contacts", "woocommerce.wp_wc_orders", "woocommerce.wp_wc_order_addresses",
        "woocommerce.wp_wc_orders_meta", "woocommerce.wp_woocommerce_order_items",
        "woocommerce.wp_woocommerce_order_itemmeta", "asterisk.cdr", "asterisk.queue_log",
        "chatwoot.contacts", "chatwoot.conversations", "chatwoot.messages", "matomo.matomo_log_visit",
        "matomo.matomo_log_link_visit_action",
    } <= changed  # fmt: skip
    as_of = str(demo_company.AS_OF).replace("T", " ")
    for source, query in (
        # Late: a call that began, and ended, before others whose rows were there already.
        (
            "asterisk",
            f"select count(*) from cdr where \"end\" < timestamp '{as_of}' + interval '3 hours' "
            "and uniqueid ~ '[.]100[0-9]{4}$'",
        ),
        # Merged or deleted at the source.
        ("suitecrm", f"select count(*) from contacts where deleted = 1 and date_modified > '{as_of}'"),
        ("woocommerce", f"""select count(*) from wp_wc_orders where status = 'wc-completed'
            and date_updated_gmt > '{as_of}'"""),
        # A new web order is in the ERP too.
        ("odoo", f"select count(*) from sale_order where origin = 'WooCommerce' and date_order > '{as_of}'"),
    ):  # fmt: skip
        assert ask(warehouse, source, query)[0][0] > 0, query
    latest = "select max(write_date)::text, max(date_order)::text from pos_order"
    assert all("2026-10-03" in time for time in ask(warehouse, "odoo", latest)[0])
    for table, parent, column in (
        ("pos_order_line", "pos_order", "order_id"), ("sale_order_line", "sale_order", "order_id"),
        ("pos_order", "res_partner", "partner_id"), ("sale_order", "res_partner", "partner_id"),
        ("loyalty_card", "res_partner", "partner_id"), ("stock_picking", "sale_order", "sale_id"),
    ):  # fmt: skip
        orphans = f"select count(*) from {table} where {column} not in (select id from {parent})"
        assert ask(warehouse, "odoo", orphans) == [(0,)], orphans


@pytest.mark.slow
def test_one_day_and_two_more_are_three_days(
    warehouse: Warehouse, folder: Path, begun: dict[str, object], advanced: dict[str, object]
) -> None:
    demo_company.create(warehouse, CUSTOMERS, SEED, folder=folder)
    assert state(warehouse, folder) == begun
    demo_company.advance(warehouse, 1, folder)
    demo_company.advance(warehouse, 2, folder)
    again = state(warehouse, folder)
    assert [table for table in again if again[table] != advanced[table]] == []


def test_no_day_is_no_day(warehouse: Warehouse, begun: dict[str, object]) -> None:
    with pytest.raises(C360Error, match="0 days"):
        demo_company.advance(warehouse, 0)


def test_a_newcomer_who_is_twice_in_the_crm_comes_once() -> None:
    """On its fourth day the company of the README meets one."""
    world = generate(1360, seed=42 * 100_003 + 4)
    entities = [entity for entity, _, _ in _in_both(world.tables, world.record_entities)]
    assert len(entities) == len(set(entities)) > 34
