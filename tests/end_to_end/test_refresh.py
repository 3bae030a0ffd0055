"""`c360 refresh` and its sisters, as a user runs them on the demo company."""

import csv
import io
import json
import re
import subprocess
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from dagster_project.config import source_contracts
from dagster_project.refresh import log_file
from tests.conftest import left_behind
from tests.end_to_end.conftest import Company, open_to_others
from tests.watch import ddl


class Again(NamedTuple):
    state: dict[str, tuple]
    ids: list[tuple]
    done: subprocess.CompletedProcess[str]
    ddl: list[str]


def customer_ids(company: Company) -> list[tuple]:
    return company.ask(
        "select source_system, source_record_id, customer_id from identity.record_customers order by 1, 2"
    )


@pytest.fixture(scope="module")
def again(company: Company) -> Again:
    """A refresh right after the first one, under idle readers: what it said, and what was there before it."""
    before = company.state(), customer_ids(company)
    engine = sa.create_engine(company.warehouse.url, poolclass=sa.NullPool)
    with engine.connect() as reader, ddl(company.warehouse) as seen:
        # A forgotten psql: a transaction that has read every mart and what tells of the links and the run.
        for (relation,) in company.ask(
            "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname in ('marts', 'bi', 'identity', 'ops', 'quarantine') and c.relkind in ('r', 'v')"
        ):
            reader.exec_driver_sql(f"select count(*) from {relation}")
        return Again(*before, company.refresh(), seen())


def test_the_summary_tells_of_sources_layers_gates_customers_and_steps(again: Again) -> None:
    done = again.done
    assert done.returncode == 0, done.stdout + done.stderr
    for source in source_contracts():
        assert source in done.stdout
    for word in ("Refresh complete", "increment", "customer_records", "dim_customer", "Gates", "What next"):
        assert word in done.stdout
    scores = re.search(r"pairwise\s+precision\s+([\d.]+),\s+recall\s+([\d.]+)", done.stdout.replace("│", " "))
    assert scores, done.stdout
    assert float(scores[1]) >= 0.95
    assert float(scores[2]) >= 0.85


def test_a_second_refresh_writes_nothing_but_its_time_and_keeps_every_id(
    company: Company, again: Again
) -> None:
    assert "linking was skipped" in again.done.stdout
    assert company.state() == again.state
    assert customer_ids(company) == again.ids
    (run,) = company.ask("select run_id from ops.publications order by published_at desc limit 1")
    assert company.ask(
        f"select mart from ops.publications where run_id = '{run[0]}' and written + removed > 0"
    ) == [("data_freshness",)]
    read, at_source = company.ask(
        f"select sum(rows_loaded), sum(rows_at_source) from ops.extractions where run_id = '{run[0]}'"
    )[0]
    assert read < at_source / 10, "an increment reads the look-back, not the source"


def test_files_are_their_owners_alone_and_hold_no_copy_of_rows(company: Company, again: Again) -> None:
    assert again.done.returncode == 0
    assert open_to_others(company.settings.home) == []
    assert left_behind(company.settings.home) == []


def test_a_second_refresh_runs_no_ddl_on_what_others_read_and_waits_for_no_reader(again: Again) -> None:
    assert again.done.returncode == 0, again.done.stdout + again.done.stderr
    assert any("intermediate." in line for line in again.ddl), "nothing is watched"
    assert [
        line
        for line in again.ddl
        if line.startswith(("GRANT", "REVOKE"))
        or line.split()[-1].startswith(("ops.", "identity.", "quarantine.", "marts.", "bi."))
    ] == []


def test_every_source_row_is_in_raw_and_every_contract_row_is_explained(company: Company) -> None:
    for source, table, rows in company.ask(
        "select source, table_name, rows_at_source from ops.extraction_watermarks"
    ):
        live = company.ask(f'select count(*) from raw_{source}."{table}" where _deleted_at is null')[0][0]
        assert live == rows, f"{source}.{table}"
    assert company.ask("select count(*) from marts.reconciliation where rows_unexplained <> 0") == [(0,)]
    assert company.ask("select count(*) from marts.reconciliation where rows_before > 0")[0][0] >= 10


