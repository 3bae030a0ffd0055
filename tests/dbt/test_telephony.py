"""Which way a call went, who the customer is and how long it took, by the rows that telephone exchanges write."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dagster_project.audit import audit
from dagster_project.config import EXPECTATIONS_DIR, Settings
from dagster_project.errors import SourceError
from dagster_project.quality import Status, load_suites, reconcile, run_gate
from dagster_project.sources import load_source
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.extract import extract
from dagster_project.warehouse import Warehouse, schema
from tests.dbt.conftest import Dbt
from tests.integration.sources import mariadb
from tests.raw_tables import ddl

COMPANY = "+7 (495) 123-45-67, 88005550000"
MOBILE, CALLER = "89161234567", "+79031112233"
NOON = "2026-11-02 12:00:00"


@pytest.fixture(scope="module")
def staging(warehouse: Warehouse, dbt: Dbt, settings: Settings) -> Warehouse:
    """The staging views of telephony, for a company in Berlin (whose clock is set back in autumn)."""
    with warehouse.begin() as connection:
        for name in ("raw_asterisk", "staging"):
            connection.exec_driver_sql(f"drop schema if exists {name} cascade")
        schema.prepare(connection, ["asterisk"])
        connection.exec_driver_sql("set local search_path = raw_asterisk")
        connection.exec_driver_sql(ddl("asterisk"))
        for table in ("cdr", "queue_log"):
            connection.exec_driver_sql(
                f"alter table {table} add _dlt_load_id text not null default '1', add _deleted_at timestamptz"
            )
    build(dbt, settings)
    return warehouse


def build(dbt: Dbt, settings: Settings) -> None:
    company = settings.model_copy(update={"time_zone": "Europe/Berlin", "company_phones": COMPANY})
    done = dbt("run", "--select", "path:models/staging/asterisk", settings=company)
    assert not done.named("error", "skipped"), done.output[-3000:]


Calls = dict[str, dict[str, Any]]


def calls(warehouse: Warehouse, *legs: dict[str, Any], queue: list[dict[str, Any]] | None = None) -> Calls:
    """Staging's calls of these legs alone. A leg has a call `id` and whatever differs from a minute's answered Dial."""
    usual = {
        "src": CALLER, "dst": "600", "dcontext": "default", "clid": "", "lastapp": "Dial", "start": NOON,
        "duration": 65, "billsec": 60, "disposition": "ANSWERED", "dstchannel": "",
    }  # fmt: skip
    with warehouse.begin() as connection:
        connection.exec_driver_sql("truncate raw_asterisk.cdr, raw_asterisk.queue_log")
        for number, leg in enumerate(legs, 1):
            row = {**usual, "uniqueid": leg["id"], "linkedid": leg["id"], "sequence": number, **leg}
            if "end" not in row and row["duration"] is not None:
                row["end"] = dt.datetime.fromisoformat(row["start"]) + dt.timedelta(seconds=row["duration"])
            del row["id"]
            connection.execute(sa.table("cdr", *map(sa.column, row), schema="raw_asterisk").insert(), row)
        for number, event in enumerate(queue or [], 1):
            row = {"id": number, "queuename": "sales", **event}
            connection.execute(
                sa.table("queue_log", *map(sa.column, row), schema="raw_asterisk").insert(), row
            )
        found = connection.execute(sa.text("select * from staging.stg_asterisk__calls")).mappings()
        return {row["call_id"]: dict(row) for row in found}


def way(call: dict[str, Any]) -> tuple[str, str | None, str | None]:
    return call["direction"], call["outside_number"], call["extension"]


OUTGOING = {"channel": "PJSIP/101-0000000a", "dstchannel": "PJSIP/mts-0000000b", "dst": MOBILE}


@pytest.mark.parametrize(
    "shown",
    [
        "+74951234567",
        "74951234567",
        "84951234567",
        "4951234567",
        "8 495 123-45-67",
        "1234567",
        "+78005550000",
    ],
)
def test_the_company_s_number_as_caller_id_is_an_outgoing_call(staging: Warehouse, shown: str) -> None:
    found = calls(staging, {**OUTGOING, "id": "a", "src": shown})
    assert way(found["a"]) == ("out", MOBILE, "101")
    assert found["a"]["is_answered"]


def test_an_unknown_caller_id_is_the_company_s_where_an_extension_shows_it(staging: Warehouse) -> None:
    """The number is not in C360_COMPANY_PHONES: FreePBX writes the extension beside it, others show it elsewhere."""
    other = "+74990001122"
    found = calls(
        staging,
        {
            **OUTGOING,
            "id": "freepbx",
            "src": other,
            "cnum": "102",
            "outbound_cnum": other,
            "channel": "PJSIP/102-1a",
        },
        {**OUTGOING, "id": "context", "src": other, "dcontext": "from-internal", "channel": "PJSIP/103-1b"},
        {**OUTGOING, "id": "learned", "src": other},
        {
            "id": "own name",
            "src": "101",
            "dst": "104",
            "channel": "PJSIP/101-1c",
            "dstchannel": "PJSIP/104-1d",
        },
        {"id": "in", "src": other, "dst": "101", "channel": "PJSIP/mts-1e", "dstchannel": "PJSIP/101-1f"},
    )
    assert way(found["freepbx"]) == ("out", MOBILE, "102")
    assert way(found["context"])[:2] == ("out", MOBILE)
    assert way(found["learned"]) == ("out", MOBILE, "101")
    assert way(found["own name"]) == ("internal", None, "101")
    assert way(found["in"]) == ("in", other, "101")


@pytest.mark.parametrize("name", ["100101", "ivanov", "reception-2", "7", "1234567"])
def test_extensions_have_any_number_of_digits_or_letters(staging: Warehouse, name: str) -> None:
    near, far = f"PJSIP/{name}-0000000a", f"PJSIP/{name}-0000000b"
    found = calls(
        staging,
        {"id": "out", "src": name, "dst": MOBILE, "channel": near, "dstchannel": "PJSIP/mts-0000000c"},
        {
            "id": "in",
            "dst": name,
            "channel": "PJSIP/mts-0000000d",
            "dstchannel": far,
            "dcontext": "from-trunk",
        },
        {"id": "to", "src": "201", "dst": name, "channel": "PJSIP/201-0000000e", "dstchannel": far},
        {"id": "from", "src": name, "dst": "201", "channel": near, "dstchannel": "PJSIP/201-0000000f"},
    )
    assert way(found["out"]) == ("out", MOBILE, name)
    assert way(found["in"]) == ("in", CALLER, name)
    assert way(found["to"]) == ("internal", None, "201")
    assert way(found["from"]) == ("internal", None, name)


def test_numbers_of_three_digits_that_are_dialled_out_are_services(staging: Warehouse) -> None:
    trunk = "PJSIP/mts-0000000b"
    inside = {"src": "101", "channel": "PJSIP/101-0000000a"}
    found = calls(
        staging,
        {**inside, "id": "112", "dst": "112", "dstchannel": trunk},
        {
            **inside,
            "id": "911",
            "dst": "911",
            "lastdata": "PJSIP/911@mts,60",
            "disposition": "BUSY",
            "billsec": 0,
        },
        {**inside, "id": "local", "dst": "234567", "dstchannel": trunk},
        {**inside, "id": "102", "dst": "102", "dstchannel": "PJSIP/102-0000000c"},
        {**inside, "id": "code", "dst": "*97", "lastapp": "VoiceMailMain"},
        {"id": "900", "src": "900", "channel": "PJSIP/mts-1", "dcontext": "from-trunk"},
    )
    assert {name: (*way(call)[:2], call["no_record_reason"]) for name, call in found.items()} == {
        "112": ("out", None, "service_number"),
        "911": ("out", None, "service_number"),
        "local": ("out", "234567", None),
        "102": ("internal", None, "internal_call"),
        "code": ("internal", None, "internal_call"),
        "900": ("in", None, "service_number"),
    }


def test_a_trunk_with_a_name_of_digits_is_no_extension(staging: Warehouse) -> None:
    """A provider's account of six digits, and one of a whole number."""
    found = calls(
        staging,
        {"id": "a", "channel": "SIP/123456-0000000a", "dstchannel": "SIP/101-0000000b", "did": "4951234567"},
        {
            "id": "b",
            "channel": "SIP/74951234567-0000000a",
            "dstchannel": "SIP/101-0000000b",
            "dcontext": "from-pstn",
        },
        {
            "id": "c",
            "src": "101",
            "dst": MOBILE,
            "channel": "SIP/101-0000000c",
            "dstchannel": "SIP/123456-0000000d",
        },
    )
    assert [way(found[name]) for name in "abc"] == [
        ("in", CALLER, "101"), ("in", CALLER, "101"), ("out", MOBILE, "101"),
    ]  # fmt: skip


