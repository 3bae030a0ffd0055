"""What a source without a database hands over, held until it is loaded: rows, and what could be none.

Belongs here: text and Parquet files to rows, in a DuckDB database on disk that is gone afterwards; what is
wrong with a row or a file. Does not belong here: finding and fetching files (files.py), loading (extract.py),
judging values (quality/). Every column is text, as the file has it, unless its declaration gives it a type:
staging casts.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from dagster_project.sources.declaration import Files, Source, Table
from dagster_project.sources.lines import (
    LONGEST_ROW,
    Form,
    Sifted,
    Unsplittable,
    line_numbers,
    plain,
    sift,
    survey,
)
from dagster_project.sources.naming import called, collisions
from dagster_project.sources.reflect import Reflected
from dagster_project.sources.unfit import LONGEST_KEY_BYTES

BATCH_ROWS = 50_000
MOST_COLUMNS = 500
# PostgreSQL keeps a row on one page of 8 kB; of each of its values at most about this much, the rest elsewhere.
PAGE_BYTES, BYTES_ON_PAGE = 8_000, 24
# JSON this deep is no record: PostgreSQL and Python give up on it, each at a depth of its own.
DEEPEST = 500
CONTENT_KEPT = 2_000  # characters of a rejected row
FILE = "_file"  # the file that a row came with

# DuckDB's words for a line that is no row → ours.
REASONS = {
    "MISSING COLUMNS": "fewer values than there are columns",
    "TOO MANY COLUMNS": "more values than there are columns",
    "UNQUOTED VALUE": "a quote that does not close where its value ends",
    "LINE SIZE OVER MAXIMUM": f"longer than {LONGEST_ROW:,} bytes",
    "INVALID ENCODING": "bytes that are not of the file's encoding",
}
# A declared type → its type in DuckDB and in raw, how a text is read as one, and what it is called.
TYPES: dict[str, tuple[str, sa.types.TypeEngine[Any], str, str]] = {
    "integer": (
        "bigint",
        sa.BigInteger(),
        # A cast alone would round.
        "case when regexp_full_match({0}, '[+-]?[0-9]+') then try_cast({0} as bigint) end",
        "whole number",
    ),
    "time": (
        "timestamp",
        sa.DateTime(),
        # An offset would be cut off unread.
        "case when not regexp_matches({0}, '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$') then try_cast({0} as timestamp) end",
        "local time",
    ),
    "unix_time": (
        "timestamptz",
        sa.DateTime(timezone=True),
        "to_timestamp(try_cast({} as double))",
        "seconds since 1970",
    ),
}
# What a text that is JSON must not hold, for no step after could read it; _SUSPECT is quick and finds more.
_HALF = r"\\u[dD][89a-fA-F]"
_IS_JSON = "ltrim({0})[1] in ('{{', '[')"
_SUSPECT = f"contains({{0}}, '\\u0000') or contains({{0}}, '\\ud') or contains({{0}}, '\\uD') or strlen({{0}}) > {DEEPEST}"
_WITH_NUL = f"{_IS_JSON} and contains({{0}}, '\\u0000')"
_WITH_HALF = f"{_IS_JSON} and regexp_matches({{0}}, '{_HALF}') and not json_valid({{0}})"
_TOO_DEEP = f"case when {_IS_JSON} and strlen({{0}}) > {DEEPEST} then json_depth({{0}}) > {DEEPEST} end"
_JSON_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)

Reject = tuple[str, int | None, str | None, list[str]]


class Refused(Exception):
    """A file cannot be read at all: why, in words without a value of a row."""


@dataclass(frozen=True)
class Taken:
    """What one file gave: rows, and rows that could be none."""

    rows: int
    rejected: int


class Delivery:
    """The rows of one refresh of one source. A context: what it holds is gone in the end."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self._columns: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        self._database = self.folder / "delivery.duckdb"
        self._database.unlink(missing_ok=True)
        self._sql = duckdb.connect(str(self._database))
        self._sql.execute("set memory_limit = '500MB'; set threads = 2; set TimeZone = 'UTC'")
        self._sql.create_function("json_depth", _depth, ["VARCHAR"], "BIGINT")
        self._sql.execute("create table headers (table_name varchar, ours varchar, theirs varchar)")
        self._sql.execute(
            "create table rejects "
            "(table_name varchar, file varchar, line bigint, content varchar, reasons varchar[])"
        )
        for table in self.source.tables:
            names = list(dict.fromkeys((*table.required_columns, *table.optional, FILE)))
            self._columns[table.name] = names
            types = {name: TYPES[kind][0] for name, kind in _types(table).items()}
            listed = ", ".join(f"{_name(name)} {types.get(name, 'varchar')}" for name in names)
            self._sql.execute(f"create table {_name(table.name)} ({listed})")
        return self

    def __exit__(self, *_: object) -> None:
        self._sql.close()
        self._database.unlink(missing_ok=True)

    def add(self, table: Table, path: Path, origin: str, files: Files, lines_before: int = 0) -> Taken:
        """Takes the rows of a local file, plain UTF-8 or Parquet, that a person knows as `origin`.

        A later row goes before an earlier one of the same key. lines_before: of `origin` that the file leaves out.
        Raises Refused; nothing of the file is kept then.
        """
        known = list(self._columns[table.name])
        self._sql.execute("begin")
        try:
            self._sql.execute(
                "create or replace temp table broken (line bigint, content varchar, reason varchar)"
            )
            columns = _READERS[files.format](self._sql, path, files, table, lines_before)
            if files.columns and not lines_before and self._is_of_other_form():
                raise Refused(f"none of its rows has the {len(columns)} columns that are declared")
            if files.hash_as and columns:
                hashed = f"md5(cast(to_json([{', '.join(map(_name, columns))}]) as varchar))"
                self._sql.execute(f"alter table page add column {_name(files.hash_as)} varchar")
                self._sql.execute(f"update page set {_name(files.hash_as)} = {hashed}")
                columns = [*columns, files.hash_as]
            taken = self._take(table, columns, origin)
            self._sql.execute("commit")
        except Exception as error:
            self._sql.execute("rollback")
            self._columns[table.name] = known
            if isinstance(error, Unsplittable):
                raise Refused(str(error)) from None
            if isinstance(error, duckdb.Error):  # its words may quote a row
                raise Refused(f"it is no readable {files.format} ({type(error).__name__})") from error
            raise
        return taken

    def settle(self, table: Table) -> int:
        """Keeps the last of the rows of one key; returns how many gave way to it."""
        name, key = _name(table.name), ", ".join(map(_name, table.key))
        return self._ask(
            f"delete from {name} where rowid in (select id from (select rowid as id, "
            f"row_number() over (partition by {key} order by rowid desc) as place from {name}) where place > 1)"
        )

    def count(self, table: Table) -> int:
        return self._ask(f"select count(*) from {_name(table.name)}")

    def batches(self, table: Table) -> Iterator[pa.Table]:
        rows = self._sql.cursor().sql(f"select * from {_name(table.name)}")
        for batch in rows.to_arrow_reader(BATCH_ROWS):
            yield pa.Table.from_batches([batch])

    def latest(self, table: Table, horizon: datetime) -> datetime | None:
        """The latest watermark that lies before `horizon`: a time in ISO 8601, or seconds since 1970."""
        assert table.watermark is not None
        return self._sql.execute(
            f"select max(moment) from ({self._moments(table)}) where moment <= ?", [horizon]
        ).fetchall()[0][0]

    def span(self, table: Table) -> tuple[datetime | None, datetime | None, int]:
        """The earliest and the latest watermark, and how many rows have none."""
        return self._sql.execute(
            f"select min(moment), max(moment), count(*) - count(moment) from ({self._moments(table)})"
        ).fetchall()[0]

    def _moments(self, table: Table) -> str:
        assert table.watermark is not None
        return (
            "select coalesce(to_timestamp(try_cast(written as double)), try_cast(written as timestamptz)) as moment "
            f"from (select {_name(table.watermark)} as written from {_name(table.name)})"
        )

    def keys(self, table: Table) -> Iterator[tuple[str, ...]]:
        """The key of every row."""
        yield from self._rows(f"select {', '.join(map(_name, table.key))} from {_name(table.name)}")

    def rejects(self, table: Table) -> Iterator[Reject]:
        """file, line (None where it is not known), content, reasons of whatever is no row."""
        yield from self._rows(
            f"select file, line, content, reasons from rejects where table_name = {_text(table.name)}"
        )

    def reflected(self) -> Reflected:
        """The tables as a database would describe them."""
        headers = self._sql.execute("select distinct table_name, ours, theirs from headers").fetchall()
        theirs = {(table, ours): name for table, ours, name in headers}
        tables = {
            table.name: sa.Table(
                table.name,
                sa.MetaData(),
                *(
                    sa.Column(
                        theirs.get((table.name, name), name),
                        TYPES[_types(table)[name]][1] if name in _types(table) else sa.Text(),
                        key=name,
                    )
                    for name in self._columns[table.name]
                ),
            )
            for table in self.source.tables
        }
        return Reflected(tables, frozenset())

    def _take(self, table: Table, columns: Sequence[str], origin: str) -> Taken:
        """From temp table `page` (the file's columns, in its order) and `broken` to the table and `rejects`."""
        if not columns:  # a JSONL file without a single object
            self._sql.execute(
                "create or replace temp table judged as select [] as _reasons from page limit 0"
            )
        else:
            if lacking := [name for name in table.required_columns if name not in columns]:
                raise Refused(f"it has no column {', '.join(lacking)}")
            self._widen(table, columns)
            key_bytes = " + ".join(f"coalesce(strlen({_name(c)}), 0)" for c in table.key)
            too_long = (
                f"case when {key_bytes} > {LONGEST_KEY_BYTES} "
                f"then 'a key of more than {LONGEST_KEY_BYTES:,} bytes' end"
            )
            without_key = " or ".join(f"coalesce(trim({_name(c)}), '') = ''" for c in table.key)
            with_nul = _first_of(columns, "contains({0}, chr(0))", "a NUL character in {0}")
            sizes = [f"coalesce(strlen({_name(c)}), 0)" for c in columns]
            too_large = (
                f"case when {' + '.join(sizes)} > {LONGEST_ROW} then 'longer than {LONGEST_ROW:,} bytes' end"
            )
            if len(columns) * BYTES_ON_PAGE > PAGE_BYTES:
                on_page = " + ".join(f"least({size} + 1, {BYTES_ON_PAGE})" for size in sizes)
                too_large += (
                    f", case when {on_page} > {PAGE_BYTES} then "
                    f"'{len(columns)} values that do not fit on a page of the warehouse ({PAGE_BYTES:,} bytes)' end"
                )
            typed = {c: TYPES[kind] for c, kind in _types(table).items() if c in columns}
            values = {c: typed[c][2].format(f"trim({_name(c)})") if c in typed else _name(c) for c in columns}
            unread = "".join(
                f", case when coalesce(trim({_name(c)}), '') <> '' and ({values[c]}) is null "
                f"then {_text(f'{c} is no {word}')} end"
                for c, (*_, word) in typed.items()
            )
            self._sql.execute(
                f"""
                create or replace temp table judged as select *, list_filter([
                    case when {without_key} then {_text(f"no {', '.join(table.key)}")} end,
                    {too_long}, {with_nul}, {too_large}{unread}
                ], lambda reason: reason is not null) as _reasons from page
                """
            )
            self._judge_json(columns)
            names = ", ".join(map(_name, columns))
            self._sql.execute(
                f"insert into {_name(table.name)} ({names}, {FILE}) "
                f"select {', '.join(values[c] for c in columns)}, {_text(origin)} from judged where len(_reasons) = 0"
            )
            content = f"to_json({{{', '.join(f'{_text(c)}: {_name(c)}' for c in columns)}}})"
            self._sql.execute(
                f"insert into rejects select {_text(table.name)}, {_text(origin)}, null, {_kept(content)}, "
                "_reasons from judged where len(_reasons) > 0"
            )
        self._sql.execute(
            f"insert into rejects select {_text(table.name)}, {_text(origin)}, line, {_kept('any_value(content)')}, "
            "list(distinct reason) from broken group by line, case when line is null then content end"
        )
        return Taken(
            self._ask("select count(*) from judged where len(_reasons) = 0"),
            self._ask(
                f"select count(*) from rejects where table_name = {_text(table.name)} and file = {_text(origin)}"
            ),
        )

    def _judge_json(self, columns: Sequence[str]) -> None:
        """Adds to `judged` what is wrong with values that are JSON. Few have what may be wrong: only they are parsed."""
        suspect = " or ".join(_SUSPECT.format(_name(c)) for c in columns)
        self._sql.execute(
            f"create or replace temp table suspects as select rowid as _row, {', '.join(map(_name, columns))} "
            f"from judged where {suspect}"
        )
        if not self._ask("select count(*) from suspects"):
            return
        reasons = ", ".join(
            (
                _first_of(columns, _WITH_NUL, "a NUL character in {0}"),
                _first_of(
                    columns, _WITH_HALF, "half a character (a surrogate without its other half) in {0}"
                ),
                _first_of(columns, _TOO_DEEP, f"JSON nested deeper than {DEEPEST} in {{0}}"),
            )
        )
        self._sql.execute(
            f"""
            update judged set _reasons = _reasons || found.reasons from (
                select _row, list_filter([{reasons}], lambda reason: reason is not null) as reasons from suspects
            ) as found where judged.rowid = found._row and len(found.reasons) > 0
            """
        )

    def _widen(self, table: Table, columns: Sequence[str]) -> None:
        known = self._columns[table.name]
        new = [name for name in columns if name not in known]
        if len(known) + len(new) > MOST_COLUMNS:
            raise Refused(f"with it the table would have more than {MOST_COLUMNS} columns")
        for name in new:
            self._sql.execute(f"alter table {_name(table.name)} add column {_name(name)} varchar")
            known.append(name)

    def _is_of_other_form(self) -> bool:
        """Whether a file without a header has rows, and none with as many values as were declared."""
        ask = "select count(*) from broken where contains(reason, 'values than')"
        return not self._ask("select count(*) from page") and self._ask(ask) > 0

    def _ask(self, query: str) -> int:
        answer: int = self._sql.execute(query).fetchall()[0][0]
        return answer

    def _rows(self, query: str) -> Iterator[tuple]:
        cursor = self._sql.cursor().execute(query)
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield from rows