def test_what_days_bring_reaches_the_marts_and_a_change_the_card(company: Company) -> None:
    lived = company.c360("demo", "advance", "--days", "2")
    assert lived.returncode == 0, lived.stderr
    assert "It is 2026-10-02 now" in lived.stdout
    email = "novyy.adres@example.ru"
    partner = company.ask(
        "select min(replace(source_record_id, 'partner:', '')::int) from identity.record_customers "
        "where source_system = 'odoo' and source_record_id like 'partner:%'"
    )[0][0]
    assert company.at_source(
        "odoo", f"update res_partner set email = '{email}', write_date = now() where id = {partner}"
    )
    # In the chats an agent merges two contacts: the loser goes for good. On the site a cart is bought at last.
    (winner,), (loser,) = company.ask(
        "select min(replace(source_record_id, 'contact:', '')::int) from marts.fct_contact_case "
        "where source_system = 'chatwoot' and customer_id is not null group by customer_id order by 1 limit 2"
    )
    assert company.at_source(
        "chatwoot",
        f"update conversations set contact_id = {winner}, updated_at = now() where contact_id = {loser}; "
        f"update contact_inboxes set contact_id = {winner}, updated_at = now() where contact_id = {loser}; "
        f"delete from contacts where id = {loser}",
    )
    ((cart,),) = company.ask(
        "select min(replace(session_id, 'matomo:visit:', '')::int) from intermediate.web_sessions "
        "where goal = 'abandoned_cart'"
    )
    assert company.at_source(
        "matomo",
        f"update matomo_log_conversion set idgoal = 0, buster = 7, idorder = '777001' where idvisit = {cart}; "
        "update matomo_log_visit set visit_goal_buyer = 1, visit_first_action_time = '2026-09-30 17:00', "
        f"visit_last_action_time = '2026-09-30 18:30' where idvisit = {cart}",
    )
    done = company.refresh()
    assert done.returncode == 0, done.stdout + done.stderr
    assert company.ask(
        "select deleted_at is not null from intermediate.customer_records "
        f"where source_system = 'chatwoot' and source_record_id = 'contact:{loser}'"
    ) == [(True,)]
    assert company.ask(
        "select count(*) filter (where source_record_id = "
        f"'contact:{loser}'), count(*) filter (where source_record_id = 'contact:{winner}') > 1 "
        "from marts.fct_contact_case where source_system = 'chatwoot'"
    ) == [(0, True)]
    assert company.ask(
        "select goal, order_id, cart_id, ended_at - started_at = interval '90 minutes' "
        f"from intermediate.web_sessions where session_id = 'matomo:visit:{cart}'"
    ) == [("order", "woocommerce:order:777001", None, True)]
    assert company.ask("select count(*) from marts.reconciliation where rows_unexplained <> 0") == [(0,)]
    assert company.ask("select max(ordered_at)::date::text from marts.fct_order") == [("2026-10-02",)]
    shown = company.c360("customer", email.upper())
    assert shown.returncode == 0, shown.stderr
    card = json.loads(shown.stdout)
    assert {"kind": "email", "value": email} in card["identifiers"]
    assert card["data_as_of"]


def test_a_query_answers_in_csv_and_a_wrong_one_in_one_line(company: Company) -> None:
    done = company.c360(
        "sql", "select count(*) as cards, count(distinct customer_id) from identity.record_customers"
    )
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == ["cards", "count"]
    assert int(rows[1][0]) > int(rows[1][1]) > 100

    written = company.c360("sql", "create table marts.zz(x int)")
    assert written.returncode == 1 and "--write" in written.stderr
    assert company.ask("select to_regclass('marts.zz')") == [(None,)]

    wrong = company.c360("sql", "select nothing from nowhere")
    assert wrong.returncode == 1
    assert 'relation "nowhere" does not exist' in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_an_unknown_customer_is_said_to_be_unknown(company: Company) -> None:
    done = company.c360("customer", "+79990009999")
    assert done.returncode == 1
    assert "No customer" in done.stderr


def test_no_personal_value_reaches_logs_metadata_or_results(company: Company) -> None:
    """Phones, e-mails and names of customers are in no file of ours but PostgreSQL's, and not in schema ops."""
    values = {
        value
        for row in company.ask(
            "select full_name, email, phone from intermediate.customer_records "
            "where deleted_at is null and not is_company order by source_record_id limit 300"
        )
        for value in row
        if value and len(value) >= 10
    }
    assert len(values) > 200
    home = company.settings.home
    # The warehouse, what identity remembers, and the demo company's own files are what they are.
    kept = {home / "warehouse", home / "identity", company.settings.demo_files}
    looked = [path for path in home.rglob("*") if path.is_file() and kept.isdisjoint(path.parents)]
    assert log_file(company.settings) in looked and any("dlt" in path.parts for path in looked)
    assert any(path.suffix == ".db" for path in looked)
    for path in looked:
        content = path.read_bytes()
        found = [
            value
            for value in values
            if value.encode() in content or json.dumps(value)[1:-1].encode() in content
        ]
        assert not found, f"{len(found)} personal values in {path.name}"
    for (table,) in company.ask("select tablename from pg_tables where schemaname = 'ops'"):
        for (text,) in company.ask(f"select t::text from ops.{table} t"):
            assert not [value for value in values if value in text], table
