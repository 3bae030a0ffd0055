"""Scores and their table.

Belongs here: scoring a result and laying it out. Does not belong here: running anything, and the document.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from benchmarks import document
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


HEAD = "| data | records | linker | setting | precision | recall | F1 | B³ precision | B³ recall | B³ F1 | s | MB |"
# The cells that name a run, and those whose best of a set is bold.
_KEY, _BEST = (0, 2, 3), (6, 9)


def table(rows: Sequence[Row], before: str = "", sets: Sequence[str] = ()) -> str:
    """Markdown, one line a run; each set's best F1 in bold.

    before: a section whose other runs stay, in the order of `sets`.
    """
    cells = [_cells(row) for row in rows]
    measured = {tuple(line[place] for place in _KEY) for line in cells}
    kept = [line for line in document.rows(before) if tuple(line[place] for place in _KEY) not in measured]
    order = {name: place for place, name in enumerate(sets)}
    # Sorting keeps the order of what is alike: a set's new runs go before those that stay.
    every = sorted([*cells, *kept], key=lambda line: order.get(line[0], len(order)))
    for place in _BEST:
        best: dict[str, float] = {}
        for line in every:
            line[place] = line[place].replace("*", "")
            if line[place]:
                best[line[0]] = max(best.get(line[0], 0.0), float(line[place]))
        for line in every:
            if line[place] and float(line[place]) == best[line[0]]:
                line[place] = f"**{line[place]}**"
    lines = [HEAD, "|---|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    return "\n".join([*lines, *(f"| {' | '.join(line)} |" for line in every)])


def _cells(row: Row) -> list[str]:
    figures = (
        [row.failed or "no result", "", "", "", "", ""]
        if row.scores is None
        else [f"{value:.4f}" for value in row.scores]
    )
    names = (row.data, f"{row.records:,}", row.contestant, row.setting)
    return [*names, *figures, f"{row.seconds:.1f}", f"{row.peak_mb:,.0f}"]