def _types(table: Table) -> Mapping[str, str]:
    return table.files.types if table.files else {}


def _read_csv(
    sql: duckdb.DuckDBPyConnection, path: Path, files: Files, table: Table, lines_before: int
) -> list[str]:
    columns = _columns(sql, table, files.columns or _header(path, files), files.rename)
    types = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in columns)
    keys = tuple(columns.index(name) for name in table.key if name in columns)
    form = Form(files.delimiter, files.quote, len(columns), keys or (0,))

    def scan() -> int:
        _forget_broken(sql)
        sql.execute(
            f"""
            create or replace temp table page as select * from read_csv(
                ?, columns = {{{types}}}, auto_detect = false, header = {not files.columns}, delim = ?, quote = ?,
                escape = ?, null_padding = {files.short_rows}, new_line = '\\n', strict_mode = true,
                store_rejects = true, max_line_size = {LONGEST_ROW})
            """,
            [str(path), files.delimiter, files.quote, files.quote],
        )
        return _count(sql, "page") + _count_broken(sql) + (not files.columns)

    found = survey(path, files.quote)
    sifted = plain(found, form) if found.is_plain else sift(path, form, lines_before + 1)
    records = scan()
    if (
        records < sifted.records and found.is_plain
    ):  # a line with an even number of quotes may open a value too
        sifted = sift(path, form, lines_before + 1)
        records = scan()
    if not files.columns and sifted.dropped and sifted.dropped[0].first == 1:
        raise Refused("its header cannot be read")
    _refuse_lost(sifted.records, records)
    _keep_broken(sql, path, sifted, lines_before)
    return columns


