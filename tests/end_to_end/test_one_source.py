"""One value of one source, or a source that never came through: the others are published, and the line names it."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.end_to_end.conftest import Company, errors

# Looks like a date and is none: PostgreSQL refuses it and quotes it.
MARK = "7916-00-11"
# As if `surveys` had never been read; of ads and events a row that passed its raw gate turns bad.
BREAK = f"""
drop schema raw_surveys cascade;
delete from ops.extractions where source = 'surveys';
delete from ops.source_reads where source = 'surveys';
delete from ops.extraction_watermarks where source = 'surveys';
delete from ops.delivered_files where source = 'surveys';
delete from ops.gated_loads where table_name like 'surveys/%';
delete from intermediate.customer_records where source_system = 'surveys';
delete from intermediate.customer_record_identifiers where source_system = 'surveys';
delete from intermediate.survey_responses where source_system = 'surveys';
delete from intermediate.source_rows where source_system = 'surveys';
create table ops.kept as select ctid as place, day from raw_ads.spend order by ctid limit 1;
update raw_ads.spend set day = '{MARK}' where ctid = (select place from ops.kept);
create table ops.kept_event as select event_id, channel from raw_events.events order by event_id limit 1;
update raw_events.events set channel = 'kiosk' where event_id = (select event_id from ops.kept_event);
"""
FIX = f"""
update raw_ads.spend set day = (select day from ops.kept) where day = '{MARK}';
update raw_events.events e set channel = k.channel from ops.kept_event k where k.event_id = e.event_id;
drop table ops.kept, ops.kept_event;
"""


def run(company: Company, script: str) -> None:
    with company.warehouse.begin() as connection:
        connection.execute(sa.text(script))


def with_the_mark(company: Company) -> list[str]:
    """What a person or a tool may read of a run: files below the home, tables of ops, views of bi; those with MARK."""
    home, found = company.settings.home, []
    for folder, folders, files in os.walk(home):
        folders[:] = [name for name in folders if not Path(folder, name, "PG_VERSION").exists()]
        # The server's own log is PostgreSQL's; identity keeps its state.
        paths = [Path(folder, name) for name in files if name not in ("postgres.log", "state.duckdb")]
        found += [str(path.relative_to(home)) for path in paths if MARK.encode() in path.read_bytes()]
    for schema, relation in company.ask(
        "select table_schema, table_name from information_schema.tables where table_schema in ('ops', 'bi')"
    ):
        if company.ask(f"select 1 from {schema}.\"{relation}\" t where t::text like '%{MARK}%' limit 1"):
            found.append(f"{schema}.{relation}")
    return found


@pytest.mark.slow
def test_a_value_of_one_source_or_a_new_one_that_fails_keeps_nobody_waiting(company: Company) -> None:
    before = company.state()
    run(company, BREAK)
    done = company.refresh(C360_SOURCE_SURVEYS_URL="file:///srv/nowhere")
    assert done.returncode == 3, done.stdout + done.stderr
    assert MARK not in done.stdout + done.stderr
    assert with_the_mark(company) == []
    said = errors(company, done)
    ads = next(line for line in said if line.startswith("ads is kept as it was read on"))
    assert "stg_ads__ad_spend.spend_date: date/time field value out of range" in ads
    assert any(line.startswith("surveys never came through: ") for line in said), said
    assert any(line.startswith("1 rows were put into quarantine") for line in said), said
    assert "1 of" in done.stdout and "(events: 'kiosk' 1)" in done.stdout.replace("\n", " ")
    on_hold = (
        "select source_system, refreshed_at is null from marts.data_freshness where held_since is not null"
    )
    assert sorted(company.ask(on_hold)) == [("ads", False), ("surveys", True)]
    published = company.ask(
        "select count(*) from ops.publications where run_id = "
        "(select run_id from ops.publications order by published_at desc limit 1)"
    )
    assert published[0][0] > 10
    assert company.ask("select sum(rows_unexplained) from marts.reconciliation") == [(0,)]

    run(company, FIX)
    fixed = company.refresh()
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert company.ask("select count(*) from ops.source_holds") == [(0,)]
    after = company.state()
    # Of a customer that was the surveys' alone the ID went and came back.
    assert {mart for mart in before if after[mart] != before[mart]} <= {"marts.customer_id_redirect"}
