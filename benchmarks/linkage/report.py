"""Scores and the table in docs/benchmarks.md, between its markers.

Belongs here: scoring a result and writing it down. Does not belong here: running anything.
"""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from dagster_project import identity

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
KEY = ("source_system", "source_record_id")


@dataclass(frozen=True)
class Row:
    """One line of the table. scores: pairwise precision, recall, F1, B-cubed precision, recall, F1; None if it failed."""

    data: str
    records: int
    contestant: str
    setting: str
    scores: tuple[float, ...] | None
    seconds: float
    peak_mb: float
    failed: str | None = None

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def scores(truth: Path, result: Path, column: str) -> tuple[float, ...]:
    """The six figures of `column` of a result file against a truth file."""
    true, found = (_texts(path) for path in (truth, result))
    if "is_linkable" in true.column_names:
        flags = pa.array([value == "true" for value in true["is_linkable"].to_pylist()])
        true = true.set_column(true.column_names.index("is_linkable"), "is_linkable", flags)
    predicted = found.select([*KEY, column]).rename_columns([*KEY, "customer_id"])
    pairs, cubed = identity.pairwise(true, predicted), identity.b_cubed(true, predicted)
    return (pairs.precision, pairs.recall, pairs.f1, cubed.precision, cubed.recall, cubed.f1)


def _texts(path: Path) -> pa.Table:
    with path.open(encoding="utf-8") as file:
        names = file.readline().strip().replace('"', "").split(",")
    return csv.read_csv(
        path, convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    )


def table(rows: Sequence[Row]) -> str:
    """Markdown, one line a run, in the given order; each set's best F1 in bold."""
    head = "| data | records | linker | setting | precision | recall | F1 | B³ precision | B³ recall | B³ F1 | s | MB |"
    lines = [head, "|---|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    best: dict[str, list[float]] = {}
    for row in rows:
        if row.scores:
            known = best.setdefault(row.data, [0.0, 0.0])
            best[row.data] = [max(known[0], row.scores[2]), max(known[1], row.scores[5])]
    for row in rows:
        if row.scores is None:
            cells = [row.failed or "no result", "", "", "", "", ""]
        else:
            cells = [f"{value:.4f}" for value in row.scores]
            for place, place_of_best in ((2, 0), (5, 1)):
                if row.scores[place] == best[row.data][place_of_best]:
                    cells[place] = f"**{cells[place]}**"
        figures = [*cells, f"{row.seconds:.1f}", f"{row.peak_mb:,.0f}"]
        lines.append(
            f"| {row.data} | {row.records:,} | {row.contestant} | {row.setting} | "
            + " | ".join(figures)
            + " |"
        )
    return "\n".join(lines)


def machine(goldenmatch: str | None) -> str:
    """What the figures were measured on: cores, memory, versions; nothing that names the machine."""
    versions = {name: importlib.metadata.version(name) for name in ("splink", "duckdb")}
    if goldenmatch:
        versions["goldenmatch"] = goldenmatch
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({platform.machine()}), {memory:.0f} GB of memory, Python {platform.python_version()}, {listed}"


def write(section: str, text: str, document: Path = DOCUMENT) -> None:
    """Replaces what lies between `<!-- section -->` and `<!-- /section -->`. Raises ValueError where they are missing."""
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    whole = document.read_text(encoding="utf-8")
    if begin not in whole or end not in whole.split(begin, 1)[1]:
        raise ValueError(f"{document.name} has no section {section}")
    before, rest = whole.split(begin, 1)
    after = rest.split(end, 1)[1]
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")