def _header(path: Path, files: Files) -> list[str]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        start = file.read(LONGEST_ROW)
    if not start.strip():
        raise Refused("it is empty: not even a header")
    quoting: dict[str, Any] = {"quotechar": files.quote} if files.quote else {"quoting": csv.QUOTE_NONE}
    try:
        return next(
            csv.reader(start.splitlines(keepends=True), delimiter=files.delimiter, strict=True, **quoting)
        )
    except (csv.Error, StopIteration):
        raise Refused("its header cannot be read") from None


def _read_jsonl(
    sql: duckdb.DuckDBPyConnection, path: Path, files: Files, table: Table, lines_before: int
) -> list[str]:
    found = survey(path)
    sifted = plain(found, Form()) if found.is_plain else sift(path, Form(), lines_before + 1)
    # A line is one text first, so that a broken one spoils no other; no JSON holds the delimiter 0x01.
    _forget_broken(sql)
    sql.execute(
        f"""
        create or replace temp table lines as
        select row_number() over () as number, line,
            case when json_valid(line) then json_type(line) end is not distinct from 'OBJECT' as is_object
        from read_csv(
            ?, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, delim = '\x01', quote = '',
            escape = '', new_line = '\\n', store_rejects = true, max_line_size = {LONGEST_ROW})
        """,
        [str(path)],
    )
    _refuse_lost(sifted.records, _count(sql, "lines") + _count_broken(sql))
    lost = _keep_broken(sql, path, sifted, lines_before)
    none = sql.execute(
        "select number from lines where not is_object and trim(line) <> '' order by 1"
    ).fetchnumpy()["number"]
    if len(none):
        # Its number among the lines that were read → the file's own.
        among = none + np.searchsorted(lost - np.arange(1, len(lost) + 1), none, side="left")
        given = pa.table({"number": none, "line": sifted.original(among) + lines_before})
        sql.register("numbered", given)
        sql.execute(
            f"""
            insert into broken select numbered.line, lines.line, case
                when regexp_matches(lines.line, '{_HALF}') then 'not a JSON object: half a character, perhaps'
                when starts_with(ltrim(lines.line), '[') then 'not a JSON object but a list: write an object a line'
                else 'not a JSON object' end
            from lines join numbered using (number)
            """
        )
        sql.unregister("numbered")
    keys = [
        key
        for (key,) in sql.execute(
            "select key from (select unnest(json_keys(line)) as key, number from lines where is_object) "
            "group by key order by min(number), key"
        ).fetchall()
    ]
    columns = _columns(sql, table, keys, files.rename)
    pointers = ["/" + key.replace("~", "~0").replace("/", "~1") for key in keys]
    values = [
        f"json_extract_string(line, {_text(pointer)}) as {_name(column)}"
        for pointer, column in zip(pointers, columns, strict=True)
    ]
    sql.execute(
        f"create or replace temp table page as select {', '.join(values) or 'null as nothing'} "
        "from lines where is_object order by number"
    )
    return columns


