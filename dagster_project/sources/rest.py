"""Paged REST APIs as a source, through dlt's REST client: pages to lines of JSON, which go the way of files.

Belongs here: asking page by page until every record was on one, what an answer that is none means, tokens that
expire. Does not belong here: rows (delivery.py), loading (extract.py).

A list that is paged by place moves while it is read: who edits or deletes a record between two pages moves others
from the page to come to the one that was read, and they are never seen. Paging by key (`keyset`) has no such gap.
Any other list of several pages is compared with the total that the API gives, or else read again until it brings
nothing new.
"""

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.exceptions import RequestException

from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.sources.declaration import Endpoint, Files, Source, Table
from dagster_project.sources.delivery import Delivery, Refused
from dagster_project.sources.naming import normalise

ATTEMPTS = 5
BACKOFF_S = 1.0  # doubled with each attempt, where the API does not say how long to wait
TIMEOUT_S = 60
CLOCKS_DIFFER = dt.timedelta(minutes=5)  # the API's and ours; less than any look-back
READINGS = 4  # of a list that is edited meanwhile
LARGEST_ANSWER = 128 << 20  # unpacked: it is parsed in memory, where it takes up to ten times as much
CHUNK_BYTES = 64 << 10
MOST_PAGES = 1_000_000  # a paging that never ends by itself and never says the same twice
COMPANIONS = ("client_id", "client_secret", "redirect_uri")  # of a refresh token
_LINES = Files("pages", "jsonl")


