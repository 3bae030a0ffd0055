"""Scores and their table.

Belongs here: scoring a result and laying it out. Does not belong here: running anything, and the document.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from dagster_project import identity

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