def _read_parquet(
    sql: duckdb.DuckDBPyConnection, path: Path, files: Files, table: Table, lines_before: int
) -> list[str]:
    described = sql.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
    columns = _columns(sql, table, [name for name, *_ in described], files.rename)
    values = [
        f"cast({_name(theirs)} as varchar) as {_name(ours)}"
        for (theirs, *_), ours in zip(described, columns, strict=True)
    ]
    sql.execute(
        f"create or replace temp table page as select {', '.join(values)} from read_parquet(?)", [str(path)]
    )
    return columns


_READERS: dict[str, Callable[[duckdb.DuckDBPyConnection, Path, Files, Table, int], list[str]]] = {
    "csv": _read_csv,
    "jsonl": _read_jsonl,
    "parquet": _read_parquet,
}


def _forget_broken(sql: duckdb.DuckDBPyConnection) -> None:
    sql.execute("drop table if exists reject_errors; drop table if exists reject_scans")


def _count(sql: duckdb.DuckDBPyConnection, table: str) -> int:
    return sql.execute(f"select count(*) from {table}").fetchall()[0][0]  # type: ignore[no-any-return]


def _count_broken(sql: duckdb.DuckDBPyConnection) -> int:
    """Records that the reader rejected; one may be named several times."""
    return _count(sql, "(select distinct line_byte_position from reject_errors)")


