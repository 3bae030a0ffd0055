"""A bucket is read as a folder is: against a server that answers as S3 does."""

import threading
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.sources import Source, Table, files
from dagster_project.sources.declaration import Files
from dagster_project.sources.delivery import Delivery

MODIFIED = 1_790_000_000
BUCKET = "drops"
OBJECTS = {
    "ads/spend/0901.csv": b"id,cost\n1,10\n",
    "ads/spend/2026/0902 \xd0\xbc\xd0\xb0\xd0\xb9.csv".encode("latin1").decode(): b"id,cost\n2,20\n",
    "ads/spend/broken.csv": b"",
    "other/0903.csv": b"id,cost\n3,30\n",
}


class S3(BaseHTTPRequestHandler):
    """ListObjectsV2 in pages of one, HEAD, GET with ranges."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        bucket, _, key = unquote(where.path).lstrip("/").partition("/")
        if bucket != BUCKET:
            self.answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        elif not key:
            self.list({name: values[0] for name, values in parse_qs(where.query).items()})
        elif key in OBJECTS:
            content = OBJECTS[key]
            wanted = self.headers.get("Range")
            if wanted and content:
                first, last = wanted.removeprefix("bytes=").split("-")
                part = content[int(first) : int(last or len(content)) + 1]
                self.answer(206, part, {"Content-Range": f"bytes {wanted[6:]}/{len(content)}"})
            else:
                self.answer(200, content)
        else:
            self.answer(404, b"")

    def list(self, query: dict[str, str]) -> None:
        after = query.get("continuation-token", "")
        keys = sorted(key for key in OBJECTS if key.startswith(query.get("prefix", "")) and key > after)
        page, more = keys[:1], len(keys) > 1
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-09-21T14:13:20.000Z</LastModified>"
            f"<Size>{len(OBJECTS[key])}</Size></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[0])}</NextContinuationToken>" if more else ""
        self.answer(
            200,
            (
                f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated><KeyCount>{len(page)}</KeyCount>"
                f"{token}{entries}</ListBucketResult>"
            ).encode(),
            {"Content-Type": "application/xml"},
        )

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", formatdate(MODIFIED, usegmt=True))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def s3() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), S3)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


TABLE = Table("spend", ("id",), ("cost",), files=Files("spend/*.csv", "csv"), deletes="kept")
SOURCE = Source("ads", "advertising", "A bucket", (TABLE,))


def url(port: int, bucket: str = BUCKET) -> str:
    return f"s3://key:secret@{bucket}/ads?scheme=http&endpoint_override=127.0.0.1:{port}&region=ru"


def test_a_bucket_is_read_page_by_page(s3: int, tmp_path: Path) -> None:
    with Delivery(SOURCE, tmp_path) as delivery:
        reading = files.read(SOURCE, url(s3), {}, delivery)["spend"]
        rows = [row for batch in delivery.batches(TABLE) for row in batch.to_pylist()]
    assert sorted((row["id"], row["cost"], row["_file"]) for row in rows) == [
        ("1", "10", "spend/0901.csv"),
        ("2", "20", "spend/2026/0902 май.csv"),
    ]
    assert reading.refused == ["spend/broken.csv: it is empty: not even a header"]
    known = {
        "spend": {
            one.found.file: files.Held(one.found.size, one.found.modified_at)
            for one in reading.read
            if one.rows
        }
    }
    with Delivery(SOURCE, tmp_path) as delivery:
        again = files.read(SOURCE, url(s3), known, delivery)["spend"]
    assert [one.found.file for one in again.read] == ["spend/broken.csv"]


def test_a_bucket_that_is_not_there(s3: int, tmp_path: Path) -> None:
    with Delivery(SOURCE, tmp_path) as delivery, pytest.raises((SourceError, SourceUnavailable)) as error:
        files.read(SOURCE, url(s3, "nosuch"), {}, delivery)
    assert "C360_SOURCE_ADS_URL" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_bucket_that_does_not_answer(tmp_path: Path) -> None:
    with Delivery(SOURCE, tmp_path) as delivery, pytest.raises(SourceUnavailable, match="cannot be listed"):
        files.read(SOURCE, url(1), {}, delivery)