class Api:
    """One API: its base URL and how a request proves who asks. `secrets` are the source's settings by name.

    Tokens that the API gives for others are kept below `home`: each serves once.
    """

    def __init__(self, source: Source, url: str, secrets: Mapping[str, str], home: Path) -> None:
        from dlt.sources.helpers.requests import Client
        from dlt.sources.helpers.rest_client import RESTClient

        self.source, self.secrets = source, secrets
        self.tokens = home / "tokens" / f"{source.name}.json"
        self.setting = f"C360_SOURCE_{source.name.upper()}"
        self.url = url.rstrip("/")
        session = Client(
            request_timeout=TIMEOUT_S,
            request_max_attempts=ATTEMPTS,
            request_backoff_factor=BACKOFF_S,
            raise_for_status=False,
        ).session
        send = session.send
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._limited())
        session.send = lambda request, **more: self._checked(send(self._ours(request), **more))  # type: ignore[method-assign]
        self.path = "/"  # what is asked now, for messages
        self.endpoint: Endpoint | None = None
        self.client = RESTClient(self.url, session=session)
        self.token = secrets.get("token") or self._stored().get("access_token")

    def pages(self, table: Table, since: dt.datetime | None) -> Iterator["Page"]:
        """Each page that has rows. Raises SourceError or SourceUnavailable."""
        endpoint = table.endpoint
        assert endpoint is not None
        seen: set[str] = set()
        refreshed = False
        pages = self._paginate(endpoint, since)
        while True:
            try:
                page = next(pages, None)
            except _Unauthorised:
                # An expired token shows on the first page only: a later one is the API's own refusal.
                if refreshed or seen or not self._refresh():
                    if not self.secrets:  # a webhook, say, whose secret is part of the URL
                        raise SourceError(
                            f"{self.source.name}: the API asks who is there (401) at {endpoint.path}.",
                            f"Mend {self.setting}_URL, or set {self.setting}_TOKEN.",
                        ) from None
                    raise SourceError(
                        f"{self.source.name}: the API refuses the token (401) at {endpoint.path}.",
                        f"Mend {self.setting}_TOKEN, or {self.setting}_REFRESH_TOKEN and its companions.",
                    ) from None
                refreshed, pages = True, self._paginate(endpoint, since)
                continue
            if page is None:
                return
            if not page.rows:
                continue
            mark = hashlib.sha256(json.dumps(page.rows, sort_keys=True).encode()).hexdigest()
            if mark in seen or len(seen) >= MOST_PAGES:
                raise SourceError(
                    f"{self.source.name}: the API answers {endpoint.path} with the same page again "
                    f"after {len(seen)} pages.",
                    "Its paging loops: see `paging` in the declaration. Nothing of it was loaded.",
                )
            seen.add(mark)
            yield page

    def _paginate(self, endpoint: Endpoint, since: dt.datetime | None) -> Iterator["Page"]:
        parameters: dict[str, str | int] = dict(endpoint.params)
        if since is not None and endpoint.since:
            parameters[endpoint.since] = (
                str(int(since.timestamp())) if endpoint.since_as == "unix" else since.isoformat()
            )
        if endpoint.paging != "keyset":
            yield from self._ask(endpoint, parameters)
            return
        last: _Key | None = None
        while True:
            (page,) = self._ask(endpoint, parameters)
            if not page.rows:
                return
            yield page
            keys = [_key(row.get(endpoint.next)) for row in page.rows if isinstance(row, dict)]
            if len(keys) < len(page.rows) or None in keys:
                raise SourceError(
                    f"{self.source.name}: a row of {endpoint.path} has no {endpoint.next}, by which it is paged.",
                    "Fix `next` in the declaration.",
                )
            lowest, highest = min(filter(None, keys)), max(filter(None, keys))
            if last is not None and lowest <= last:
                raise SourceError(
                    f"{self.source.name}: {endpoint.path} does not keep to {endpoint.page_param}: a page begins before the "
                    "last one's end.",
                    f"Fix `page_param`, and order by {endpoint.next} in `params` of the declaration.",
                )
            last = highest
            parameters[endpoint.page_param] = last.text

    def _ask(self, endpoint: Endpoint, parameters: Mapping[str, str | int]) -> Iterator["Page"]:
        answers = self.client.paginate(
            endpoint.path,
            params=dict(parameters),
            headers={"Authorization": f"Bearer {self.token}"} if self.token else {},
            paginator=_paginator(endpoint),
            data_selector=endpoint.rows or "$",
            hooks={"response": []},  # what an answer means is told by _checked
        )
        self.path, self.endpoint = endpoint.path, endpoint
        try:
            for answer in answers:
                content = answer.response.json()
                yield Page(self._rows(endpoint, content), self._total(endpoint, content))
        except RequestException as error:  # its words hold the URL, which may hold a secret
            raise SourceUnavailable(
                f"{self.source.name} does not answer at {endpoint.path}: {type(error).__name__}.",
                f"Is it up, and is {self.setting}_URL right?",
            ) from None

    def _limited(self) -> Any:
        """What requests are sent by: an answer that unpacks to more than LARGEST_ANSWER ends the reading."""
        from requests.adapters import HTTPAdapter

        api = self

        class Limited(HTTPAdapter):
            def build_response(self, request: Any, answer: Any) -> Any:
                response = super().build_response(request, answer)
                chunks = response.iter_content

                def limited(*_: object, **__: object) -> Iterator[bytes]:
                    size = 0
                    for chunk in chunks(CHUNK_BYTES):
                        size += len(chunk)
                        if size > LARGEST_ANSWER:
                            response.close()
                            raise SourceError(
                                f"{api.source.name}: an answer of {api.path} is larger than "
                                f"{LARGEST_ANSWER >> 20} MB unpacked.",
                                "Ask for smaller pages: `params` and `paging` in the declaration.",
                            )
                        yield chunk

                response.iter_content = limited  # type: ignore[method-assign]
                return response

        return Limited()

    def _ours(self, request: Any) -> Any:
        """`request` if it goes to the API's own host: an answer must not send the token elsewhere."""
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            raise SourceError(
                f"{self.source.name}: the next page of {self.path} leads to another host.",
                f"Is {self.setting}_URL the address that the API gives itself?",
            )
        return request

    def _checked(self, response: Any) -> Any:
        """`response` if it is an answer in JSON; dlt's client has tried 429 and 5xx again by then."""
        where, status = f"{self.source.name}: {self.path}", response.status_code
        if status == 204:  # amoCRM: nothing there
            response._content = b"{}"
        elif status == 401:
            raise _Unauthorised
        elif status == 429 or status >= 500:
            raise SourceUnavailable(
                f"{where} answers {status}, {ATTEMPTS} times in a row.",
                "Try again later, or ask for a higher limit.",
            )
        elif status >= 400:
            raise SourceError(
                f"{where} answers {status}.", f"Mend {self.setting}_URL or the rights of its token."
            )
        else:
            try:
                content = response.json()
            except RecursionError:
                raise SourceError(
                    f"{where} answers with JSON that is nested too deep to read.", "Ask for fewer fields."
                ) from None
            except ValueError:
                kind = response.headers.get("Content-Type", "no type").split(";")[0]
                raise SourceError(
                    f"{where} answers with {kind} that is no JSON.",
                    f"Does {self.setting}_URL lead to the API?",
                ) from None
            self._check_next(content)
        return response

    def _check_next(self, content: Any) -> None:
        """Raises SourceError where an answer names its next page by something that is none."""
        endpoint = self.endpoint
        if endpoint is None or endpoint.paging not in ("link", "cursor"):
            return
        following = _at(content, endpoint.next)
        kinds = (str,) if endpoint.paging == "link" else (str, int)
        if following is not None and (isinstance(following, bool) or not isinstance(following, kinds)):
            raise SourceError(
                f"{self.source.name}: what {endpoint.path} answers at {endpoint.next} is no "
                f"{'address' if endpoint.paging == 'link' else 'cursor'} but {_json_type(following)}.",
                "Did the API change? Fix `next` or `paging` in the declaration.",
            )

    def _rows(self, endpoint: Endpoint, answer: Any) -> list[dict[str, Any]]:
        if answer == {}:
            return []
        answer = _at(answer, endpoint.rows)
        if not isinstance(answer, list):
            raise SourceError(
                f"{self.source.name}: what {endpoint.path} answers has no list at {endpoint.rows or 'its top'}.",
                "Did the API change? Mend `rows` in the declaration.",
            )
        return answer

    def _total(self, endpoint: Endpoint, answer: Any) -> int | None:
        """How many rows the API says that its list has; None where it does not."""
        total = _at(answer, endpoint.total) if endpoint.total else None
        return int(total) if isinstance(total, (int, str)) and str(total).isdecimal() else None

    def _refresh(self) -> bool:
        """A new token for the refresh token; False where there is none. The new refresh token is kept: the old is spent."""
        stored = self._stored()
        given = self.secrets.get("refresh_token", "")
        # A token that someone has just set goes before the one that we were given for an older one.
        spent = stored.get("given") == given
        token = stored.get("refresh_token") if spent else given
        if not (token and self.source.token_path):
            return False
        companions = {name: self.secrets[name] for name in COMPANIONS if self.secrets.get(name)}
        try:
            self.path, self.endpoint = self.source.token_path, None
            answer = self.client.session.post(
                f"{self.url}/{self.path.lstrip('/')}",
                json={"grant_type": "refresh_token", "refresh_token": token, **companions},
            )
        except (SourceError, _Unauthorised):
            return False
        new = answer.json()
        self.token = new["access_token"]
        kept = {
            "given": given,
            "access_token": new["access_token"],
            "refresh_token": new.get("refresh_token", token),
        }
        self.tokens.parent.mkdir(parents=True, exist_ok=True)
        part = self.tokens.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(kept, file)
        part.replace(self.tokens)
        return True

    def _stored(self) -> dict[str, str]:
        return json.loads(self.tokens.read_text()) if self.tokens.exists() else {}


