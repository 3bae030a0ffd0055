"""Whatever stands in a folder: rows are read, what is no row is rejected with a reason, a bad file is refused.

The rest of the load stands, always: a good file lies beside each bad one.
"""

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dagster_project.sources import Source, Table, files, lines
from dagster_project.sources.declaration import Files
from dagster_project.sources.delivery import Delivery
from dagster_project.sources.lines import LONGEST_ROW

GOOD = {"csv": b"id,name,cost\ngood,Vera,1\n", "jsonl": b'{"id": "good", "name": "Vera", "cost": 1}\n'}
HEADER = b"id,name,cost\n"
LONG = b"x" * (LONGEST_ROW + 1)
FORTY_MB = b"x" * 40_000_000  # more than the reader's whole buffer

# What stands for: all rows read; rows beside rejected ones; a refused file.
Rows = list[tuple[str | None, ...]]


def csv(*lines: bytes | str) -> bytes:
    return HEADER + b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)


def wide(short: bytes, long: bytes) -> bytes:
    """480 columns: a row of short values, and one of values that a page of PostgreSQL cannot point to."""
    names = b"".join(b",c%d" % number for number in range(477))
    return HEADER.strip() + names + b"\n" + short + b",x" * 477 + b"\n" + long + (b"," + b"x" * 40) * 477


