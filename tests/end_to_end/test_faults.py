"""The faults of a night, by the whole command: what it says, what it leaves alone, and that the next run is right.

Belongs here: what only the whole chain shows. Faults of one extraction are in tests/integration/sources, runs
that break off in test_broken_runs.py.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import demo_company
from dagster_project.config import source_contracts
from tests.end_to_end.conftest import Company, errors, one_error

ROOT = os.geteuid() == 0
AMOUNT = "двенадцать"


def source_setting(source: str) -> str:
    return f"C360_SOURCE_{source.upper()}_URL"


def source_url(company: Company, source: str) -> sa.URL:
    return demo_company.source_url(company.warehouse, source)


def text(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


# -- settings ------------------------------------------------------------------------------


def test_a_setting_that_is_missing_or_wrong_is_named_before_anything_runs(company: Company) -> None:
    warehouse = text(company.warehouse.url)
    sources = {source_setting(s): text(source_url(company, s)) for s in source_contracts()}
    production = {"C360_PROFILE": "production"}
    for environment, words in (
        (production, "C360_WAREHOUSE_URL is not set"),
        (
            {**production, "C360_WAREHOUSE_URL": warehouse, **sources, source_setting("odoo"): ""},
            "C360_SOURCE_ODOO_URL is not set",
        ),
        ({"C360_TIME_ZONE": "Europe/Nowhere"}, "C360_TIME_ZONE: "),
        ({"C360_WAREHOUSE_URL": "postgresql+psycopg://u:p@127.0.0.1:1/c360"}, "127.0.0.1:1/c360"),
        ({source_setting("odoo"): "not a URL"}, "C360_SOURCE_ODOO_URL is not a database URL"),
    ):
        done = company.refresh(**environment)
        assert words in one_error(company, done)
        assert "✓" not in done.stdout


# -- sources -------------------------------------------------------------------------------


@contextlib.contextmanager
def broken(company: Company, source: str, breaking: str, mending: str) -> Iterator[None]:
    company.at_source(source, breaking)
    try:
        yield
    finally:
        company.at_source(source, mending)


NEW_VISIT = (
    "create temp table v as select * from matomo_log_visit order by visit_last_action_time desc limit 1; "
    "update v set idvisit = idvisit + 1000000, visit_first_action_time = visit_last_action_time; "
    "insert into matomo_log_visit select * from v"
)
# What is not 0 or 1 is no flag: a rule that stops the table's gate.
NO_FLAG = "(select id from contacts where deleted = 0 order by id limit 1)"


@pytest.mark.slow
def test_broken_sources_are_held_back_one_line_each_and_the_others_go_on(company: Company) -> None:
    before = company.state()
    suitecrm_before = company.ask(
        "select * from intermediate.customer_records where source_system = 'suitecrm' order by 1, 2"
    )
    company.at_source("matomo", NEW_VISIT)
    changed = "date_modified = (select max(date_modified) from contacts) + interval '1 second'"
    with (
        broken(
            company,
            "woocommerce",
            "alter table wp_wc_orders rename column billing_email to mail",
            "alter table wp_wc_orders rename column mail to billing_email",
        ),
        broken(company, "asterisk", "alter table queue_log rename to q", "alter table q rename to queue_log"),
        broken(
            company,
            "suitecrm",
            f"update contacts set deleted = 2, last_name = 'Перепутанный', {changed} where id = {NO_FLAG}",
            f"update contacts set deleted = 0, last_name = 'Исправленный', {changed} where deleted = 2",
        ),
    ):
        done = company.refresh(
            **{
                source_setting("odoo"): text(source_url(company, "odoo").set(port=1)),
                source_setting("chatwoot"): text(source_url(company, "chatwoot").set(password="wrong")),
            }
        )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "published, 5 sources held back" in done.stdout
    said = errors(company, done)
    asterisk, chatwoot, odoo, suitecrm, woocommerce = said
    assert "asterisk is kept as it was read on" in asterisk
    assert "the source has no table queue_log" in asterisk
    assert "password authentication failed" in chatwoot
    assert "odoo at 127.0.0.1:1/demo_odoo (user c360_demo) does not answer" in odoo
    assert "raw_suitecrm.contacts" in suitecrm
    assert "the source has no column wp_wc_orders.billing_email" in woocommerce
    # A setting is named where it is set; the others are the demo company's.
    assert set(re.findall(r"C360_SOURCE_\w+_URL", done.stderr)) == {
        source_setting(s) for s in ("odoo", "chatwoot")
    }
    assert "The demo company's own database is read" in asterisk
    # Readers have the news of the source that is sound, and of the others what they had.
    after = company.state()
    assert after["marts.fct_interaction"][0] == before["marts.fct_interaction"][0] + 1
    assert {t for t in before if after[t][0] != before[t][0]} <= {
        "marts.fct_interaction",
        "marts.fct_journey",
        "marts.fct_journey_step",
    }
    assert suitecrm_before == company.ask(
        "select * from intermediate.customer_records where source_system = 'suitecrm' order by 1, 2"
    )
    ages = dict(
        company.ask(
            "select source_system, held_reason is not null and refreshed_at < held_since "
            "from marts.data_freshness where held_since is not null"
        )
    )
    assert ages == dict.fromkeys(("asterisk", "chatwoot", "odoo", "suitecrm", "woocommerce"), True)
    assert company.ask("select sum(rows_unexplained) from marts.reconciliation") == [(0,)]

    mended = company.refresh()
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert company.ask("select count(*) from marts.data_freshness where held_since is not null") == [(0,)]
    assert company.ask(
        "select count(*) from intermediate.customer_records where family_name = 'Исправленный'"
    ) == [(1,)]


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """`folder` on a file system of its own that has no room."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="only root can mount a small file system")
def test_a_full_disk_a_duplicate_key_and_a_table_without_rows(company: Company) -> None:
    before = company.state()
    with (
        full_disk(company.settings.home / "dlt"),
        broken(
            company,
            "asterisk",
            "alter table cdr drop constraint cdr_pkey; "
            'insert into cdr select * from cdr order by "end" desc limit 1',
            "delete from cdr a using cdr b where a.ctid > b.ctid "
            "and (a.uniqueid, a.sequence) = (b.uniqueid, b.sequence); "
            "alter table cdr add primary key (uniqueid, sequence)",
        ),
        broken(
            company,
            "odoo",
            "create table kept as table loyalty_card; truncate loyalty_card",
            "insert into loyalty_card select * from kept; drop table kept",
        ),
    ):
        done = company.refresh()
    assert done.returncode == 1
    said = {re.split("[: ]", line.removeprefix("extract_"))[0]: line for line in errors(company, done)}
    assert "1 values of the key (uniqueid, sequence) stand more than once in cdr" in said.pop("asterisk")
    assert "odoo.loyalty_card returns no rows where there were" in said.pop("odoo")
    assert {"suitecrm", "woocommerce"} <= set(said)
    assert all(
        f"{source}: No space left on the disk below C360_HOME" in line for source, line in said.items()
    )
    assert "C360_MAY_BE_EMPTIED=odoo.loyalty_card" in done.stderr
    assert company.state() == before


