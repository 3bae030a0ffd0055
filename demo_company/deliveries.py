"""A day's files of the systems that have no database: what came before comes again, of today.

Belongs here: new files beside the ones that load.py wrote. Does not belong here: the first ones. A row keeps its
customer's contacts, so no card is new.
"""

import datetime as dt
import hashlib
import re
from pathlib import Path

from dagster_project.sources import Table, load_source
from demo_company.systems.drops import SYSTEMS

ROWS = 3  # a day
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def deliver(folder: Path, seed: str, day: str, date: dt.date) -> int:
    """Writes `date`'s file of each table below `folder`/<source>; the number of rows."""
    return sum(
        _deliver(folder / source, table, f"{seed}/{day}", f"-d{day}", date)
        for source in SYSTEMS
        for table in load_source(source).tables
    )


def _deliver(folder: Path, table: Table, draw: str, mark: str, date: dt.date) -> int:
    files = table.files
    assert files is not None
    new = folder / files.pattern.replace("*", str(date))
    earlier = sorted(path for path in folder.glob(files.pattern) if path != new)
    if not earlier:
        return 0
    lines = earlier[-1].read_text(encoding=files.encoding).splitlines()
    header, rows = (lines[:1], lines[1:]) if files.format == "csv" else ([], lines)
    if table.key[0] == "day":
        chosen = [row for row in rows if row[:10] == rows[-1][:10]]
    else:
        chosen = sorted(rows, key=lambda row: hashlib.md5(f"{draw}/{row}".encode()).digest())[:ROWS]
        chosen = [_marked(row, files.format, table.key[0], mark) for row in chosen]
    text = "\n".join([*header, *(_moved(row, date) for row in chosen), ""])
    new.write_text(text, encoding=files.encoding)
    return len(chosen)


def _marked(row: str, form: str, key: str, mark: str) -> str:
    """`row` under a key of its own."""
    if form == "csv":
        first, separator, rest = row.partition(",")
        return f"{first}{mark}{separator}{rest}"
    return re.sub(rf'("{key}":\s*"[^"]*)"', rf'\g<1>{mark}"', row, count=1)


def _moved(row: str, date: dt.date) -> str:
    """`row` with its dates moved by as much as brings the first of them to `date`."""
    first = DATE.search(row)
    if first is None:
        return row
    shift = date - dt.date.fromisoformat(first.group())
    return DATE.sub(lambda found: str(dt.date.fromisoformat(found.group()) + shift), row)
