"""Files to one table: delimiter and encoding found out, columns recognised, every oddity said.

Belongs here: reading of CSV and Parquet, keys, errors of form. Does not belong here: meaning of values (prepare.py).
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dagster_project.errors import ConfigError
from dagster_project.identity.files.columns import KEY, Columns, check_present, choose

_DELIMITERS = ",;\t|"
_PARQUET = b"PAR1"
# Values of a column that are looked at before all are read.
_SAMPLE = 1000


@dataclass(frozen=True)
class FileReport:
    """form: `Parquet`, or `CSV, utf-8, ";"`."""

    file: str
    form: str
    records: int
    columns: Columns
    made_keys: tuple[str, ...]


def read_files(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], mapping: Mapping[str, str], also: Sequence[str]
) -> list[FileReport]:
    """Makes `fields`: rid, file, source_system, source_record_id, our columns and `also_<n>`, all text, in the files' order.

    Raises ConfigError for whatever cannot be one table of records.
    """
    tables = [(path, *read_table(path)) for path in paths]
    headers = list(dict.fromkeys(name for _, table, _ in tables for name in table.column_names))
    check_present(list(mapping), "--map", headers)
    check_present(list(also), "--also", headers)
    reports, parts = [], []
    sources = _source_names(paths)
    for number, ((path, table, form), source) in enumerate(zip(tables, sources, strict=True)):
        if table.num_rows == 0:
            raise ConfigError(
                f"{path.name} holds no records.", "Give a file with at least one row below its header."
            )
        columns = choose(table.column_names, mapping, also, path.name, partial(_sample, table))
        made = tuple(name for name in KEY if name not in columns.taken)
        if "source_record_id" in made and len(paths) > 1 and "source_system" not in made:
            raise ConfigError(
                f"{path.name} has source_system but no source_record_id.",
                "Map the column: --map id=source_record_id.",
            )
        parts.append(
            _part(table, columns, also, source, made).append_column(
                "file", pa.array([number] * table.num_rows)
            )
        )
        reports.append(FileReport(path.name, form, table.num_rows, columns, made))
    if all(not set(report.columns.taken) - set(KEY) and not report.columns.also for report in reports):
        raise ConfigError(
            f"{', '.join(report.file for report in reports)}: no column is known.",
            f"Columns there: {', '.join(headers)}. Map them: --map theirs=given_name; or compare them: --also COLUMN.",
        )
    whole = pa.concat_tables(parts, promote_options="default")
    con.register("incoming", whole)
    values = ", ".join(
        # Words that stand for nothing; a lone sign as well.
        f'case when regexp_full_match(trim("{name}"), \'(?i)(null|none|n/a|#n/a|nan|nil|unknown|undefined|не указано?|'
        f'неизвестно|нет данных|[^\\p{{L}}\\p{{N}}]*)\') then null else trim("{name}") end as "{name}"'
        for name in whole.column_names
        if name not in (*KEY, "file")
    )
    con.execute(
        "create or replace table fields as select cast(row_number() over () as integer) as rid, file, source_system,"
        f" source_record_id{', ' + values if values else ''} from incoming"
    )
    con.unregister("incoming")
    _check_keys(con, reports)
    return reports


def _sample(table: pa.Table, name: str) -> list[str | None]:
    """Values from all over the column."""
    step = max(1, table.num_rows // _SAMPLE)
    return table[name].take(pa.array(range(0, table.num_rows, step))).to_pylist()


def read_table(path: Path) -> tuple[pa.Table, str]:
    """A file's columns as text, and what kind of file it is."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            if start == _PARQUET:
                return _parquet(path), "Parquet"
            data = start + file.read()
    except OSError as error:
        reason = (
            "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        )
        raise ConfigError(f"{path} {reason}.", "Give the path of a CSV or Parquet file.") from error
    return _csv(path, data)


def _parquet(path: Path) -> pa.Table:
    try:
        table = pyarrow.parquet.ParquetFile(path).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"{path.name} is a damaged Parquet file.", "Write it again.") from error
    _check_headers(table.column_names, path)
    plain = []
    for name in table.column_names:
        column = table[name]
        if pa.types.is_floating(column.type):
            # A whole number beside nulls comes as a float from pandas.
            values = column.drop_null().to_numpy()
            if len(values) == 0 or (values == values.round()).all():
                column = column.cast(pa.int64(), safe=False)
        try:
            plain.append(column.cast(pa.string()))
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise ConfigError(
                f"{path.name}: column {name!r} holds {column.type}, not single values.",
                "Leave it out of the file.",
            ) from error
    return pa.table(dict(zip(table.column_names, plain, strict=True)))