def test_a_queue_without_a_log_a_transfer_and_a_caller_who_gives_up(staging: Warehouse) -> None:
    trunk, queue = "PJSIP/mts-00000001", {"dcontext": "ext-queues", "lastapp": "Queue"}
    found = calls(
        staging,
        {**queue, "id": "served", "channel": trunk, "dstchannel": "PJSIP/101-00000002", "did": "4951234567"},
        {**queue, "id": "moved", "channel": trunk, "dstchannel": "Local/101@from-queue-00000003;1"},
        {"id": "moved 2", "linkedid": "moved", "dst": "102", "channel": "PJSIP/101-00000004",
         "dstchannel": "PJSIP/102-00000005", "dcontext": "from-internal-xfer", "start": "2026-11-02 12:01:05"},
        {**queue, "id": "gone", "channel": trunk, "duration": 40, "billsec": 38},
        {"id": "menu", "channel": trunk, "dst": "s", "lastapp": "BackGround"},
    )  # fmt: skip
    assert {name: (*way(call), call["status"], call["duration_s"]) for name, call in found.items()} == {
        "served": ("in", CALLER, "101", "answered", 65),
        "moved": ("in", CALLER, "101", "answered", 130),
        "gone": ("in", CALLER, None, "abandoned", 40),
        "menu": ("in", CALLER, None, "menu_only", 65),
    }
    assert (found["gone"]["wait_s"], found["gone"]["is_answered"]) == (40, False)


