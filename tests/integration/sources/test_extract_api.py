"""Extraction from REST APIs into a real warehouse, against a server that behaves as amoCRM and Bitrix24 do."""

import datetime as dt
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from dagster_project.audit import audit
from dagster_project.config import EXPECTATIONS_DIR
from dagster_project.errors import ConfigError, SourceError, SourceUnavailable
from dagster_project.quality import load_suites, run_gate
from dagster_project.sources import Source, Table, load_source, rest
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.declaration import Endpoint
from dagster_project.sources.extract import extract
from dagster_project.warehouse import Warehouse, schema

SUITES = load_suites(EXPECTATIONS_DIR)
WEBHOOK = "/rest/1/secret"
TOO_MANY = {"error": "QUERY_LIMIT_EXCEEDED"}  # as Bitrix24 says it
NOW = int(time.time()) - 86_400
Answer = tuple[int, Any, dict[str, str]]


@dataclass
class Server:
    """What the API holds and how it misbehaves: `wrong` answers the next requests before anything else."""

    port: int = 0
    contacts: list[dict[str, Any]] = field(default_factory=list)
    leads: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {"good"})
    refresh_token: str = "first"
    wrong: list[Answer] = field(default_factory=list)
    loops: bool = False
    meanwhile: list[Callable[[], object]] = field(default_factory=list)  # one after each answer with rows
    counts: bool = False
    withheld: int = 0  # rows that are counted and never given
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, query: dict[str, str], token: str) -> Answer:
        self.asked.append(path)
        if self.wrong:
            return self.wrong.pop(0)
        if path.startswith("/rest/1/secret/crm.item.list"):
            return self.bitrix(query)
        if token not in self.tokens:
            return 401, {"title": "Unauthorized"}, {}
        kind = path.rsplit("/", 1)[1]
        rows = [
            r for r in getattr(self, kind) if r["updated_at"] >= int(query.get("filter[updated_at][from]", 0))
        ]
        order = next((name[6:-1] for name in query if name.startswith("order[")), "id")
        rows.sort(key=lambda row: (row[order] is None, row[order]))
        page, size = int(query.get("page", 1)), int(query["limit"])
        assert size == 250
        part = rows[(page - 1) * size : page * size]
        if not part:
            return 204, None, {}
        links = {}
        if len(rows) > page * size or self.loops:
            following = 1 if self.loops else page + 1
            parameters = "&".join(f"{k}={v}" for k, v in (query | {"page": str(following)}).items())
            links = {"next": {"href": f"http://127.0.0.1:{self.port}{path}?{parameters}"}}
        total = {"total": len(rows) + self.withheld} if self.counts else {}
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return 200, {"_page": page, "_links": links, "_embedded": {kind: part}} | total, {}

    def bitrix(self, query: dict[str, str]) -> Answer:
        assert (query["entityTypeId"], query["select[1]"]) == ("3", "fm")
        start, after = int(query.get("start", 0)), int(query.get("filter[>id]", 0))
        rows = [r for r in self.contacts if (r["id"] or 0) > after]
        rows.sort(key=lambda row: row["updatedTime" if "order[updatedTime]" in query else "id"])
        part = rows[max(start, 0) : max(start, 0) + 50]
        answer: dict[str, Any] = {"result": {"items": part}}
        if start >= 0:
            answer["total"] = len(rows)
            answer |= {"next": start + 50} if start + 50 < len(rows) else {}
        if self.meanwhile and part:
            self.meanwhile.pop(0)()
        return 200, answer, {}

    def refresh(self, body: dict[str, str]) -> Answer:
        if (body["refresh_token"], body["client_secret"]) != (self.refresh_token, "s3cret"):
            return 400, {"hint": "Token has been revoked"}, {}
        self.tokens = {f"after {self.refresh_token}"}
        self.refresh_token += "+"
        return 200, {"access_token": next(iter(self.tokens)), "refresh_token": self.refresh_token}, {}


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(where.query).items()}
            self.say(
                made.answer(where.path, query, self.headers.get("Authorization", "").removeprefix("Bearer "))
            )

        def do_POST(self) -> None:
            self.say(made.refresh(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def say(self, answer: Answer) -> None:
            status, body, headers = answer
            text = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = listening.server_port
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield made
    listening.shutdown()


def contact(number: int, at: int = NOW) -> dict[str, Any]:
    phone = {"field_code": "PHONE", "values": [{"value": f"+7916{number:07d}", "enum_code": "MOB"}]}
    return {
        "id": number, "name": f"Contact {number}", "created_at": NOW - 1000, "updated_at": at,
        "custom_fields_values": [phone],
    }  # fmt: skip


def lead(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": "Lead",
        "status_id": 142,
        "pipeline_id": 1,
        "created_at": NOW,
        "updated_at": NOW,
    }


Load = Callable[..., dict[str, TableLoad]]


@pytest.fixture
def load(server: Server, clean_warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.setattr(rest, "BACKOFF_S", 0.01)
    with clean_warehouse.begin() as connection:
        for name in ("amocrm", "bitrix24", "testapi"):
            raw = schema.raw_schema(name)
            connection.execute(sa.text(f"drop schema if exists {raw} cascade"))
            connection.execute(sa.text(f"drop schema if exists {raw}_staging cascade"))
            connection.execute(sa.text(f"create schema {raw}"))

    def run(source: Source | None = None, path: str = "", **secrets: str) -> dict[str, TableLoad]:
        done = extract(
            source or load_source("amocrm"),
            f"http://127.0.0.1:{server.port}{path}",
            clean_warehouse,
            tmp_path,
            secrets=secrets or ({} if path else {"token": "good"}),
        )
        return {table.table: table for table in done.tables}

    return run


def ask(warehouse: Warehouse, query: str) -> list[tuple]:
    with warehouse.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_amocrm_is_read_page_by_page_and_then_what_changed(
    server: Server, load: Load, clean_warehouse: Warehouse
) -> None:
    server.contacts = [contact(number, NOW + number) for number in range(1, 601)]
    server.leads = [lead(1)]
    first = load()
    assert (first["contacts"].rows_at_source, first["contacts"].rows_loaded) == (600, 600)
    # Three pages, and the same again: it gives no total, and cannot be paged by key.
    assert server.asked.count("/api/v4/contacts") == 6
    query = (
        "select name, custom_fields_values::json -> 0 -> 'values' -> 0 ->> 'value' from raw_amocrm.contacts "
        "where id = '7'"
    )
    assert ask(clean_warehouse, query) == [("Contact 7", "+79160000007")]

    server.contacts[0] = contact(1, NOW + 50_000) | {"name": "Renamed"}
    server.contacts.append(contact(601, NOW + 50_001))
    server.contacts.append(contact(602, int(time.time()) + 30 * 86_400))  # a clock that runs ahead
    second = load()
    # The look-back of an hour is read again: all of them lie in it.
    assert (second["contacts"].rows_at_source, second["leads"].rows_loaded) == (602, 1)
    assert ask(
        clean_warehouse, "select count(*), count(*) filter (where name = 'Renamed') from raw_amocrm.contacts"
    ) == [(602, 1)]
    third = load()["contacts"]
    assert (third.rows_at_source, third.rows_loaded) == (602, 3)


def test_an_expired_token_is_renewed_and_the_spent_one_never_used_again(server: Server, load: Load) -> None:
    server.contacts, server.leads = [contact(1)], [lead(1)]
    secrets = {"refresh_token": "first", "client_id": "id", "client_secret": "s3cret"}
    assert load(**secrets)["contacts"].rows_loaded == 1
    assert server.refresh_token == "first+"
    load(**secrets)  # the token that was given then still serves
    assert server.refresh_token == "first+"
    server.tokens = {"another"}
    load(**secrets)
    assert server.refresh_token == "first++"
    server.tokens, server.refresh_token = {"another"}, "revoked"
    with pytest.raises(SourceError, match="refuses the token") as error:
        load(**secrets)
    assert "C360_SOURCE_AMOCRM_REFRESH_TOKEN" in str(error.value) and "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("api", "webhook", "path"), [("amocrm", "", "api/v4/contacts"), ("bitrix24", WEBHOOK, "crm.item.list")]
)
def test_a_busy_or_broken_api_is_asked_again(
    server: Server, load: Load, api: str, webhook: str, path: str
) -> None:
    server.contacts, server.leads = [contact(1) | {"updatedTime": "2026-09-01T12:00:00+03:00"}], [lead(1)]
    server.wrong = [(429, {}, {"Retry-After": "1"}), (502, b"<html>", {}), (503, TOO_MANY, {})]
    began = time.monotonic()
    assert load(load_source(api), webhook)["contacts"].rows_loaded == 1
    assert time.monotonic() - began >= 1
    server.wrong = [(503, TOO_MANY, {})] * 5
    with pytest.raises(SourceUnavailable, match=f"{path} answers 503, 5 times in a row"):
        load(load_source(api), webhook)


def test_bitrix24_refuses_as_it_does(server: Server, load: Load, clean_warehouse: Warehouse) -> None:
    refusals: list[tuple[Answer, str]] = [
        ((401, {"error": "INVALID_CREDENTIALS"}, {}), "asks who is there (401) at crm.item.list"),
        ((403, {"error": "insufficient_scope"}, {}), "answers 403"),
        ((400, {"error": "ENTITY_TYPE_NOT_SUPPORTED"}, {}), "answers 400"),
        ((200, {"error": "x", "error_description": "y"}, {}), "no list at result.items"),
        ((200, {"result": []}, {}), "no list at result.items"),
        ((200, {"result": {"items": {"1": {}}}}, {}), "no list at result.items"),
        ((200, {"result": {"items": [{"id": 1}]}}, {}), "no column updated_time"),
        ((200, b'{"result": {"items": [', {}), "that is no JSON"),
        (
            (200, b"<html>renew your licence</html>", {"Content-Type": "text/html"}),
            "text/html that is no JSON",
        ),
    ]
    for answer, says in refusals:
        server.wrong = [answer]
        with pytest.raises(SourceError, match="bitrix24") as error:
            load(load_source("bitrix24"), WEBHOOK)
        assert says in str(error.value)
        assert "secret" not in str(error.value) and "\n" not in str(error.value)
    assert ask(clean_warehouse, "select to_regclass('raw_bitrix24.contacts')::text") == [(None,)]
    row = {"id": 1, "updatedTime": "2026-09-01T12:00:00+03:00"}
    for again, says in (
        (row, "the same page again"),
        (row | {"name": "x"}, r"does not keep to filter\[>id\]"),
    ):
        server.wrong = [(200, {"result": {"items": [given]}}, {}) for given in (row, again)]
        with pytest.raises(SourceError, match=says):
            load(load_source("bitrix24"), WEBHOOK)
    server.wrong = [(200, {"result": {"items": [{"ID": 1, "updatedTime": row["updatedTime"]}]}}, {})]
    with pytest.raises(SourceError, match=r"a row of crm.item.list has no id"):
        load(load_source("bitrix24"), WEBHOOK)


def moved(row: dict[str, Any], **changes: object) -> Callable[[], None]:
    return lambda: row.update(changes)


def test_bitrix24_gives_every_record_while_others_are_edited(
    server: Server, load: Load, clean_warehouse: Warehouse
) -> None:
    server.contacts = [
        {"id": number, "updatedTime": f"2026-09-01T12:{number // 60:02}:{number % 60:02}+03:00"}
        for number in range(1, 131)
    ]
    later = {"updatedTime": "2026-09-02T12:00:00+03:00"}

    def edit() -> None:  # two of the first page are edited, one is deleted
        server.contacts[2].update(later)
        server.contacts[3].update(later)
        del server.contacts[10]

    server.meanwhile = [edit]
    load(load_source("bitrix24"), WEBHOOK)
    read = {int(key) for (key,) in ask(clean_warehouse, "select id from raw_bitrix24.contacts")}
    assert read == set(range(1, 131))


def test_amocrm_gives_every_record_while_others_are_edited_and_deleted(
    server: Server, load: Load, clean_warehouse: Warehouse
) -> None:
    server.contacts = [contact(number, NOW + number) for number in range(1, 601)]
    server.leads = [lead(1)]

    def edit() -> None:
        for row in server.contacts[2:4]:
            row["updated_at"] = NOW + 10_000
        del server.contacts[10:12]  # two of the next page take their places

    server.meanwhile = [edit]
    load()
    read = {int(key) for (key,) in ask(clean_warehouse, "select id from raw_amocrm.contacts")}
    assert read == set(range(1, 601))
    # Three pages, thrice: the second reading brought two, the third nothing new.
    assert server.asked.count("/api/v4/contacts") == 9


@pytest.mark.parametrize("counts", [True, False])
def test_a_list_that_moves_is_read_again_and_refused_if_it_never_stops(
    server: Server, load: Load, clean_warehouse: Warehouse, counts: bool
) -> None:
    params = {"limit": 250, "order[updated_at]": "asc"}
    paged = Endpoint("api/v4/contacts", "_embedded.contacts", params, "page", total="total" if counts else "")
    source = Source(
        "testapi", "other", "An API", (Table("people", ("id",), ("name",), deletes="kept", endpoint=paged),)
    )
    server.contacts, server.counts = [contact(number, NOW + number) for number in range(1, 601)], counts
    later = iter(range(1_000, 100_000))

    def edit() -> None:
        for row in sorted(server.contacts, key=lambda row: row["updated_at"])[:2]:
            row["updated_at"] = NOW + next(later)

    server.meanwhile = [edit]
    load(source)
    assert ask(clean_warehouse, "select count(*) from raw_testapi.people") == [(600,)]
    assert server.asked.count("/api/v4/contacts") == (8 if counts else 12)

    def hide() -> None:  # each reading lacks others
        server.contacts = [contact(n) for n in range(next(later) * 1_000, next(later) * 1_000 + 300)]

    server.meanwhile, server.withheld = [] if counts else [hide] * 40, 5
    with pytest.raises(SourceError, match="was read 4 times, and") as error:
        load(source)
    assert "Page it by key" in str(error.value)


def test_what_the_apis_send_passes_their_gates_and_what_is_wrong_does_not(
    server: Server, load: Load, clean_warehouse: Warehouse
) -> None:
    def broken(api: str, webhook: str = "") -> dict[str, set[str]]:
        """Table → the rules that what the API sends now breaks."""
        load(load_source(api), webhook)
        outcomes = {
            table.name: run_gate(clean_warehouse, SUITES["raw", api, table.name], run_id="r")
            for table in load_source(api).tables
        }
        for name, outcome in outcomes.items():
            assert outcome.rows_checked == len(getattr(server, name))
            assert outcome.rows_quarantined == sum(
                not r.success for r in outcome.results if r.rows_quarantined
            )
        return {
            name: {found.message.split("'")[1] for found in outcome.results if not found.success}
            for name, outcome in outcomes.items()
        }

    embedded = {"_embedded": {"contacts": [{"id": 1}]}}
    server.contacts = [contact(n) | {"is_deleted": False} for n in (1, 2)]
    server.leads = [lead(1) | {"closed_at": None, "price": 100, "is_deleted": False} | embedded]
    assert broken("amocrm") == {"contacts": set(), "leads": set()}
    server.contacts = [
        contact(1) | {"custom_fields_values": {"PHONE": "x"}},
        contact(2) | {"created_at": "soon"},
        contact(3),
    ]
    server.leads = [
        lead(1) | {"price": "x"}, lead(2) | {"_embedded": "x"}, lead(3) | {"status_id": None}, lead(4)
    ]  # fmt: skip
    assert broken("amocrm") == {
        "contacts": {"created_at is in seconds since 1970", "custom_fields_values is a list"},
        "leads": {"a lead has its status", "a price is a number", "what a lead embeds is an object"},
    }

    at, phone = "2026-09-01T12:00:00+03:00", [{"typeId": "PHONE", "value": "+79161234567"}]
    row = {"id": 1, "updatedTime": at, "createdTime": at, "birthdate": "", "fm": phone}
    server.contacts = [row, row | {"id": 2, "birthdate": "1980-02-03T03:00:00+03:00", "fm": []}]
    assert broken("bitrix24", WEBHOOK) == {"contacts": set()}
    server.contacts = [
        row | {"updatedTime": "2026-13-01"}, row | {"id": 2, "birthdate": "03.02.1980"},
        row | {"id": 3, "fm": phone[0]}, row | {"id": 4},
    ]  # fmt: skip
    assert broken("bitrix24", WEBHOOK) == {
        "contacts": {"updated_time is a time", "birthdate is a date", "fm is a list"}
    }


REFUSED: dict[str, tuple[Answer, str]] = {
    "a page of a site": (
        (200, b"<html>sign in</html>", {"Content-Type": "text/html"}),
        "text/html that is no JSON",
    ),
    "an answer cut off": ((200, b'{"_embedded": {"contacts": [', {}), "that is no JSON"),
    "no rows where they were": ((200, {"error": "x"}, {}), "no list at _embedded.contacts"),
    "rows that are none": ((200, {"_embedded": {"contacts": "x"}}, {}), "no list at _embedded.contacts"),
    "a list where an object was": ((200, [1], {}), "no list at _embedded.contacts"),
    "a text": ((200, "x", {}), "no list at _embedded.contacts"),
    "a right that is missing": ((403, {}, {}), "answers 403"),
    "a path that is missing": ((404, b"<html>", {}), "answers 404"),
    "JSON too deep": ((200, b'{"a":' * 50_000, {}), "nested too deep"),
    "a next that is a number": (
        (200, {"_embedded": {"contacts": [contact(1)]}, "_links": {"next": {"href": 7}}}, {}),
        "at _links.next.href is no address but a number",
    ),
    "more than is read": (
        (200, gzip.compress(b'{"x": "' + b" " * (130 << 20) + b'"}', 1), {"Content-Encoding": "gzip"}),
        "larger than 128 MB unpacked",
    ),
    "a column that is missing": (
        (200, {"_embedded": {"contacts": [{"id": 1}]}}, {}),
        "no column updated_at, name",
    ),
}


@pytest.mark.parametrize(("answer", "says"), REFUSED.values(), ids=REFUSED)
def test_an_answer_that_is_none_is_refused(
    server: Server, load: Load, clean_warehouse: Warehouse, answer: Answer, says: str
) -> None:
    server.wrong = [answer]
    with pytest.raises(SourceError, match="amocrm") as error:
        load()
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert ask(clean_warehouse, "select to_regclass('raw_amocrm.contacts')::text") == [(None,)]


def test_a_paging_that_loops_is_stopped(server: Server, load: Load) -> None:
    server.contacts, server.loops = [contact(number) for number in range(1, 301)], True
    with pytest.raises(SourceError, match="the same page again after 1 pages"):
        load()


def test_the_token_goes_to_no_other_host(server: Server, load: Load) -> None:
    elsewhere = {"next": {"href": f"http://localhost:{server.port}/api/v4/contacts?limit=250"}}
    server.wrong = [(200, {"_links": elsewhere, "_embedded": {"contacts": [contact(1)]}}, {})]
    with pytest.raises(SourceError, match="leads to another host"):
        load()
    assert len(server.asked) == 1


def test_a_server_that_is_not_there(
    server: Server, load: Load, clean_warehouse: Warehouse, tmp_path: Path
) -> None:
    with pytest.raises(SourceUnavailable, match="amocrm does not answer at api/v4/contacts"):
        extract(
            load_source("amocrm"), "http://127.0.0.1:1", clean_warehouse, tmp_path, secrets={"token": "x"}
        )


def test_rows_that_are_none_are_rejected_and_the_rest_stands(
    server: Server, load: Load, clean_warehouse: Warehouse
) -> None:
    server.contacts = [
        contact(1), contact(2) | {"id": None}, contact(3) | {"name": "a\x00b"}, contact(4) | {"name": "\ud83d"},
        contact(5) | {"name": "x" * 40_000_000},
    ]  # fmt: skip
    done = load()["contacts"]
    assert (done.rows_loaded, done.rows_rejected) == (1, 4)
    assert ask(clean_warehouse, "select reasons from quarantine.amocrm__contacts__rejects order by 1") == [
        (["a NUL character in name"],), (["longer than 1,048,576 bytes: 40,000,183"],), (["no id"],),
        (["not a JSON object: half a character, perhaps"],),
    ]  # fmt: skip


def test_bitrix24_is_read_through_its_webhook(server: Server, load: Load, clean_warehouse: Warehouse) -> None:
    server.contacts = [
        {
            "id": number, "name": "Анна", "updatedTime": "2026-09-01T12:00:00+03:00",
            "fm": [{"typeId": "PHONE", "value": "+79161234567"}, {"typeId": "PHONE", "value": "84951234567"}],
        }
        for number in range(1, 121)
    ]  # fmt: skip
    done = load(load_source("bitrix24"), WEBHOOK)["contacts"]
    assert (done.rows_loaded, done.watermark_to) == (120, "2026-09-01T09:00:00+00:00")
    assert ask(
        clean_warehouse, "select json_array_length(fm::json) from raw_bitrix24.contacts where id = '120'"
    ) == [(2,)]
    server.wrong = [(404, {}, {})]
    with pytest.raises(SourceError) as error:
        load(load_source("bitrix24"), WEBHOOK)
    assert "secret" not in str(error.value)


def test_a_whole_list_shows_what_is_gone(server: Server, load: Load, clean_warehouse: Warehouse) -> None:
    endpoint = Endpoint("api/v4/contacts", "_embedded.contacts", {"limit": 250}, "page")
    source = Source(
        "testapi",
        "other",
        "An API",
        (Table("people", ("id",), ("name",), deletes="compared", endpoint=endpoint),),
    )
    server.contacts = [contact(number) for number in range(1, 300)]
    assert load(source)["people"].rows_at_source == 299
    server.contacts = server.contacts[1:]
    assert load(source)["people"].tombstones == 1
    server.contacts = []
    with pytest.raises(SourceError, match="returns no rows where there were 298"):
        load(source)


def test_the_audit_reads_an_api_and_keeps_only_its_token(server: Server, tmp_path: Path) -> None:
    server.contacts = [
        contact(n, NOW + n) | {"first_name": "Анна", "last_name": "Белова"} for n in range(1, 301)
    ]
    server.contacts[0] |= {"id": None}
    server.leads = [lead(1)]
    found = audit(
        [(load_source("amocrm"), f"http://127.0.0.1:{server.port}")],
        secrets={"amocrm": {"refresh_token": "first", "client_secret": "s3cret"}},
        home=tmp_path,
    )
    contacts, leads = found.tables
    assert (contacts.rows, contacts.rejected, contacts.is_card, leads.rows) == (299, 1, True, 1)
    assert contacts.latest == str(dt.datetime.fromtimestamp(NOW + 300, dt.UTC))
    phones = next(c for c in found.columns if c.is_mixed)
    assert phones.label == "amocrm.contacts.custom_fields_values (phones)"
    assert (phones.filled, phones.valid, phones.distinct) == (299, 299, 299)
    assert [(c.cards, c.alone) for c in found.cards] == [(299, 299)]
    # The token that was given serves once: a refresh goes on with the next one.
    assert [path.name for path in tmp_path.rglob("*.*")] == ["amocrm.json"]
    server.wrong = [(403, {}, {})]
    with pytest.raises(SourceError, match="answers 403"):
        audit([(load_source("bitrix24"), f"http://127.0.0.1:{server.port}{WEBHOOK}")])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Endpoint("https://x/y"), "below the source's URL"),
        (lambda: Endpoint("x", paging="cursor"), "without next"),
        (lambda: Table("t", ("id",), (), endpoint=Endpoint("x", since="from")), "go together"),
        (
            lambda: Table(
                "t", ("id",), (), watermark="at", deletes="compared", endpoint=Endpoint("x", since="f")
            ),
            "only changes are read",
        ),
    ],
)
def test_an_endpoint_that_cannot_work(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()