def _csv(path: Path, data: bytes) -> tuple[pa.Table, str]:
    remedy = "Give a CSV file with a header line, or Parquet."
    encoding = _encoding(data)
    if encoding is None:
        raise ConfigError(f"{path.name} is neither CSV nor Parquet.", remedy)
    text = data.decode(encoding)
    if not text.strip():
        raise ConfigError(f"{path.name} is empty.", remedy)
    delimiter = _delimiter(text)
    headers = [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter))]
    _check_headers(headers, path)
    bad: list[tuple[int, int]] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        bad.append((row.number or 0, row.actual_columns))
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, column_names=headers, skip_rows=0, block_size=1 << 26
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(headers, pa.string()), strings_can_be_null=False
            ),
        ).slice(1)
    except pa.ArrowInvalid as error:
        raise ConfigError(f"{path.name} is no CSV file.", remedy) from error
    if bad:
        row, fields = bad[0]
        raise ConfigError(
            f"{path.name}, row {row}: {fields} fields, the header has {len(headers)}"
            + (f" (and {len(bad) - 1} more rows)." if len(bad) > 1 else "."),
            "Quote fields that hold the delimiter, or mend the row.",
        )
    sign = {"\t": "tab"}.get(delimiter, f'"{delimiter}"')
    return table, f"CSV, {encoding.removesuffix('-sig')}, delimiter {sign}"


def _check_headers(headers: Sequence[str], path: Path) -> None:
    twice = [name for name, count in Counter(headers).items() if count > 1]
    if twice:
        raise ConfigError(f"{path.name} has column {twice[0]!r} more than once.", "Name each column once.")
    if any(not name for name in headers):
        place = [name.strip() for name in headers].index("") + 1
        raise ConfigError(f"{path.name}: column {place} has no name.", "Give it a header.")


def _encoding(data: bytes) -> str | None:
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in data[:100_000]:
        return None
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    sample = data[:1_000_000]
    printable = sum(byte >= 32 or byte in (9, 10, 13) for byte in sample[:10_000])
    if printable < 0.95 * len(sample[:10_000]):
        return None
    # Cyrillic comes in whole words; Western accents stand alone between ASCII letters.
    runs = re.findall(rb"[\x80-\xff]+", sample)
    long = sum(len(run) for run in runs if len(run) >= 3)
    if long < 0.5 * sum(map(len, runs)):
        return "cp1252" if not re.search(rb"[\x81\x8d\x8f\x90\x9d]", data) else "latin-1"
    # The common letters are small: a mistaken choice of the two Cyrillic sets swaps the cases.
    small = {
        code: sum(c.islower() for c in sample.decode(code, "replace"))
        for code in ("cp1251", "koi8-r", "cp866")
    }
    best = max(small, key=lambda code: small[code])
    return best if best != "cp1251" or b"\x98" not in data else "latin-1"


def _delimiter(text: str) -> str:
    """The sign that splits the first lines most evenly; a comma where there is only one column."""
    lines = [line for line in text[:200_000].splitlines()[:50] if line.strip()]
    best = (0.0, ",")
    for sign in _DELIMITERS:
        counts = [len(row) for row in csv.reader(lines, delimiter=sign)]
        if counts and counts[0] > 1:
            even = sum(count == counts[0] for count in counts) / len(counts)
            best = max(best, (even + counts[0] / 1000, sign), key=lambda found: found[0])
    return best[1]


def _source_names(paths: Sequence[Path]) -> list[str]:
    """A name for each file whose records name no source: the file's own, numbered where two are alike."""
    seen: Counter[str] = Counter()
    names = []
    for path in paths:
        seen[path.stem] += 1
        names.append(path.stem if seen[path.stem] == 1 else f"{path.stem}_{seen[path.stem]}")
    return names


def _part(
    table: pa.Table, columns: Columns, also: Sequence[str], source: str, made: tuple[str, ...]
) -> pa.Table:
    rows = table.num_rows
    arrays: dict[str, pa.Array | pa.ChunkedArray] = {}
    arrays["source_system"] = (
        pa.array([source] * rows) if "source_system" in made else table[columns.taken["source_system"]]
    )
    arrays["source_record_id"] = (
        pa.array([str(i) for i in range(1, rows + 1)])
        if "source_record_id" in made
        else table[columns.taken["source_record_id"]]
    )
    for ours, theirs in columns.taken.items():
        if ours not in KEY:
            arrays[ours] = table[theirs]
    for place, theirs in enumerate(also):
        if theirs in columns.also:
            arrays[f"also_{place}"] = table[theirs]
    return pa.table(arrays)


def _check_keys(con: duckdb.DuckDBPyConnection, reports: Sequence[FileReport]) -> None:
    files = ", ".join(report.file for report in reports)
    missing = con.execute(
        "select count(*) from fields where coalesce(trim(source_system), '') = '' or coalesce(trim(source_record_id), '') = ''"
    ).fetchall()[0][0]
    if missing:
        raise ConfigError(
            f"{files}: {missing} records lack source_system or source_record_id.",
            "Fill them, or leave the whole column out to have the rows numbered.",
        )
    twice, records, across = con.execute(
        "select count(*), coalesce(sum(n), 0), count(*) filter (files = n) from (select count(*) as n, count(distinct file)"
        " as files from fields group by source_system, source_record_id having count(*) > 1)"
    ).fetchall()[0]
    if twice:
        where = "are in more than one file" if across == twice else "occur more than once"
        raise ConfigError(
            f"{files}: {twice} keys (source_system, source_record_id) {where}, {records} records in all.",
            "Each record needs its own key; give each file its own source_system.",
        )