# -- rows ----------------------------------------------------------------------------------


def two_at_once(
    company: Company,
) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    """A refresh, and one that was started while it was at work."""
    command = [str(Path(sys.executable).parent / "c360"), "refresh"]
    first = subprocess.Popen(
        command, env=company.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    held = "select 1 from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' "
    deadline = time.monotonic() + 60
    while not company.ask(held + "and a.application_name like 'Seamless 360 run %'"):
        assert first.poll() is None and time.monotonic() < deadline, "the first refresh never took the lock"
        time.sleep(0.2)
    second = company.refresh()
    out, err = first.communicate(timeout=300)
    return subprocess.CompletedProcess(command, first.returncode, out, err), second


@pytest.mark.slow
def test_bad_rows_wait_in_quarantine_and_come_back_mended(company: Company) -> None:
    before = company.state()
    early, late = company.ask(
        "select source_record_id, order_id from marts.fct_order where source_system = 'odoo' "
        "and order_id like 'odoo:pos:%' order by ordered_at desc limit 2"
    )
    receipts = [int(order_id.rsplit(":")[-1]) for _, order_id in (early, late)]
    meta = company.source_value(
        "woocommerce",
        "select max(meta_id) from wp_woocommerce_order_itemmeta join wp_woocommerce_order_items i "
        "using (order_item_id) join wp_wc_orders o on o.id = i.order_id "
        "where meta_key = '_line_total' and o.status = 'wc-completed'",
    )
    bumped = (
        "update wp_wc_orders set date_updated_gmt = {at} where id = (select order_id from "
        "wp_woocommerce_order_items join wp_woocommerce_order_itemmeta using (order_item_id) "
        f"where meta_id = {meta}); "
    )
    # As late as anything that was ever read: what another test deleted may have been later than all that is left.
    ((newest,),) = company.ask("select max(date_updated_gmt) from raw_woocommerce.wp_wc_orders")
    ((latest,),) = company.ask("select max(write_date) from raw_odoo.pos_order")
    newest, written = f"timestamp '{newest}'", f"write_date = timestamp '{latest}'"
    company.at_source("odoo", "create table kept as table pos_order")
    company.at_source("woocommerce", "create table kept as table wp_woocommerce_order_itemmeta")
    for receipt, year in zip(receipts, ("0001", "9999"), strict=True):
        company.at_source(
            "odoo", f"update pos_order set date_order = '{year}-01-02', {written} where id = {receipt}"
        )
    company.at_source(
        "woocommerce",
        bumped.format(at=newest)
        + f"update wp_woocommerce_order_itemmeta set meta_value = '{AMOUNT}' where meta_id = {meta}",
    )

    done = company.refresh()
    assert done.returncode == 3, done.stdout + done.stderr
    assert AMOUNT not in done.stdout + done.stderr
    (said,) = errors(company, done)
    assert said.startswith("3 rows were put into quarantine")
    rows = company.ask(
        "select row_key, reasons, load_id is not null from quarantine.odoo__pos_order union all "
        "select row_key, reasons, load_id is not null "
        "from quarantine.woocommerce__wp_woocommerce_order_itemmeta"
    )
    assert sorted(rows) == sorted(
        [
            *((str(r), ["date_order is between 1970 and one day ahead"], True) for r in receipts),
            (str(meta), ["an item's amount or quantity is a number"], True),
        ]
    )
    assert company.ask("select sum(rows_unexplained) from marts.reconciliation") == [(0,)]
    published = {key for (key,) in company.ask("select order_id from marts.fct_order")}
    assert not published & {f"odoo:pos:{r}" for r in receipts}
    assert len(published) == before["marts.fct_order"][0] - 2

    # Known rows are no news; and a refresh that is started meanwhile is refused without disturbing this one.
    again, refused = two_at_once(company)
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"odoo +\d+ .* 2 ", again.stdout), "the summary shows what is still in quarantine"
    assert "Another refresh is at work: Seamless 360 run " in one_error(company, refused)

    company.at_source(
        "odoo",
        f"update pos_order p set date_order = k.date_order, {written} from kept k "
        f"where p.id = k.id and p.id in ({receipts[0]}, {receipts[1]}); drop table kept",
    )
    company.at_source(
        "woocommerce",
        bumped.format(at=newest)
        + "update wp_woocommerce_order_itemmeta m set meta_value = k.meta_value from kept k "
        f"where m.meta_id = k.meta_id and m.meta_id = {meta}; drop table kept",
    )
    mended = company.refresh()
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert company.ask(
        "select (select count(*) from quarantine.odoo__pos_order) + "
        "(select count(*) from quarantine.woocommerce__wp_woocommerce_order_itemmeta)"
    ) == [(0,)]
    after = company.state()
    assert {t for t in before if after[t][0] != before[t][0]} == set()
    assert published | {f"odoo:pos:{r}" for r in receipts} == {
        key for (key,) in company.ask("select order_id from marts.fct_order")
    }