def packed(plain: bytes, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ({"a.csv": plain} | members).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


ONE: Rows = [("1", "Anna", "2")]
RUSSIAN = csv("1,Анна,2").decode()

READ: dict[str, tuple[str, bytes, Rows]] = {
    # CSV in its many spellings
    "plain": ("a.csv", csv("1,Anna,2", ""), ONE),
    "no last line end": ("a.csv", csv("1,Anna,2"), ONE),
    "windows line ends": ("a.csv", csv("1,Anna,2", "").replace(b"\n", b"\r\n"), ONE),
    "old line ends": ("a.csv", csv("1,Anna,2", "").replace(b"\n", b"\r"), ONE),
    "line ends of both kinds": ("a.csv", b"id,name,cost\r\n1,Anna,2\n2,Boris,3\r\n", [*ONE, ("2", "Boris", "3")]),
    "byte order mark": ("a.csv", b"\xef\xbb\xbf" + csv("1,Anna,2"), ONE),
    "utf-16 little": ("a.csv", RUSSIAN.encode("utf-16-le").join([b"\xff\xfe", b""]), [("1", "Анна", "2")]),
    "utf-16 big": ("a.csv", RUSSIAN.encode("utf-16-be").join([b"\xfe\xff", b""]), [("1", "Анна", "2")]),
    "utf-8 russian": ("a.csv", RUSSIAN.encode(), [("1", "Анна", "2")]),
    "emoji": ("a.csv", csv("1,Анна 🙂,2"), [("1", "Анна 🙂", "2")]),
    "quoted": ("a.csv", csv('1,"Anna",2'), ONE),
    "quoted delimiter": ("a.csv", csv('1,"Anna, B.",2'), [("1", "Anna, B.", "2")]),
    "doubled quote": ("a.csv", csv('1,"An""na",2'), [("1", 'An"na', "2")]),
    "quote inside a plain value": ("a.csv", csv('1,An"na,2'), [("1", 'An"na', "2")]),
    "quoted line end": ("a.csv", csv('1,"An\nna",2'), [("1", "An\nna", "2")]),
    "quoted windows line end": ("a.csv", csv('1,"An\r\nna",2'), [("1", "An\nna", "2")]),
    "empty value": ("a.csv", csv("1,,2"), [("1", None, "2")]),
    "quoted empty value": ("a.csv", csv('1,"",2'), [("1", None, "2")]),
    "all optional values empty": ("a.csv", csv("1,,"), [("1", None, None)]),
    "blank lines": ("a.csv", csv("", "1,Anna,2", "", ""), ONE),
    "blanks around": ("a.csv", csv("1, Anna ,2"), [("1", " Anna ", "2")]),
    "only a header": ("a.csv", HEADER, []),
    "header without line end": ("a.csv", HEADER.strip(), []),
    "quoted header": ("a.csv", b'"id","name","cost"\n1,Anna,2\n', ONE),
    "header in capitals with blanks": ("a.csv", b"ID , Name,COST \n1,Anna,2\n", ONE),
    "columns in another order": ("a.csv", b"cost,id,name\n2,1,Anna\n", ONE),
    "a new column": ("a.csv", b"id,name,cost,new\n1,Anna,2,x\n", ONE),
    "null as a word": ("a.csv", csv("1,NULL,2"), [("1", "NULL", "2")]),
    "backslashes": ("a.csv", csv(r"1,An\na,2"), [("1", r"An\na", "2")]),
    "a formula": ("a.csv", csv("1,=1+1,2"), [("1", "=1+1", "2")]),
    "a tab in a value": ("a.csv", csv("1,An\tna,2"), [("1", "An\tna", "2")]),
    "a number in words": ("a.csv", csv("1,Anna,two"), [("1", "Anna", "two")]),
    "a decimal comma, quoted": ("a.csv", csv('1,Anna,"2,50"'), [("1", "Anna", "2,50")]),
    "leading zeros": ("a.csv", csv("001,Anna,002"), [("001", "Anna", "002")]),
    "a long number": ("a.csv", csv("12345678901234567890123,Anna,2"), [("12345678901234567890123", "Anna", "2")]),
    "sql in a value": ("a.csv", csv("1,'); drop table t; --,2"), [("1", "'); drop table t; --", "2")]),
    "a key twice, the last line counts": ("a.csv", csv("1,Anna,1", "1,Anna,2"), ONE),
    "half a megabyte in a value": ("a.csv", csv("1," + "x" * 500_000 + ",2"), [("1", "x" * 500_000, "2")]),
    "gzip": ("a.csv.gz", gzip.compress(csv("1,Anna,2")), ONE),
    "gzip of two parts": ("a.csv.gz", gzip.compress(HEADER) + gzip.compress(b"1,Anna,2\n"), ONE),
    "zip": ("a.csv.zip", packed(csv("1,Anna,2")), ONE),
    # JSONL
    "an object a line": ("a.jsonl", b'{"id": 1, "name": "Anna", "cost": 2}\n', ONE),
    "no last line end, jsonl": ("a.jsonl", b'{"id": 1, "name": "Anna", "cost": 2}', ONE),
    "byte order mark, jsonl": ("a.jsonl", b'\xef\xbb\xbf{"id": 1, "name": "Anna", "cost": 2}', ONE),
    "windows line ends, jsonl": ("a.jsonl", b'{"id": 1, "name": "Anna", "cost": 2}\r\n', ONE),
    "blank lines, jsonl": ("a.jsonl", b'\n{"id": 1, "name": "Anna", "cost": 2}\n\n', ONE),
    "keys in another order": ("a.jsonl", b'{"cost": 2, "id": "1", "name": "Anna"}\n', ONE),
    "escaped letters": ("a.jsonl", rb'{"id": 1, "name": "\u0410\u043d\u043d\u0430", "cost": 2}', [("1", "Анна", "2")]),
    "nested where a number was": ("a.jsonl", b'{"id":1,"name":"Anna","cost":{"sum":2}}', [("1", "Anna", '{"sum":2}')]),
    "a list where a number was": ("a.jsonl", b'{"id":1,"name":"Anna","cost":[1,2]}', [("1", "Anna", "[1,2]")]),
    "a flag where a number was": ("a.jsonl", b'{"id":1,"name":"Anna","cost":true}', [("1", "Anna", "true")]),
    "null": ("a.jsonl", b'{"id":1,"name":null,"cost":2}', [("1", None, "2")]),
    "a key that one line lacks": (
        "a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2,"cost":3}\n', [*ONE, ("2", None, "3")],
    ),
    "keys with signs": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2,"a.b/c~d\\"e":5}', ONE),
    "a line end in a text": ("a.jsonl", b'{"id":1,"name":"An\\nna","cost":2}', [("1", "An\nna", "2")]),
    "an empty jsonl": ("a.jsonl", b"", []),
    "gzip, jsonl": ("a.jsonl.gz", gzip.compress(b'{"id": 1, "name": "Anna", "cost": 2}\n'), ONE),
    "no number as a number": ("a.jsonl", b'{"id":1,"name":"Anna","cost":NaN}', [("1", "Anna", "NaN")]),
    "a comma at the end": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2,}', ONE),
    "a large whole number": ("a.jsonl", b'{"id":12345678901234567890,"name":"A","cost":2}',
                             [("12345678901234567890", "A", "2")]),
    # Parquet
    "parquet": ("a.parquet", parquet(id=[1], name=["Anna"], cost=[2]), ONE),
    "parquet without rows": ("a.parquet", parquet(id=pa.array([], pa.int64()), name=pa.array([], pa.string()),
                                                  cost=pa.array([], pa.int64())), []),
    "parquet with a list": ("a.parquet", parquet(id=["1"], name=["Anna"], cost=[[1, 2]]), [("1", "Anna", "[1, 2]")]),
    # Names
    "a folder below": ("2026/09/a.csv", csv("1,Anna,2"), ONE),
    "a name with blanks and quotes": ("отчёт 'май' \"1\".csv", csv("1,Anna,2"), ONE),
}  # fmt: skip