class _Unauthorised(Exception):
    pass


@dataclass(frozen=True)
class Page:
    """One answer's rows, and how many the whole list has, where the API says so."""

    rows: list[Any]
    total: int | None = None


@dataclass(frozen=True, order=True)
class _Key:
    """A key as APIs order it: numbers by their size, before texts."""

    is_text: bool
    number: int
    text: str


def _key(value: Any) -> _Key | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
        return None
    text = str(value)
    return _Key(False, int(text), text) if re.fullmatch(r"-?[0-9]{1,40}", text) else _Key(True, 0, text)


def _at(answer: Any, path: str) -> Any:
    """What an answer has at `path`, its steps parted by dots; None where it has nothing."""
    for step in filter(None, path.split(".")):
        answer = answer.get(step) if isinstance(answer, dict) else None
    return answer


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else "a text"


def read(api: Api, since: Mapping[str, dt.datetime], delivery: Delivery) -> dict[str, int]:
    """Hands `delivery` every row that changed since then, by table; returns how many could be none."""
    rejected = {}
    for table in delivery.source.tables:
        lines = delivery.folder / "pages"
        assert table.endpoint is not None
        try:
            # Half a surrogate pair, which no UTF-8 has, stays as JSON writes it: its row is rejected.
            with lines.open("w", encoding="utf-8", errors="backslashreplace") as file:
                for rows in _every_row(api, table, since.get(table.name)):
                    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            rejected[table.name] = delivery.add(table, lines, table.endpoint.path, _LINES).rejected
        except Refused as refused:
            raise SourceError(
                f"{delivery.source.name}: what {table.name} answers cannot be rows: {refused}.",
                "Did the API change? Adapt its declaration.",
            ) from refused
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            # An answer of a form that nobody thought of; the words of the error may hold values of it.
            raise SourceError(
                f"{delivery.source.name}: what {table.endpoint.path} answers cannot be read ({type(error).__name__}).",
                "Did the API change? Adapt its declaration.",
            ) from error
        finally:
            lines.unlink(missing_ok=True)
    return rejected