def test_the_queue_s_log_names_agents_in_any_form(staging: Warehouse) -> None:
    queue = {"dcontext": "ext-queues", "lastapp": "Queue", "channel": "PJSIP/mts-00000001"}
    agents = {"a": "PJSIP/201", "b": "Local/202@from-queue/n", "c": "SIP/ivanov", "d": "Anna Petrova"}
    found = calls(
        staging,
        *(
            {**queue, "id": name, "dstchannel": "PJSIP/203-00000002" if name == "d" else ""}
            for name in agents
        ),
        {**queue, "id": "e"},
        queue=[
            *(
                {"callid": name, "event": "CONNECT", "agent": agent, "data1": "12"}
                for name, agent in agents.items()
            ),
            {"callid": "e", "event": "ABANDON", "agent": "NONE", "data1": "1", "data2": "1", "data3": "45"},
        ],
    )
    assert [(found[n]["extension"], found[n]["wait_s"], found[n]["status"]) for n in "abcde"] == [
        ("201", 12, "answered"), ("202", 12, "answered"), ("ivanov", 12, "answered"), ("203", 12, "answered"),
        (None, 45, "abandoned"),
    ]  # fmt: skip


# Berlin's clock goes from 03:00 back to 02:00 on 25 October 2026, 01:00 UTC: 02:50 is 00:50 UTC or 01:50.
EARLY, LATE = 1792889400, 1792893000


