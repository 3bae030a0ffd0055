"""Cost by size: the whole identity step on PostgreSQL against bare Splink, from a hundred thousand cards to a million.

`python -m benchmarks.linkage.scale` fills a warehouse of its own, runs both in processes of their own on the same
cards, and writes docs/benchmarks.md and docs/images/scale.png.

Belongs here: the order of things, and the picture. Does not belong here: the crowd (crowd.py) and what each process
does (scale_steps.py).
"""

import json
import math
import os
import re
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks import document, measure
from dagster_project.config import PROJECT_ROOT, load_settings
from dagster_project.warehouse.connect import embedded_server

PICTURE = PROJECT_ROOT / "docs" / "images" / "scale.png"
OURS, SPLINK, SAMPLED, CHANGED = "the whole step", "bare Splink", "bare Splink, sampled", "1 % changed"


class StepFailed(Exception):
    """A step gave no result; says which, and why."""


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    sizes: Annotated[str, typer.Option(help="Numbers of cards, comma separated.")] = "100000,300000,1000000",
    limit: Annotated[float, typer.Option(help="Seconds after which one run is stopped.")] = 900,
    write: Annotated[bool, typer.Option(help="Whether documents are written.")] = True,
) -> None:
    """Measures each size, prints the table, writes it and the picture."""
    home = load_settings().home / "bench" / "scale"
    found = []
    try:
        for size in sizes.split(","):
            try:
                found.append(_measure(int(size), home, limit))
            except StepFailed as failure:
                typer.echo(f"{failure}: no larger size is tried", err=True)
                break
    finally:
        # The steps start it, each in a process of its own, and it outlives them.
        embedded_server(home).stop()
    if not found:
        raise typer.Exit(1)
    (home / "results.json").write_text(json.dumps(found, indent=1))
    text, every = merged(found, document.read("scale"), document.machine("splink", "duckdb"))
    typer.echo(f"\n{text}")
    if write:
        document.write("scale", text)
        PICTURE.write_bytes(picture(every))


def merged(found: list[dict[str, Any]], before: str, machine: str) -> tuple[str, list[dict[str, Any]]]:
    """The section after a run that measured `found`, and the rows in it: sizes that it did not measure stay."""
    measured = {row["size"] for row in found}
    kept = [row for row in _rows(before) if row["size"] not in measured]
    every = sorted([*found, *kept], key=lambda row: row["size"])
    largest = _of_largest(every[-1]) if every[-1]["size"] in measured else _sentence_on_largest(before)
    parts = [_table(every), largest, *_growth(every), document.measured_on(machine, before, bool(kept))]
    return "\n\n".join(part for part in parts if part), every


def _rows(text: str) -> list[dict[str, Any]]:
    """The rows of a section's table, as far as a table has their figures; cells: as they are written there."""
    rows = []
    for cells in document.rows(text):
        size, ours, train, splink, _, sampled, _, changed, _, peak, server, splink_peak = map(
            document.number, cells
        )
        rows.append(
            {
                "size": int(size),
                "cells": cells,
                OURS: {"seconds": ours, "train": train, "peak_mb": peak, "server_mb": server},
                SPLINK: {"seconds": splink, "peak_mb": splink_peak},
                SAMPLED: {"seconds": sampled},
                CHANGED: {"seconds": changed},
            }
        )
    return rows


def _measure(size: int, home: Path, limit: float) -> dict[str, Any]:
    def step(name: str) -> dict[str, Any]:
        server = embedded_server(home)
        watch = _ServerMemory(server.data)
        with watch:
            done = measure.run(
                (sys.executable, "-m", "benchmarks.linkage.scale_steps", name, str(size)),
                limit_s=limit,
                environment={"C360_HOME": str(home), "C360_PROFILE": "demo"},
                cwd=PROJECT_ROOT,
            )
        if done.failed:
            raise StepFailed(f"{name} of {size:,} cards: {done.failed}")
        result = json.loads(done.output.strip().splitlines()[-1])
        typer.echo(f"{size:>9,} {name:<8} {json.dumps(result)}  {done.peak_mb:,.0f} MB", err=True)
        return result | {"peak_mb": done.peak_mb, "server_mb": watch.peak_mb}

    home.mkdir(parents=True, exist_ok=True)
    step("fill")
    return {
        "size": size,
        OURS: step("ours"),
        CHANGED: step("changed"),
        SPLINK: step("splink"),
        SAMPLED: step("sampled"),
    }


class _ServerMemory:
    """The embedded server's peak: what its processes hold for themselves, and what they share, once."""

    def __init__(self, data: Path) -> None:
        self.data, self.peak_mb = data, 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_ServerMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.25):
            try:
                pid = int((self.data / "postmaster.pid").read_text().split()[0])
                family = [psutil.Process(pid), *psutil.Process(pid).children()]
                infos = [process.memory_info() for process in family]
            except (OSError, ValueError, IndexError, psutil.Error):
                continue
            own = sum(info.rss - info.shared for info in infos)
            self.peak_mb = max(self.peak_mb, (own + max(info.shared for info in infos)) / 1e6)