def _every_row(api: Api, table: Table, since: dt.datetime | None) -> Iterator[list[Any]]:
    """The rows of the list, page by page: those of a first reading, then what further ones bring that it had missed.

    Raises SourceError where a list has more records than came even so.
    """
    endpoint = table.endpoint
    assert endpoint is not None
    began = dt.datetime.now(dt.UTC)
    known: set[int] = set()
    for reading in range(READINGS):
        pages = missed = 0
        totals: list[int] = []
        for page in api.pages(table, since):
            pages += 1
            totals += [] if page.total is None else [page.total]
            rows = []
            for row in page.rows:
                key = _hash_of_key(table, row)
                if reading and (key is None or key in known):
                    continue  # a row without a key was read the first time, and is rejected
                missed += reading > 0 and not _is_after(table, row, began)
                known.add(hash(len(known)) if key is None else key)
                rows.append(row)
            yield rows
        if endpoint.paging == "keyset":
            return
        if totals:
            # One that sinks meanwhile: a record was deleted, and another moved into its place.
            if len(known) >= totals[-1] and totals[-1] >= totals[0]:
                return
        elif pages < 2 or (reading and not missed):
            return
    if totals and len(known) >= totals[-1]:
        return
    lacking = f"{totals[-1] - len(known):,} of {totals[-1]:,}" if totals else f"{missed:,}"
    raise SourceError(
        f"{api.source.name}: {endpoint.path} was read {READINGS} times, and {lacking} records were on no page before: "
        "the list moves while it is read.",
        'Page it by key (`paging = "keyset"`), or order it in `params` by something that never changes.',
    )


def _hash_of_key(table: Table, row: Any) -> int | None:
    """A number for the key of a row; None where it has none."""
    if not isinstance(row, dict):
        return None
    ours = {name: row[theirs] for theirs in row if (name := normalise(theirs)) in table.key}
    values = tuple(str(ours.get(name) or "") for name in table.key)
    return hash(values) if all(values) else None


def _is_after(table: Table, row: dict[str, Any], began: dt.datetime) -> bool:
    """Whether a row was changed since the reading began: then the next refresh reads it, whatever became of it in this."""
    written = next((row[theirs] for theirs in row if normalise(theirs) == table.watermark), None)
    try:
        at = (
            dt.datetime.fromtimestamp(float(str(written)), dt.UTC)
            if re.fullmatch(r"[0-9]+(\.[0-9]+)?", str(written))
            else dt.datetime.fromisoformat(str(written))
        )
    except (ValueError, OverflowError, OSError):
        return False
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)) >= began - CLOCKS_DIFFER


def _paginator(endpoint: Endpoint) -> Any:
    from dlt.sources.helpers.rest_client import paginators as p

    if endpoint.paging == "link":
        return p.JSONLinkPaginator(next_url_path=endpoint.next)
    if endpoint.paging == "cursor":
        return p.JSONResponseCursorPaginator(cursor_path=endpoint.next, cursor_param=endpoint.page_param)
    if endpoint.paging == "page":
        return p.PageNumberPaginator(
            base_page=1, page_param=endpoint.page_param, total_path=None, stop_after_empty_page=True
        )
    return p.SinglePagePaginator()