@pytest.mark.parametrize(
    ("leg", "begins", "ends"),
    [
        # Across the change: its end is before its start on the clock, its duration is right.
        ({"start": "2026-10-25 02:50:00", "end": "2026-10-25 02:10:00", "duration": 1200}, "00:50:00", "01:10:00"),
        # Out of the repeated hour, told by the clock alone, then by nothing but the channel's number.
        ({"start": "2026-10-25 02:50:00", "end": "2026-10-25 03:10:00", "duration": 4800}, "00:50:00", "02:10:00"),
        ({"start": "2026-10-25 02:50:00", "end": "2026-10-25 03:10:00", "duration": 1200}, "01:50:00", "02:10:00"),
        ({"start": "2026-10-25 02:50:00", "duration": 60, "uniqueid": f"{EARLY}.7"}, "00:50:00", "00:51:00"),
        ({"start": "2026-10-25 02:50:00", "duration": 60, "uniqueid": f"pbx-{LATE}.8"}, "01:50:00", "01:51:00"),
        # The end is missing, is before the start, or is all there is.
        ({"start": "2026-10-25 23:59:30", "end": None, "duration": 60}, "22:59:30", "23:00:30"),
        ({"start": "2026-10-25 12:00:00", "end": "2026-10-25 11:00:00", "duration": None}, "11:00:00", "11:00:00"),
        ({"start": "2026-10-25 12:00:00", "end": "2026-10-25 12:01:00", "duration": None}, "11:00:00", "11:01:00"),
        ({"start": None, "end": "2026-10-25 12:01:00", "duration": 60}, "11:00:00", "11:01:00"),
    ],
)  # fmt: skip
def test_the_duration_tells_when_a_call_ended(
    staging: Warehouse, leg: dict[str, Any], begins: str, ends: str
) -> None:
    found = calls(
        staging, {"id": "a", "channel": "PJSIP/mts-1", "end": None, "billsec": 0, **leg, "linkedid": "a"}
    )
    day = "2026-10-25"
    times = [found["a"][name].astimezone(dt.UTC).isoformat()[:19] for name in ("started_at", "ended_at")]
    assert times == [f"{day}T{begins}", f"{day}T{ends}"]
    assert found["a"]["duration_s"] >= 0


def test_every_leg_is_accounted_for(staging: Warehouse) -> None:
    calls(
        staging,
        {**OUTGOING, "id": "a", "src": "+74951234567"},
        {"id": "b", "src": "101", "dst": "102", "channel": "PJSIP/101-1", "dstchannel": "PJSIP/102-2"},
        {"id": "c", "src": "101", "dst": "112", "channel": "PJSIP/101-1", "dstchannel": "PJSIP/mts-2"},
        {"id": "d", "src": "anonymous", "channel": "PJSIP/mts-2"},
        {"id": "e", "linkedid": "d", "src": "anonymous", "channel": "PJSIP/mts-2"},
    )
    with staging.begin() as connection:
        rows = connection.exec_driver_sql(
            "select contract, contract_row_id, left_out from staging.stg_asterisk__source_rows order by row_id, 1"
        ).all()
    assert [tuple(row)[1:] for row in rows if row[0] == "customer_records"] == [
        (f"number:{MOBILE}", None), (None, "internal_call"), (None, "service_number"), (None, "anonymous_caller"),
        (None, "further_leg"),
    ]  # fmt: skip
    assert [row[1] for row in rows if row[0] == "interactions"] == [
        f"asterisk:cdr:{call}" for call in "abcdd"
    ]