REJECTED: dict[str, tuple[str, bytes, Rows, str]] = {
    "a value too few": ("a.csv", csv("1,Anna,2", "2,Boris"), ONE, "fewer values"),
    "a value too many": ("a.csv", csv("1,Anna,2", "2,Boris,3,4"), ONE, "more values"),
    "cut off in a row": ("a.csv", csv("1,Anna,2", "2,Bo"), ONE, "fewer values"),
    "cut off in a quoted value": ("a.csv", csv("1,Anna,2", '2,"Bo'), ONE, "a quote that does not close"),
    "text after a quote": ("a.csv", csv('2,"Bo"ris,3', "1,Anna,2"), ONE, "a quote that does not close"),
    "another encoding in one row": ("a.csv", csv("1,Anna,2", "2,Борис,3".encode("cp1251")), ONE, "bytes"),
    "another encoding in the middle": ("a.csv", csv("2,Борис,3".encode("cp1251"), "1,Anna,2"), ONE, "bytes"),
    "half a letter": ("a.csv", csv("1,Anna,2", "2,Бо".encode()[:-1] + b",3"), ONE, "bytes"),
    "an overlong letter": ("a.csv", csv("1,Anna,2", b"2,\xc0\xaf,3"), ONE, "bytes"),
    "a surrogate": ("a.csv", csv("1,Anna,2", b"2,\xed\xa0\x80,3"), ONE, "bytes"),
    "a NUL character": ("a.csv", csv("1,Anna,2", b"2,Bo\x00ris,3"), ONE, "a NUL character"),
    "a long key": ("a.csv", csv("1,Anna,2", "к" * 501 + ",Boris,3"), ONE, "a key of more than 1,000 bytes"),
    "a NUL in the key": ("a.csv", csv("1,Anna,2", b"2\x00,Boris,3"), ONE, "a NUL character"),
    "ten megabytes in a value": ("a.csv", csv("1,Anna,2", b"2," + b"x" * 10_000_000 + b",3"), ONE, "longer than"),
    "too long and quoted": ("a.csv", csv("1,Anna,2", b'2,"' + LONG + b'",3'), ONE, "longer than"),
    "forty megabytes in a value": (
        "a.csv", csv("1,Anna,2", b"2," + FORTY_MB + b",3"), ONE, "longer than 1,048,576 bytes: 40,000,004",
    ),
    "forty megabytes, quoted": ("a.csv", csv("1,Anna,2", b'2,"' + FORTY_MB + b'",3'), ONE, "longer than 1,048,576"),
    "no key": ("a.csv", csv("1,Anna,2", ",Boris,3"), ONE, "no id"),
    "a blank key": ("a.csv", csv("1,Anna,2", " ,Boris,3"), ONE, "no id"),
    "a quoted empty key": ("a.csv", csv("1,Anna,2", '"",Boris,3'), ONE, "no id"),
    "another delimiter in one row": ("a.csv", csv("1,Anna,2", "2;Boris;3"), ONE, "fewer values"),
    "a page of a site in between": ("a.csv", csv("1,Anna,2", "<html>"), ONE, "fewer values"),
    "broken in gzip": ("a.csv.gz", gzip.compress(csv("1,Anna,2", "2,Boris")), ONE, "fewer values"),
    "no JSON": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{bad\n', ONE, "not a JSON object"),
    "cut off JSON": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2,"name":"Bo', ONE, "not a JSON object"),
    "a list in a line": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n[1]\n', ONE, "not a JSON object"),
    "a number in a line": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n7\n', ONE, "not a JSON object"),
    "a text in a line": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n"x"\n', ONE, "not a JSON object"),
    "null in a line": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\nnull\n', ONE, "not a JSON object"),
    "single quotes": ("a.jsonl", b"{\"id\":1,\"name\":\"Anna\",\"cost\":2}\n{'id':2}\n", ONE, "not a JSON object"),
    "two objects in a line": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2}{"id":3}\n', ONE, "not a JSON"),
    "half a surrogate pair": (
        "a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2,"name":"\\ud800","cost":3}\n', ONE, "not a JSON object",
    ),
    "a NUL, escaped": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2,"name":"\\u0000"}\n', ONE, "a NUL"),
    "a NUL, bare": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2,"name":"\x00"}\n', ONE, "not a JSON object"),
    "no key, jsonl": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"name":"B","cost":3}\n', ONE, "no id"),
    "key null": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":null,"cost":3}\n', ONE, "no id"),
    "ten megabytes in an object": (
        "a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2,"name":"' + b"x" * 10_000_000 + b'"}\n', ONE, "longer",
    ),
    "another encoding, jsonl": (
        "a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n' + '{"id":2,"name":"Борис"}\n'.encode("cp1251"), ONE, "bytes",
    ),
    "HTML where JSON was": ("a.jsonl", b"<!DOCTYPE html>\n", [], "not a JSON object"),
    "a deep nest": ("a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n' + b"[" * 100_000, ONE, "not a JSON object"),
    "only a list": ("a.jsonl", b'[{"id":1}]', [], "not a JSON object"),
    "forty megabytes in an object": (
        "a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2,"name":"' + FORTY_MB + b'"}\n', ONE, "longer than",
    ),
    "a list of forty megabytes": (
        "a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n["' + FORTY_MB + b'"]', ONE, "longer than 1,048,576 bytes: 40,000,004",
    ),
    "a deep nest that closes": (
        "a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2,"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ONE,
        "JSON nested deeper than 500 in name",
    ),
    "a NUL, escaped, in a nest": (
        "a.jsonl", b'{"id":1,"name":"Anna","cost":2}\n{"id":2,"name":["\\u0000"]}\n', ONE, "a NUL character in name",
    ),
    "half a surrogate pair in JSON in CSV": (
        "a.csv", csv("1,Anna,2", '2,"[""\\ud800""]",3'), ONE, "half a character",
    ),
    "columns that fill more than a page": ("a.csv", wide(b"1,Anna,2", b"2,Boris,3"), ONE, "480 values that do not fit"),
    "a megabyte in parquet": (
        "a.parquet", parquet(id=["1", "2"], name=["Anna", "x" * (LONGEST_ROW + 1)], cost=["2", "3"]), ONE, "longer than",
    ),
    "a NUL in parquet": (
        "a.parquet", parquet(id=["1", "2"], name=["Anna", "B\x00"], cost=["2", "3"]), ONE, "a NUL character",
    ),
    "no key in parquet": ("a.parquet", parquet(id=["1", None], name=["Anna", "B"], cost=["2", "3"]), ONE, "no id"),
}  # fmt: skip

REFUSED: dict[str, tuple[str, bytes, str]] = {
    "nothing": ("a.csv", b"", "empty"),
    "only blanks": ("a.csv", b"\n \n", "empty"),
    "only a byte order mark": ("a.csv", b"\xef\xbb\xbf", "empty"),
    "a missing column": ("a.csv", b"id,name\n1,Anna\n", "no column cost"),
    "a missing key": ("a.csv", b"name,cost\nAnna,2\n", "no column id"),
    "a renamed column": ("a.csv", b"id,name,price\n1,Anna,2\n", "no column cost"),
    "no header": ("a.csv", b"1,Anna,2\n", "no column id"),
    "another delimiter": ("a.csv", b"id;name;cost\n1;Anna;2\n", "no column id"),
    "a nameless column": ("a.csv", b"id,name,cost,\n1,Anna,2,\n", "column 4 has no name"),
    "a column twice": ("a.csv", b"id,id,name,cost\n1,1,Anna,2\n", "called id"),
    "two columns that become one": ("a.csv", b"id,name,cost,order id,orderId\n1,A,2,3,4\n", "called order_id"),
    "an open quote in the header": ("a.csv", b'id,"name,cost\n1,Anna,2\n', "header"),
    "HTML where CSV was": ("a.csv", b"<html><body>Sign in</body></html>\n", "no column"),
    "JSON where CSV was": ("a.csv", b'{"error": "expired"}\n', "no column"),
    "bytes where CSV was": ("a.csv", b"\x89PNG\r\x1a\x00\x9f\xe4\n", "no column"),
    "bytes and a quote where CSV was": ("a.csv", b'\x89PNG"\x00\n', "no column"),
    "bytes that open a quote": ("a.csv", b'"\x89PNG\x00\n', "header"),
    "too many columns": ("a.csv", b"id,name,cost," + b",".join(b"c%d" % i for i in range(600)), "more than 500"),
    "a header of two megabytes": ("a.csv", b"id,name,cost,\"" + LONG + b"\n1,2,3,4", "header"),
    "half of UTF-16": ("a.csv", b"\xff\xfe" + "id,name".encode("utf-16-le")[:-1], "neither UTF-8"),
    "broken gzip": ("a.csv.gz", b"\x1f\x8bnot gzip", "unpacked"),
    "gzip cut off": ("a.csv.gz", gzip.compress(csv("1,Anna,2"))[:-9], "unpacked"),
    "gzip with a wrong sum": ("a.csv.gz", gzip.compress(csv("1,Anna,2"))[:-8] + b"\0" * 8, "unpacked"),
    "plain text called gzip": ("a.csv.gz", csv("1,Anna,2"), "unpacked"),
    "a gzip bomb": ("a.csv.gz", gzip.compress(b"0" * (80 << 20), 1), "times its size"),
    "a zip bomb": ("a.csv.zip", packed(b"0" * (80 << 20)), "times its size"),
    "broken zip": ("a.csv.zip", b"PK\x03\x04 not zip", "unpacked"),
    "zip cut off": ("a.csv.zip", packed(csv("1,Anna,2"))[:-30], "unpacked"),
    "zip of two": ("a.csv.zip", packed(csv("1,Anna,2"), **{"b.csv": b""}), "archive of 2 files"),
    "zip without files": ("a.csv.zip", b"PK\x05\x06" + b"\0" * 18, "archive of 0 files"),
    "no parquet": ("a.parquet", b"id,name,cost\n1,Anna,2\n", "no readable parquet"),
    "parquet cut off": ("a.parquet", parquet(id=["1"], name=["Anna"], cost=["2"])[:-20], "no readable parquet"),
    "parquet without a column": ("a.parquet", parquet(id=["1"], name=["Anna"]), "no column cost"),
    "parquet, empty file": ("a.parquet", b"", "no readable parquet"),
    "jsonl without a column": ("a.jsonl", b'{"id":1,"name":"Anna"}\n', "no column cost"),
    "jsonl without the key": ("a.jsonl", b'{"name":"Anna","cost":2}\n', "no column id"),
    "jsonl with keys that become one": ("a.jsonl", b'{"id":1,"name":"A","cost":2,"Cost":3}\n', "called cost"),
    "jsonl with a nameless key": ("a.jsonl", b'{"id":1,"name":"A","cost":2,"":3}\n', "has no name"),
    "jsonl with keys without end": (
        "a.jsonl", b"{" + b",".join(b'"k%d":1' % i for i in range(600)) + b"}\n", "more than 500",
    ),
}  # fmt: skip


Result = tuple[Rows, list[list[str]], list[str]]  # rows, reasons of each rejected row, refused files


def read(source: Source, drop: Path, work: Path) -> dict[str, Result]:
    """What a reading of the folder gives, by table."""
    work.mkdir()
    results = {}
    with Delivery(source, work) as delivery:
        readings = files.read(source, drop.as_uri(), {}, delivery)
        for table in source.tables:
            delivery.settle(table)
            rows = [
                (row["id"], row["name"], row["cost"])
                for batch in delivery.batches(table)
                for row in batch.to_pylist()
            ]
            rejected = list(delivery.rejects(table))
            assert readings[table.name].rejected == len(rejected)
            assert all(len(content or "") <= 2000 for _, _, content, _ in rejected)
            results[table.name] = rows, [reasons for *_, reasons in rejected], readings[table.name].refused
    assert list(work.iterdir()) == []
    work.rmdir()
    return results


def format_of(name: str) -> str:
    return next(form for form in ("jsonl", "parquet", "csv") if form in name)


def sales(name: str, pattern: str, **options: Any) -> Table:
    read_as = Files(pattern, format_of(pattern), **options)  # type: ignore[arg-type]
    return Table(name, ("id",), ("name", "cost"), files=read_as, deletes="kept")


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def put_good(folder: Path, form: str) -> None:
    put(folder / f"good.{form}", GOOD.get(form) or parquet(id=["good"], name=["Vera"], cost=["1"]))


def without_good(rows: Rows) -> Rows:
    assert ("good", "Vera", "1") in rows
    return [row for row in rows if row[0] != "good"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Every case above in a folder and a table of its own, each beside a good file, read as one source."""
    drop = tmp_path_factory.mktemp("drop")
    cases = [(case, *rest) for cases in (READ, REJECTED, REFUSED) for case, (*rest,) in cases.items()]
    tables = []
    for number, (_, name, content, *_) in enumerate(cases):
        form = format_of(name)
        put_good(drop / f"case{number}", form)
        put(drop / f"case{number}" / name, content)
        tables.append(sales(f"case{number}", f"case{number}/*.{form}"))
    found = read(Source("drop", "other", "A folder", tuple(tables)), drop, drop.parent / "work")
    return {case: found[f"case{number}"] for number, (case, *_) in enumerate(cases)}


def test_no_case_hides_another() -> None:
    assert len(READ | REJECTED | REFUSED) == len(READ) + len(REJECTED) + len(REFUSED) > 100


@pytest.mark.parametrize("case", READ)
def test_read(results: dict[str, Result], case: str) -> None:
    rows, rejected, refused = results[case]
    assert (without_good(rows), rejected, refused) == (READ[case][-1], [], [])


@pytest.mark.parametrize("case", REJECTED)
def test_rejected(results: dict[str, Result], case: str) -> None:
    *_, expected, reason = REJECTED[case]
    rows, rejected, refused = results[case]
    assert (without_good(rows), len(rejected), refused) == (expected, 1, [])
    assert any(reason in said for said in rejected[0]), rejected


@pytest.mark.parametrize("case", REFUSED)
def test_refused(results: dict[str, Result], case: str) -> None:
    name, _, reason = REFUSED[case]
    rows, rejected, (said,) = results[case]
    assert (without_good(rows), rejected) == ([], [])
    assert f"/{name}: " in said and reason in said, said
    assert "Anna" not in said


class Folder:
    """One table of one folder's files."""

    def __init__(self, path: Path, pattern: str, **options: Any) -> None:
        self.path, self.work = path / "drop", path / "work"
        self.source = Source("drop", "other", "A folder", (sales("sales", pattern, **options),))

    def put(self, name: str, content: bytes) -> Path:
        return put(self.path / name, content)

    def read(self) -> Result:
        return read(self.source, self.path, self.work)["sales"]


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Folder]:
    """A folder with one good file, which must always be read."""

    def make(pattern: str, **options: Any) -> Folder:
        made = Folder(tmp_path, pattern, **options)
        put_good(made.path, format_of(pattern))
        return made

    return make


def test_a_declared_encoding_delimiter_and_name(folder: Callable[..., Folder]) -> None:
    it = folder("*.txt.csv", encoding="cp1251", delimiter=";", rename={"Сумма, руб.": "cost", "Имя": "name"})
    it.put("good.txt.csv", b"id;name;cost\ngood;Vera;1\n")
    it.put("a.txt.csv", "id;Имя;Сумма, руб.\n1;Анна;2,5\n".encode("cp1251"))
    it.put("b.txt.csv", "id;Имя;Сумма, руб.\n2;Борис;3\n".encode())
    assert without_good(it.read()[0]) == [("1", "Анна", "2,5"), ("2", "Борис", "3")]
    it.put("c.txt.csv", b"id;name;cost\n3;\x98;1\n")  # no letter of cp1251
    assert it.read()[2] == ["c.txt.csv: it is neither UTF-8 nor cp1251"]


# What a file has → the rows, and each reject: its line and words of its reason.
QUOTES: dict[str, tuple[bytes, list[str], list[tuple[int, str]]]] = {
    "one that never closes": (
        csv("1,A,2", '2,"B,3', *(f"{n},C,4" for n in range(3, 3000))), ["1", *map(str, range(3, 3000))],
        [(3, "from line 3 to 3,000; the 2,997 after line 3 are read")],
    ),
    "one that closes in another's opening": (
        csv("1,A,2", '2,"B,3', "3,C,4", '4,"D, E",5', "5,F,6"), ["1", "3", "4", "5"],
        [(3, "from line 3 to 5; the 2 after line 3 are read")],
    ),
    "two, far apart": (
        csv("1,A,2", '2,"B,3', *(f"{n},C,4" for n in range(3, 3000)), '3000,D",5', "3001,E,6"),
        ["1", *map(str, range(3, 3002))], [(3, "closes only in line 3,001")],
    ),
    "one in each row": (
        csv('1,"A,2', '2,"B,3', '3,"C,4'), [], [(2, "from line 2 to 3"), (3, "from line 3 to 4"), (4, "does not close")],
    ),
    "one after values of several lines": (
        csv('1,"A\n\nB\nC",2', "", '2,"D,3', "3,E,4", "5,F", '6,"G\nH",7'), ["1", "3", "6"],
        [(7, "from line 7 to 10; the 3"), (9, "fewer values")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", QUOTES)
def test_lines_that_a_stray_quote_took_in_are_rows_of_their_own(
    folder: Callable[..., Folder], case: str
) -> None:
    content, ids, expected = QUOTES[case]
    it = folder("*.csv")
    it.put("a.csv", content)
    it.work.mkdir()
    with Delivery(it.source, it.work) as delivery:
        taken = delivery.add(it.source.tables[0], it.path / "a.csv", "a.csv", it.source.tables[0].files)
        rows = [key for (key,) in delivery.keys(it.source.tables[0])]
        rejects = sorted(
            (line or 0, reasons) for _, line, _, reasons in delivery.rejects(it.source.tables[0])
        )
    assert (rows, taken.rejected) == (ids, len(expected))
    for (line, reasons), (at, says) in zip(rejects, expected, strict=True):
        assert line == at and says in reasons[0], reasons


def test_a_value_of_several_lines_is_one_value(folder: Callable[..., Folder]) -> None:
    it = folder("*.csv")
    address = "Lenina 5, flat 3\n\nMoscow, Russia\nring twice, loudly"
    it.put(
        "a.csv",
        csv(f'1,"{address}",2', f'2,Anna,"{address}"', f'"3\n","{address}",4', '"4","x ""y""\nz","5"'),
    )
    rows, rejected, refused = it.read()
    assert (rejected, refused) == ([], [])
    assert without_good(rows) == [
        ("1", address, "2"), ("2", "Anna", address), ("3\n", address, "4"), ("4", 'x "y"\nz', "5"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_the_reader_drops_without_a_word_refuses_the_file(
    folder: Callable[..., Folder], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    for limit in ("LONGEST_ROW", "LARGEST_WINDOW"):  # nothing is taken out beforehand
        monkeypatch.setattr(lines, limit, 1 << 30)
    it = folder(f"*.{form}")
    it.put(
        f"a.{form}",
        csv("1,A,2", b"2," + FORTY_MB + b",3", "3,C,4")
        if form == "csv"
        else b'{"id":1}\n"' + FORTY_MB + b'"\n',
    )
    rows, rejected, (said,) = it.read()
    assert (without_good(rows), rejected) == ([], [])
    assert "1 were neither read nor rejected" in said


def test_a_name_with_a_line_end_is_refused(folder: Callable[..., Folder]) -> None:
    it = folder("*.csv")
    it.put("a\n\x1b[31m.csv", csv("1,Anna,2"))
    rows, _, refused = it.read()
    assert without_good(rows) == []
    assert refused == ["a\\n\\x1b[31m.csv: its name has a control character; give it another"]


def test_links_that_lead_out_and_what_is_no_file_are_refused(
    folder: Callable[..., Folder], tmp_path: Path
) -> None:
    it = folder("in/*.csv")
    it.put("in/good.csv", GOOD["csv"])
    secret = tmp_path / "secret.csv"
    secret.write_bytes(csv("1,Anna,2"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.csv").write_bytes(csv("1,Anna,2"))
    (it.path / "in" / "link.csv").symlink_to(secret)
    (it.path / "in" / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (it.path / "in" / "loop.csv").symlink_to("loop.csv")
    (it.path / "in" / "same.csv").symlink_to("good.csv")
    (it.path / "in" / "folder.csv").symlink_to(tmp_path / "out")
    os.mkfifo(it.path / "in" / "pipe.csv")
    rows, _, refused = it.read()
    assert without_good(rows) == []
    assert {said.split(": ")[0]: said.split(": ")[1] for said in refused} == {
        "in/folder.csv": "a link that leads out of the folder",
        "in/gone.csv": "a link that leads out of the folder",
        "in/link.csv": "a link that leads out of the folder",
        "in/loop.csv": "a link that leads nowhere",
        "in/pipe.csv": "no regular file",
    }


def test_a_whole_folder_that_is_a_link_is_told(folder: Callable[..., Folder], tmp_path: Path) -> None:
    it = folder("spend/*.csv")
    it.put("spend/good.csv", GOOD["csv"])
    (tmp_path / "out").mkdir()
    (it.path / "spend" / "old").symlink_to(tmp_path / "out")
    (it.path / "other").symlink_to(tmp_path / "out")
    it.path.joinpath("spend").rename(it.path / "real")
    (it.path / "spend").symlink_to(tmp_path / "out")
    assert it.read()[2] == ["spend: a link that leads out of the folder"]


def test_a_name_that_is_no_text_is_refused(folder: Callable[..., Folder]) -> None:
    it = folder("*.csv")
    Path(os.fsdecode(os.fsencode(it.path) + b"/\xff.csv")).write_bytes(csv("1,Anna,2"))
    rows, _, (said,) = it.read()
    assert without_good(rows) == []
    assert said.endswith(": its name is not UTF-8")


@pytest.mark.parametrize(
    "name", [".a.csv", "_a.csv", "a.csv.tmp", "a.csv.part", "a.csv~", "a.txt", "a.csv.bz2"]
)
def test_what_is_not_of_the_table_or_still_written_is_left(folder: Callable[..., Folder], name: str) -> None:
    it = folder("*.csv")
    it.put(name, b"broken")
    assert it.read() == ([("good", "Vera", "1")], [], [])


def test_a_file_that_grows_while_it_is_read_waits(
    folder: Callable[..., Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = folder("*.csv")
    growing = it.put("a.csv", csv("1,Anna,2", ""))
    unpack = files._unpack

    def while_read(packed: Any, found: files.Found, copy: Path) -> None:
        unpack(packed, found, copy)
        if found.file == "a.csv":
            growing.write_bytes(csv("1,Anna,2", "2,Bor"))

    monkeypatch.setattr(files, "_unpack", while_read)
    rows, _, refused = it.read()
    assert without_good(rows) == []
    assert refused == ["a.csv: it changed while it was read; the next refresh reads it again"]


def test_a_later_file_goes_before_an_earlier_one(folder: Callable[..., Folder]) -> None:
    it = folder("*.csv")
    os.utime(it.put("b.csv", csv("1,Anna,old")), (1_700_000_000, 1_700_000_000))
    os.utime(it.put("a.csv", csv("1,Anna,new")), (1_800_000_000, 1_800_000_000))
    assert without_good(it.read()[0]) == [("1", "Anna", "new")]
