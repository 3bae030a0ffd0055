"""`python -m benchmarks.gates`: refreshes of the demo company, and the share of them that its gates take.

Belongs here: running the refreshes, the table, the sentence about the aim. Does not belong here: how gates are run
(dagster_project/quality).
"""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import dagster as dg
import sqlalchemy as sa
import typer

from benchmarks import document, measure
from dagster_project.checks import STEP_SUFFIX
from dagster_project.config import PROJECT_ROOT, Settings, load_settings
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse.connect import embedded_server

AIM = 0.10
SIZES = "5000,100000"
COMMAND = Path(sys.executable).with_name("c360")
FIRST, NOTHING_NEW, NEXT_DAY = "first", "nothing new", "the next day"
LIMIT_S = 3600
LIBRARY = "the first gate of a run also imports Great Expectations"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class RefreshFailed(Exception):
    """A command gave no result; says which, and why."""


@dataclass(frozen=True)
class Run:
    """A refresh. source_rows: inserted into raw tables until then; rows_read: by it; seconds: of the run; gates: how many."""

    customers: int
    kind: str
    source_rows: int
    rows_read: int
    seconds: float
    gates: int
    gate_seconds: float
    longest: tuple[str, float]

    @property
    def share(self) -> float:
        return self.gate_seconds / self.seconds


@app.command()
def main(
    sizes: Annotated[str, typer.Option(help="Numbers of customers, with commas between.")] = SIZES,
    write: Annotated[bool, typer.Option(help="Whether docs/benchmarks.md is written.")] = True,
) -> None:
    """Measures each size, prints the table and writes it."""
    home = load_settings().home / "bench" / "gates"
    runs: list[Run] = []
    try:
        for customers in map(int, sizes.split(",")):
            runs += _runs(home, customers)
    except RefreshFailed as failure:
        typer.echo(f"error: {failure}", err=True)
        raise typer.Exit(1) from None
    versions = document.machine("great-expectations", "dagster")
    text = "\n\n".join([table(runs), verdict(runs), f"Measured on {versions}."])
    typer.echo(f"\n{text}")
    if write:
        document.write("gates", text)


def _runs(home: Path, customers: int) -> list[Run]:
    """A first refresh, one with nothing new, and one after a day of the company's life."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    found = []
    try:
        _c360(home, "demo", "create", "--customers", str(customers))
        for kind in (FIRST, NOTHING_NEW, NEXT_DAY):
            if kind == NEXT_DAY:
                _c360(home, "demo", "advance")
            _c360(home, "refresh")
            found.append(_last_run(home, customers, kind))
            run = found[-1]
            typer.echo(
                f"{customers:,} customers, {kind}: {run.seconds:.1f} s, of it gates {run.gate_seconds:.1f} s",
                err=True,
            )
    finally:
        embedded_server(home).stop()
        shutil.rmtree(home, ignore_errors=True)
    return found


def _c360(home: Path, *arguments: str) -> None:
    done = measure.run(
        (COMMAND, *arguments),
        limit_s=LIMIT_S,
        environment={
            "C360_HOME": str(home),
            "C360_PROFILE": "demo",
            "C360_WAREHOUSE_URL": "",
            "DAGSTER_HOME": "",
        },
        cwd=PROJECT_ROOT,
    )
    if done.failed:
        raise RefreshFailed(f"c360 {' '.join(arguments)}: {done.failed}")


def _last_run(home: Path, customers: int, kind: str) -> Run:
    """The refresh that ended last, as Dagster's own log and the ledger of the gates have it."""
    os.environ["DAGSTER_HOME"] = str(home / "dagster")
    with dg.DagsterInstance.get() as instance:
        (record,) = instance.get_run_records(limit=1)
        stats = instance.get_run_step_stats(record.dagster_run.run_id)
    assert record.start_time and record.end_time
    seconds = {
        step.step_key: step.end_time - step.start_time for step in stats if step.start_time and step.end_time
    }
    gates = {step: took for step, took in seconds.items() if step.endswith(STEP_SUFFIX)}
    warehouse = open_warehouse(Settings(home=home, warehouse_url=None, profile="demo"))
    with warehouse.begin() as connection:
        count, read = connection.execute(
            sa.text(
                "select (select count(distinct (layer, table_name)) from ops.gate_results where run_id = :run),"
                " (select coalesce(sum(rows_read), 0) from ops.loads where run_id = :run)"
            ),
            {"run": record.dagster_run.run_id},
        ).one()
        rows = connection.scalar(sa.text("select coalesce(sum(rows_inserted), 0) from ops.loads"))
    return Run(
        *(customers, kind, int(rows or 0), int(read), record.end_time - record.start_time),
        *(int(count), sum(gates.values()), max(gates.items(), key=lambda gate: gate[1])),
    )


def table(runs: Sequence[Run]) -> str:
    """Markdown, one line a refresh, in the given order."""
    lines = [
        "| customers | source rows | refresh | rows read | whole run, s | gates | of it gates, s | share | the longest, s |",
        "|--:|--:|---|--:|--:|--:|--:|--:|---|",
    ]
    for run in runs:
        step, took = run.longest
        lines.append(
            f"| {run.customers:,} | {run.source_rows:,} | {run.kind} | {run.rows_read:,} | {run.seconds:.1f} |"
            f" {run.gates} | {run.gate_seconds:.1f} | {run.share:.1%} | `{step}` {took:.1f} |"
        )
    return "\n".join(lines)


def verdict(runs: Sequence[Run]) -> str:
    """The largest share against the aim."""
    worst = max(runs, key=lambda run: run.share)
    return (
        f"Gates take at most {worst.share:.1%} of a refresh, at {worst.customers:,} customers ({worst.kind}; aim: at"
        f" most {AIM:.0%}, {'met' if worst.share <= AIM else 'missed'}); {LIBRARY}."
    )


if __name__ == "__main__":
    os.environ.setdefault("C360_PROFILE", "demo")
    app()