def test_a_withheld_number_and_a_call_that_nobody_takes(staging: Warehouse) -> None:
    inside = {"src": "201", "dst": MOBILE, "channel": "PJSIP/201-4", "dstchannel": "PJSIP/mts-5"}
    found = calls(
        staging,
        {**inside, "id": "answered", "duration": 60, "billsec": 55},
        {**inside, "id": "unanswered", "disposition": "NO ANSWER", "duration": 60, "billsec": 0},
        {"id": "withheld", "src": "anonymous", "clid": '"Anonymous" <anonymous>', "channel": "PJSIP/mts-6",
         "dstchannel": "PJSIP/203-9"},
        {"id": "named", "clid": f'"ANNA" <{CALLER}>', "channel": "PJSIP/mts-7", "dstchannel": "PJSIP/203-a"},
    )  # fmt: skip
    assert {
        name: (*way(call), call["status"], call["wait_s"], call["caller_name"])
        for name, call in found.items()
    } == {
        "answered": ("out", MOBILE, "201", "answered", 5, None),
        "unanswered": ("out", MOBILE, "201", "no_answer", 60, None),
        "withheld": ("in", None, "203", "answered", 5, "Anonymous"),
        "named": ("in", CALLER, "203", "answered", 5, "ANNA"),
    }


# -- from the database of an exchange ---------------------------------------------------------------------------------

needs_mariadb = pytest.mark.skipif(
    not mariadb.SERVER or not mariadb.INSTALLER, reason="MariaDB is not installed: make servers"
)
FREEPBX = (
    "create table cdr (calldate datetime not null default '0000-00-00 00:00:00', "
    + ", ".join(
        f"{name} varchar(80) not null default ''"
        for name in (
            "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "disposition",
            "accountcode", "uniqueid", "did", "recordingfile", "cnum", "cnam", "outbound_cnum", "linkedid",
        )
    )
    + ", duration int not null default 0, billsec int not null default 0, sequence int not null default 0, "
    "key calldate (calldate), key uniqueid (uniqueid))"
)  # fmt: skip
# As Elastix had it: no linkedid and no sequence.
ISSABEL = ("alter table cdr drop column linkedid, drop column sequence",)
# Asterisk's own, as its migrations make it: no key, every column nullable.
OWN = (
    "create table cdr (accountcode varchar(80), src varchar(80), dst varchar(80), dcontext varchar(80), clid varchar(80), "
    "channel varchar(80), dstchannel varchar(80), lastapp varchar(80), lastdata varchar(80), start datetime, "
    "answer datetime, end datetime, duration int, billsec int, disposition varchar(45), amaflags varchar(45), "
    "userfield varchar(256), uniqueid varchar(150), linkedid varchar(150), peeraccount varchar(80), sequence int)"
)
QUEUE_LOG = (
    "create table queue_log (id bigint not null auto_increment primary key, time datetime, callid varchar(80), "
    "queuename varchar(256), agent varchar(80), event varchar(32), data1 varchar(100), data2 varchar(100), "
    "data3 varchar(100), data4 varchar(100), data5 varchar(100))"
)
# A call's number begins with the time in UTC: 10:00 in Berlin.
NINE = 1793610000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    with mariadb.server(tmp_path_factory.mktemp("mariadb")) as url:
        yield url


def insert(url: sa.URL, **leg: Any) -> None:
    names = ", ".join(f"`{name}`" for name in leg)
    values = ", ".join("null" if value is None else f"'{value}'" for value in leg.values())
    mariadb.run(url, f"insert into cdr ({names}) values ({values})")