# -- the warehouse -----------------------------------------------------------------------


@contextlib.contextmanager
def little_room(company: Company) -> Iterator[None]:
    """The owner's new tables go to a file system of half a megabyte: PostgreSQL itself meets the full disk."""
    folder = Path(tempfile.mkdtemp(prefix="c360-small-"))  # a tablespace's path may have no quote
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], check=True)
    shutil.chown(folder, "pgserver")
    with company.warehouse.admin_engine().connect() as admin:
        location = (
            str(folder).replace("'", "''").replace("%", "%%")
        )  # exec_driver_sql reads a % as a parameter's
        admin.exec_driver_sql(f"create tablespace small location '{location}'")
        admin.exec_driver_sql("grant create on tablespace small to c360_owner")
        admin.exec_driver_sql("alter role c360_owner set default_tablespace = 'small'")
        try:
            yield
        finally:
            admin.exec_driver_sql("alter role c360_owner reset default_tablespace")
            admin.exec_driver_sql("alter table all in tablespace small set tablespace pg_default")
            admin.exec_driver_sql("alter index all in tablespace small set tablespace pg_default")
            admin.exec_driver_sql("checkpoint")
            admin.exec_driver_sql("drop tablespace small")
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
            folder.rmdir()


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="only root can mount a small file system")
def test_a_warehouse_without_room_says_so_and_goes_on_once_there_is(company: Company) -> None:
    before = company.state()
    with little_room(company):
        done = company.refresh()
        assert done.returncode == 1, done.stdout + done.stderr
        # One line, or one for each source that was loading when the disk was full.
        said = errors(company, done)
        assert said and all("No space left on the disk of the warehouse" in line for line in said), said
        assert company.state() == before