def _refuse_lost(records: int, read: int) -> None:
    """What is in the file, counted by itself, must be what the reader gave."""
    if read < records:
        raise Refused(
            f"of its {records:,} records {records - read:,} were neither read nor rejected; write it anew"
        )


def _keep_broken(sql: duckdb.DuckDBPyConnection, path: Path, sifted: Sifted, lines_before: int) -> np.ndarray:
    """Puts into `broken` what was taken out and what the reader rejected; the line numbers of the latter as they are now."""
    words = " ".join(f"when {_text(kind)} then {_text(reason)}" for kind, reason in REASONS.items())
    named = sql.execute(
        # The position counts from 1, and the blank lines before a record belong to it.
        "select distinct line_byte_position as position, "
        "line_byte_position - 1 + length(csv_line) - length(ltrim(csv_line, chr(10))) as byte from reject_errors "
        "order by 1"
    ).fetchnumpy()
    lines = line_numbers(path, named["byte"])
    taken = {
        "line": pa.array([one.first for one in sifted.dropped], pa.int64()),
        "content": pa.array([one.content.decode(errors="replace") for one in sifted.dropped], pa.string()),
        "reason": pa.array([one.reason for one in sifted.dropped], pa.string()),
    }
    sql.register("taken", pa.table(taken))
    sql.register(
        "named", pa.table({"position": named["position"], "line": sifted.original(lines) + lines_before})
    )
    sql.execute(
        f"""
        insert into broken select line, content, reason from taken union all
        select named.line, csv_line, case cast(error_type as varchar) {words}
            else 'not a row: ' || lower(cast(error_type as varchar)) end
        from reject_errors join named on named.position = line_byte_position
        """
    )
    sql.unregister("taken")
    sql.unregister("named")
    return np.unique(lines)