@dataclass
class Exchange:
    """An exchange's database in MariaDB, and the source that is read from it."""

    warehouse: Warehouse
    url: sa.URL
    folder: Path
    dbt: Dbt
    settings: Settings

    def read(self) -> TableLoad:
        """Reads the source; of cdr's load, whose rows all are in raw and pass its gate."""
        done = extract(load_source("asterisk"), self.url.render_as_string(), self.warehouse, self.folder)
        load = next(load for load in done.tables if load.table == "cdr")
        key = load_source("asterisk").table("cdr").key
        found = reconcile(self.warehouse, "raw_asterisk", "cdr", key, load.rows_at_source)
        assert (found.rows_missing, load.lost) == (0, [])
        gate = run_gate(self.warehouse, load_suites(EXPECTATIONS_DIR)["raw", "asterisk", "cdr"], run_id="r")
        assert (gate.status, gate.rows_quarantined) == (Status.PASSED, 0), gate.messages
        return load

    def calls(self) -> Calls:
        """Staging's calls; columns of raw that got other types have taken its views along."""
        with self.warehouse.begin() as connection:
            is_built = connection.exec_driver_sql(
                "select to_regclass('staging.stg_asterisk__calls')"
            ).scalar()
        if not is_built:
            build(self.dbt, self.settings)
        with self.warehouse.begin() as connection:
            found = connection.execute(sa.text("select * from staging.stg_asterisk__calls")).mappings()
            return {row["call_id"]: dict(row) for row in found}