def exponent(found: list[dict[str, Any]], name: str) -> float:
    """b of seconds ~ cards^b, from the smallest size to the largest."""
    first, last = found[0], found[-1]
    return math.log(last[name]["seconds"] / first[name]["seconds"]) / math.log(last["size"] / first["size"])


def _table(found: list[dict[str, Any]]) -> str:
    lines = [
        "| cards | whole step, s | of it training, s | bare Splink, s | ratio | sampled, s | ratio | 1 % changed, s |"
        " share of the step | whole step, MB | its PostgreSQL, MB | bare Splink, MB |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found:
        if "cells" in row:
            lines.append(f"| {' | '.join(row['cells'])} |")
            continue
        ours, splink, sampled, changed = row[OURS], row[SPLINK], row[SAMPLED], row[CHANGED]
        lines.append(
            f"| {row['size']:,} | {ours['seconds']:.1f} | {ours['train']:.1f} | {splink['seconds']:.1f} |"
            f" {ours['seconds'] / splink['seconds']:.2f} | {sampled['seconds']:.1f} |"
            f" {ours['seconds'] / sampled['seconds']:.2f} | {changed['seconds']:.1f} |"
            f" {changed['seconds'] / ours['seconds']:.1%} | {ours['peak_mb']:,.0f} | {ours['server_mb']:,.0f} |"
            f" {splink['peak_mb']:,.0f} |"
        )
    return "\n".join(lines)


def _of_largest(last: dict[str, Any]) -> str:
    return (
        f"At {last['size']:,} cards: {last[OURS]['pairs']:,} candidate pairs of the step; bare"
        f" Splink (train {last[SPLINK]['train']:.1f} s, sampled {last[SAMPLED]['train']:.1f} s, predict"
        f" {last[SPLINK]['predict']:.1f} s, cluster {last[SPLINK]['cluster']:.1f} s)."
    )


def _sentence_on_largest(before: str) -> str:
    """`_of_largest` as an earlier run wrote it."""
    found = re.search(r"^At [0-9,]+ cards: .+?[)][.]", before, re.MULTILINE)
    return found.group() if found else ""


def _growth(found: list[dict[str, Any]]) -> list[str]:
    if len(found) == 1:
        return []
    return [
        f"From {found[0]['size']:,} cards on, seconds grow with the {exponent(found, OURS):.2f}th power of the"
        f" number of cards (bare Splink: {exponent(found, SPLINK):.2f}); between the last two sizes, with the"
        f" {exponent(found[-2:], OURS):.2f}th ({exponent(found[-2:], SPLINK):.2f}).",
        "![Seconds by number of cards](images/scale.png)",
    ]


def picture(found: list[dict[str, Any]]) -> bytes:
    """Seconds by cards, both axes logarithmic; a line of slope one is linear cost."""
    import altair as alt
    import pandas as pd
    import vl_convert

    names = (OURS, SPLINK, SAMPLED, CHANGED)
    points = pd.DataFrame(
        [
            {"cards": row["size"], "seconds": row[name]["seconds"], "what": name}
            for row in found
            for name in names
        ]
    )
    ends = points[points.cards == points.cards.max()].assign(
        label=[
            f"{name}: {row.seconds:.0f} s"
            + (f", exponent {exponent(found, name):.2f}" if len(found) > 1 else "")
            for name, row in zip(names, points[points.cards == points.cards.max()].itertuples(), strict=True)
        ]
    )
    # Two lines that end in one place keep their labels apart.
    ends = ends.sort_values("seconds")
    ends["height"] = ends.seconds
    for above, below in zip(ends.index[1:], ends.index, strict=False):
        ends.loc[above, "height"] = max(ends.height[above], 1.3 * ends.height[below])
    sizes = alt.Axis(values=[row["size"] for row in found], format=",d")
    color = alt.Color(
        "what:N",
        scale=alt.Scale(domain=list(names), range=["#1f5fa8", "#d9822b", "#e8b88a", "#5a9c6b"]),
        legend=None,
    )
    x = alt.X("cards:Q", scale=alt.Scale(type="log", nice=False), axis=sizes, title="customer cards")
    y = alt.Y("seconds:Q", scale=alt.Scale(type="log"), title="seconds")
    lines = alt.Chart(points).encode(x, y, color)
    labels = (
        alt.Chart(ends)
        .mark_text(align="left", dx=8, fontSize=12)
        .encode(x, alt.Y("height:Q", scale=alt.Scale(type="log"), title="seconds"), color, text="label:N")
    )
    chart = (lines.mark_line(strokeWidth=2) + lines.mark_point(filled=True, size=60) + labels).properties(
        width=460,
        height=300,
        title="Cost of linking by number of cards",
        padding={"right": 12, "left": 5, "top": 5, "bottom": 5},
    )
    return vl_convert.vegalite_to_png(chart.configure_view(strokeWidth=0).to_json(), scale=1.5)


if __name__ == "__main__":
    os.environ.setdefault("C360_PROFILE", "demo")
    app()