def _columns(
    sql: duckdb.DuckDBPyConnection, table: Table, names: Sequence[str], rename: Mapping[str, str]
) -> list[str]:
    """The names here of a file's columns. Raises Refused where one has none, or two have the same."""
    columns = [called(name, rename) for name in names]
    if len(columns) > MOST_COLUMNS:
        raise Refused(f"it has more than {MOST_COLUMNS} columns")
    if "" in columns:
        raise Refused(f"its column {columns.index('') + 1} has no name")
    is_added = table.files.hash_as if table.files else None
    lacking = [name for name in table.required_columns if name not in (*columns, is_added)]
    for ours, theirs in collisions(names, rename).items():
        if lacking:  # then it may have no header, and these are values
            raise Refused(f"it has no column {', '.join(lacking)}")
        raise Refused(f"its columns {' and '.join(theirs)} are both called {ours}")
    for ours, name in zip(columns, names, strict=True):
        sql.execute("insert into headers values (?, ?, ?)", [table.name, ours, name])
    return columns


def _kept(content: str) -> str:
    return f"replace(left({content}, {CONTENT_KEPT}), chr(0), '')"


def _first_of(columns: Sequence[str], condition: str, reason: str) -> str:
    """SQL: the reason for the first of the columns for which the condition holds; null where it holds for none."""
    cases = " ".join(f"when {condition.format(_name(c))} then {_text(reason.format(c))}" for c in columns)
    return f"case {cases} end"


def _depth(text: str) -> int:
    """How deep the brackets of a JSON text are nested; those in its strings count for nothing."""
    bare = _JSON_STRING.sub(b"", text.encode())
    signs = np.frombuffer(bare, np.uint8)
    steps = np.isin(signs, [ord("["), ord("{")]).astype(np.int64) - np.isin(signs, [ord("]"), ord("}")])
    return int(np.cumsum(steps).max(initial=0))


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