@pytest.fixture
def exchange(
    staging: Warehouse,
    dbt: Dbt,
    settings: Settings,
    server: sa.URL,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Exchange:
    """An empty database of its own, of which nothing was read yet."""
    with staging.begin() as connection:
        connection.exec_driver_sql("truncate raw_asterisk.cdr, raw_asterisk.queue_log")
        connection.exec_driver_sql("delete from ops.extraction_watermarks where source = 'asterisk'")
    url = mariadb.make_database(server, request.node.name[:40])
    return Exchange(staging, url, tmp_path, dbt, settings)


@needs_mariadb
def test_freepbx_is_read_without_a_key_a_sequence_or_a_queue_log(exchange: Exchange) -> None:
    url = exchange.url
    mariadb.run(url, FREEPBX, "create table cel (id int auto_increment primary key, eventtype varchar(30))")
    trunk = {
        "src": "79031112233",
        "clid": '"Ivanov" <79031112233>',
        "channel": "PJSIP/trunk-0001",
        "did": "4951234567",
    }
    served = {
        **trunk, "calldate": "2026-11-02 10:00:00", "dst": "600", "dcontext": "ext-queues", "lastapp": "Queue",
        "dstchannel": "PJSIP/101-0002", "duration": 65, "billsec": 60, "disposition": "ANSWERED",
        "uniqueid": f"{NINE}.10", "linkedid": f"{NINE}.10",
    }  # fmt: skip
    insert(url, **served, sequence=11)
    # The queue rang 102 and 103 in vain: legs of one second, without a number.
    missed = {
        **served,
        "duration": 10,
        "billsec": 0,
        "disposition": "NO ANSWER",
        "uniqueid": f"{NINE}.20",
        "linkedid": f"{NINE}.20",
    }
    insert(url, **{**missed, "dstchannel": "PJSIP/102-0003"})
    insert(url, **{**missed, "dstchannel": "PJSIP/103-0004"})
    insert(url, **{**missed, "dstchannel": ""})
    out = {
        **served, "src": "74951234567", "dst": "89161234567", "cnum": "101", "outbound_cnum": "74951234567",
        "did": "", "dcontext": "from-internal", "lastapp": "Dial", "channel": "PJSIP/101-0005",
        "dstchannel": "PJSIP/trunk-0006", "uniqueid": f"{NINE}.30", "linkedid": f"{NINE}.30",
        "calldate": "2026-11-02 23:59:30",
    }  # fmt: skip
    insert(url, **out)
    insert(url, **out)  # logged twice
    first = exchange.read()
    assert (first.rows_at_source, first.rows_loaded, first.rows_repeated) == (5, 5, 1)
    audited = audit([(load_source("asterisk"), url.render_as_string())]).tables
    assert [(table.table, table.rows, table.latest) for table in audited] == [
        ("cdr", 6, "2026-11-02 23:59:30"), ("queue_log", 0, None),
    ]  # fmt: skip

    def seen() -> dict[str, tuple[Any, ...]]:
        return {
            call.split(".")[1]: (*way(found), found["status"], found["duration_s"])
            for call, found in exchange.calls().items()
        }

    expected = {
        "10": ("in", "79031112233", "101", "answered", 65),
        "20": ("in", "79031112233", None, "abandoned", 10),
        "30": ("out", "89161234567", "101", "answered", 65),
    }
    assert seen() == expected
    # Nothing changes: the same rows again. A recording's name comes later and makes no new row.
    mariadb.run(url, "update cdr set recordingfile = 'q-600.wav'")
    again = exchange.read()
    assert (again.rows_at_source, again.rows_repeated) == (5, 1)
    assert seen() == expected
    # A call of ten hours lands when it is over, long after others; an hour that the clock does not have twice.
    insert(
        url,
        **{
            **served,
            "calldate": "2026-10-02 08:00:00",
            "duration": 36000,
            "uniqueid": "1.40",
            "linkedid": "1.40",
        },
    )
    late = exchange.read()
    assert late.rows_at_source == 6
    assert seen() == expected | {"40": ("in", "79031112233", "101", "answered", 36000)}


@needs_mariadb
def test_issabel_has_neither_linkedid_nor_sequence(exchange: Exchange) -> None:
    url = exchange.url
    mariadb.run(url, FREEPBX, *ISSABEL)
    for far in ("SIP/101-0001", "SIP/102-0002"):
        insert(
            url, calldate=NOON, src="79031112233", dst="600", channel="SIP/trunk-0001", did="4951234567",
            dstchannel=far, lastapp="Queue", uniqueid="1.1", duration=20, billsec=10,
            disposition="ANSWERED" if "102" in far else "NO ANSWER",
        )  # fmt: skip
    assert exchange.read().rows_at_source == 2
    assert exchange.read().rows_at_source == 2
    assert [way(call) for call in exchange.calls().values()] == [("in", "79031112233", "102")]


@needs_mariadb
def test_asterisk_s_own_table_may_have_nulls(exchange: Exchange) -> None:
    url = exchange.url
    mariadb.run(url, OWN, QUEUE_LOG)
    mariadb.run(
        url, "insert into queue_log (time, callid, queuename, agent, event, data1) "
        f"values ('{NOON}', '1.1', 'sales', 'PJSIP/101', 'CONNECT', '7')",
    )  # fmt: skip
    leg = {
        "src": CALLER,
        "dst": "600",
        "channel": "PJSIP/mts-1",
        "lastapp": "Queue",
        "disposition": "ANSWERED",
        "dcontext": "from-trunk",
    }
    insert(
        url,
        **leg,
        start=NOON,
        answer=NOON,
        end="2026-11-02 12:01:00",
        duration=60,
        billsec=60,
        uniqueid="1.1",
        linkedid="1.1",
        sequence=1,
    )
    insert(url, **leg, start=NOON, end=None, duration=None, billsec=None, uniqueid="1.2")
    insert(
        url,
        **leg,
        start=None,
        end="2026-11-02 12:01:00",
        duration=60,
        uniqueid="1.3",
        linkedid="1.3",
        sequence=None,
    )
    insert(url, start=NOON, duration=5)
    assert exchange.read().rows_at_source == 4
    assert exchange.read().rows_at_source == 4
    found = exchange.calls()
    assert len(found) == 4
    assert (found["1.1"]["extension"], found["1.1"]["wait_s"]) == ("101", 7)
    noon = dt.datetime(2026, 11, 2, 11, tzinfo=dt.UTC)
    assert {call["started_at"] for call in found.values()} == {noon}
    assert sorted(call["duration_s"] for call in found.values()) == [0, 5, 60, 60]
    # Rows that have a number are told apart by it alone.
    insert(
        url,
        **{**leg, "src": "+79160000000"},
        start=NOON,
        end="2026-11-02 12:01:00",
        uniqueid="1.1",
        sequence=1,
    )
    with pytest.raises(
        SourceError, match="1 values of the key \\(uniqueid, sequence\\) stand more than once"
    ):
        exchange.read()
