"""Runs that break off: killed, stopped by a gate, or without their warehouse; and where the next run ends."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from dagster_project.warehouse.connect import embedded_server
from tests.conftest import left_behind
from tests.end_to_end.conftest import Company, one_error, open_to_others, twin_of

CHANGED_AT = "timestamp '2026-09-30 18:00:00'"
# What people did before the night: every way in which a card or an order comes, changes and goes.
CHANGES = (
    (
        "odoo",
        "insert into res_partner (id, name, is_company, type, phone, active, create_date, write_date) "
        f"values (900001, 'Новиков Пётр', false, 'contact', '+79160000001', true, {CHANGED_AT}, {CHANGED_AT})",
    ),
    (
        "odoo",
        f"update res_partner set phone = '+79160000002', write_date = {CHANGED_AT} where id = "
        "(select min(id) from res_partner where phone is not null and not is_company)",
    ),
    ("woocommerce", "delete from wp_wc_orders where id = (select max(id) from wp_wc_orders)"),
    (
        "suitecrm",
        "update contacts set phone_mobile = '+79160000001', last_name = 'Новиков', first_name = 'Пётр', "
        f"date_modified = {CHANGED_AT} where id = (select min(id) from contacts where deleted = 0)",
    ),
    ("odoo", "delete from pos_order where id = (select max(id) from pos_order)"),
    (
        "asterisk",
        'insert into cdr select (jsonb_populate_record(c, \'{"uniqueid": "9000001.1", '
        '"linkedid": "9000001.1", "src": "+79160000003"}\')).* from cdr c order by "end" desc limit 1',
    ),
)

IMPORTS = """
import os, signal
from dagster_project import checks
from dagster_project.assets import dbt
from dagster_project.config import load_settings
from dagster_project.identity import store
from dagster_project.quality import GateOutcome, Status
from dagster_project.sources import window
from dagster_project.warehouse import publish
from dagster_project.warehouse.connect import embedded_server
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
def stop_server(): embedded_server(load_settings().home).stop()
def at_model(name, act):
    count = dbt._with_row_count
    def counted(event, warehouse):
        if name in str(getattr(event, 'output_name', '')): act()
        return count(event, warehouse)
    dbt._with_row_count = counted
def before(act, step):
    def broken(*arguments):
        act()
        return step(*arguments)
    return broken
"""
# The gates would take half the time; the last run judges all that they let pass.
NO_GATES = (
    "checks.run_gate = lambda _, suite, **__: "
    "GateOutcome(suite.table, Status.PASSED, (), (), 0, 0, 0, 0, 0.0)\n"
)
SPOILED_CARD = """
judge = checks.run_gate
def spoiled(warehouse, suite, **arguments):
    if suite.path == ("intermediate", "customer_records"):
        with warehouse.begin() as connection:
            connection.exec_driver_sql("update intermediate.customer_records set source_system = 'nowhere' "
                "where ctid = (select max(ctid) from intermediate.customer_records)")
    return judge(warehouse, suite, **arguments)
checks.run_gate = spoiled
"""


def was_killed(_: Company, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == -9, f"{done.stdout}{done.stderr}"


def was_stopped_at_its_gate(company: Company, done: subprocess.CompletedProcess[str]) -> None:
    said = one_error(company, done)
    assert said.startswith(
        "gate intermediate/customer_records: intermediate.customer_records.source_system: 1 of "
    )
    assert said.endswith("rows break 'source_system is one of vars.sources'")


def lost_its_warehouse(step: str) -> Callable[[Company, subprocess.CompletedProcess[str]], None]:
    def check(company: Company, done: subprocess.CompletedProcess[str]) -> None:
        said = one_error(company, done)
        assert said.startswith(f"{step}: The warehouse") and "does not answer" in said
        assert "c360 warehouse start" in done.stderr

    return check


# In the order of the pipeline, so that each run comes a little farther than the one before it.
BREAKS = {
    "after the load of a source, before its watermark moves": (
        NO_GATES + "window.finish = die",
        was_killed,
    ),
    "at a contract's gate": (SPOILED_CARD, was_stopped_at_its_gate),
    "in the transaction that writes the linkage": (
        NO_GATES + "store._write_summary = before(stop_server, store._write_summary)",
        lost_its_warehouse("resolve_identities"),
    ),
    "as dbt begins the marts": (
        NO_GATES + "at_model('dim_customer', stop_server)",
        lost_its_warehouse("dbt_marts"),
    ),
    "in the transaction that publishes": (NO_GATES + "publish._drop_others = die", was_killed),
}
LINKED_LATER = tuple(BREAKS)[:3]


def linked(company: Company) -> dict[str, tuple]:
    """All that follows from a linkage; the log of changed cards grows until there is one."""
    return {
        table: state
        for table, state in company.state("identity", "marts_build").items()
        if table != "identity.card_changes"
    }


@pytest.fixture(scope="module")
def twin(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """The company's copy, to which the same is done and nothing bad happens."""
    with twin_of(company, tmp_path_factory.mktemp("twin") / "home") as twin:
        yield twin


@pytest.mark.slow
@pytest.mark.timeout(1500)  # seven refreshes
def test_whatever_breaks_off_a_run_the_last_one_ends_where_an_undisturbed_one_does(
    company: Company, twin: Company
) -> None:
    assert company.state() == twin.state()
    for each in (company, twin):
        for source, statement in CHANGES:
            assert each.at_source(source, statement) == 1
    published = company.state("marts")
    unlinked = linked(company)

    for place, (patch, check) in BREAKS.items():
        done = company.patched_refresh(IMPORTS + patch)
        check(company, done)
        assert open_to_others(company.settings.home) == [], place
        embedded_server(company.settings.home).start()
        assert company.state("marts") == published, f"readers see something of a run that broke off {place}"
        if place in LINKED_LATER:
            assert linked(company) == unlinked, place

    for each in (company, twin):
        done = each.refresh()
        assert done.returncode == 0, done.stdout + done.stderr
    assert company.state() == twin.state() != published
    assert left_behind(company.settings.home) == []
    assert company.ask(
        "select count(*) from marts.bridge_customer_identifier where value = '+79160000002'"
    ) != [(0,)]
