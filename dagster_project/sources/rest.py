"""Paged REST APIs as a source, through dlt's REST client: pages to lines of JSON, which go the way of files.

Belongs here: asking page by page, what an answer that is none means, tokens that expire. Does not belong here:
rows (delivery.py), loading (extract.py).
"""

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.exceptions import RequestException

from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.sources.declaration import Endpoint, Files, Source, Table
from dagster_project.sources.delivery import Delivery, Refused

ATTEMPTS = 5
BACKOFF_S = 1.0  # doubled with each attempt, where the API does not say how long to wait
TIMEOUT_S = 60
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
        session.send = lambda request, **more: self._checked(send(self._ours(request), **more))  # type: ignore[method-assign]
        self.path = "/"
        self.client = RESTClient(self.url, session=session)
        self.token = secrets.get("token") or self._stored().get("access_token")

    def pages(self, table: Table, since: dt.datetime | None) -> Iterator[list[dict[str, Any]]]:
        """The rows of each page. Raises SourceError or SourceUnavailable."""
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
            if not page:
                continue
            mark = hashlib.sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()
            if mark in seen or len(seen) >= MOST_PAGES:
                raise SourceError(
                    f"{self.source.name}: the API answers {endpoint.path} with the same page again "
                    f"after {len(seen)} pages.",
                    "Its paging loops: see `paging` in the declaration. Nothing of it was loaded.",
                )
            seen.add(mark)
            yield page

    def _paginate(self, endpoint: Endpoint, since: dt.datetime | None) -> Iterator[list[dict[str, Any]]]:
        parameters = dict(endpoint.params)
        if since is not None and endpoint.since:
            parameters[endpoint.since] = (
                str(int(since.timestamp())) if endpoint.since_as == "unix" else since.isoformat()
            )
        answers = self.client.paginate(
            endpoint.path,
            params=parameters,
            headers={"Authorization": f"Bearer {self.token}"} if self.token else {},
            paginator=_paginator(endpoint),
            data_selector=endpoint.rows or "$",
            hooks={"response": []},  # what an answer means is told by _checked
        )
        self.path = endpoint.path
        try:
            for answer in answers:
                yield self._rows(endpoint, answer.response.json())
        except RequestException as error:  # its words hold the URL, which may hold a secret
            raise SourceUnavailable(
                f"{self.source.name} does not answer at {endpoint.path}: {type(error).__name__}.",
                f"Is it up, and is {self.setting}_URL right?",
            ) from None

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
                response.json()
            except ValueError:
                kind = response.headers.get("Content-Type", "no type").split(";")[0]
                raise SourceError(
                    f"{where} answers with {kind} that is no JSON.",
                    f"Does {self.setting}_URL lead to the API?",
                ) from None
        return response

    def _rows(self, endpoint: Endpoint, answer: Any) -> list[dict[str, Any]]:
        if answer == {}:
            return []
        for step in filter(None, endpoint.rows.split(".")):
            answer = answer.get(step) if isinstance(answer, dict) else None
        if not isinstance(answer, list):
            raise SourceError(
                f"{self.source.name}: what {endpoint.path} answers has no list at {endpoint.rows or 'its top'}.",
                "Did the API change? Mend `rows` in the declaration.",
            )
        return answer

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
            self.path = self.source.token_path
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


def read(api: Api, since: Mapping[str, dt.datetime], delivery: Delivery) -> dict[str, int]:
    """Hands `delivery` every row that changed since then, by table; returns how many could be none."""
    rejected = {}
    for table in delivery.source.tables:
        lines = delivery.folder / "pages"
        try:
            with lines.open("w", encoding="utf-8") as file:
                for page in api.pages(table, since.get(table.name)):
                    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in page)
            assert table.endpoint is not None
            rejected[table.name] = delivery.add(table, lines, table.endpoint.path, _LINES).rejected
        except Refused as refused:
            raise SourceError(
                f"{delivery.source.name}: what {table.name} answers cannot be rows: {refused}.",
                "Did the API change? Adapt its declaration.",
            ) from refused
        finally:
            lines.unlink(missing_ok=True)
    return rejected


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
