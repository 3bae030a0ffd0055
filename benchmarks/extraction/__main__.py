"""`python -m benchmarks.extraction`: fills a PostgreSQL and a MariaDB, runs the contestants, writes docs/benchmarks.md.

Belongs here: arguments, the order of things, the table. Does not belong here: the rows (orders.py) and what each
process does (steps.py).
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from benchmarks import document, measure
from benchmarks.document import number
from benchmarks.extraction import orders, steps
from dagster_project.config import PROJECT_ROOT, Settings, load_settings
from dagster_project.warehouse import Warehouse, open_warehouse, schema
from dagster_project.warehouse.connect import embedded_server
from tests.integration.sources import mariadb

NAMES = {"ours": "Seamless 360", "adbc": "ADBC alone", "dlt": "dlt alone"}
PEERS = {"PostgreSQL": "adbc", "MariaDB": "dlt"}
AIM = 2.5
ROUNDS = 2

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class StepFailed(Exception):
    """A step gave no result; says which, and why."""


@dataclass(frozen=True)
class Run:
    """One process. seconds: the whole of it; work: without the start of Python; peak_mb: its resident memory.

    cells: of a run that the document has, as they are written there.
    """

    source: str
    step: str
    rows: int
    seconds: float
    work: float
    peak_mb: float
    cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class Again:
    """A refresh with nothing new, and pages of the source's table: held, in the look-back, read of table and indexes."""

    run: Run
    table_pages: int
    look_back_rows: int
    look_back_pages: int
    table_read: int
    index_read: int


@app.command()
def main(
    rows: Annotated[int, typer.Option(help="Rows of the largest table.", min=1000)] = 1_000_000,
    limit: Annotated[float, typer.Option(help="Seconds after which one run is stopped.")] = 180,
    write: Annotated[bool, typer.Option(help="Whether docs/benchmarks.md is written.")] = True,
) -> None:
    """Measures each source, prints the table and writes it."""
    home = load_settings().home / "bench" / "extraction"
    sizes = sorted({rows // 10, rows * 3 // 10, rows})
    try:
        with _warehouse(home) as warehouse:
            text = _measured(warehouse, home, sizes, limit)
    except StepFailed as failure:
        typer.echo(f"error: {failure}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"\n{text}")
    if write:
        document.write("extraction", text)


def _measured(warehouse: Warehouse, home: Path, sizes: list[int], limit: float) -> str:
    bench = _Bench(warehouse, home, limit)
    found: list[Run] = []
    said: list[str] = []
    assert warehouse.admin_url is not None
    with TemporaryDirectory(dir=home) as folder:
        files = {size: Path(folder) / f"{size}.csv" for size in sizes}
        for size, file in files.items():
            orders.write(file, size)
        source = warehouse.admin_url.set(database="bench_source")
        with warehouse.admin_engine("postgres").connect() as admin:
            admin.execute(sa.text("drop database if exists bench_source"))
            admin.execute(sa.text("create database bench_source"))
        found += bench.contest("PostgreSQL", source, files, orders.into_postgres)
        again = bench.again(source, sizes[-1])
        if mariadb.SERVER and mariadb.INSTALLER:
            place = Path(folder) / "mariadb"
            place.mkdir()
            with mariadb.server(place) as server:
                source = mariadb.make_database(server, "shop")
                found += bench.contest("MariaDB", source, files, orders.into_mariadb)
        else:
            said.append("MariaDB is not installed here (`make servers`): nothing was read from it.")
            typer.echo(said[-1], err=True)
    versions = document.machine("dlt", "adbc-driver-postgresql")
    return merged(found, said, again, document.read("extraction"), versions)


def merged(found: list[Run], said: list[str], again: Again, before: str, machine: str) -> str:
    """The section after a run that measured `found`: rows of other sizes, and of sources that are not here, stay."""
    measured = {(run.source, run.rows, run.step) for run in found}
    kept = [run for run in _runs(before) if (run.source, run.rows, run.step) not in measured]
    order = {name: place for place, name in enumerate(PEERS)}
    every = sorted([*found, *kept], key=lambda run: (order[run.source], run.rows, run.step != "ours"))
    largest = max(run.rows for run in every if run.source == "PostgreSQL")
    is_largest = max(run.rows for run in found) == largest
    earlier = [line for line in before.splitlines() if line.startswith("A refresh with nothing new")]
    news = nothing_new(again) if is_largest or not earlier else earlier[0]
    last = document.measured_on(machine, before, bool(kept))
    return "\n\n".join([table(every), *said, verdict(every), news, last])


def _runs(text: str) -> list[Run]:
    """The runs of a section's table."""
    steps_of = {name: step for step, name in NAMES.items()}
    return [
        Run(
            cells[0],
            steps_of[cells[2]],
            int(number(cells[1])),
            *(number(cells[place]) for place in (3, 4, 6)),
            tuple(cells),
        )
        for cells in document.rows(text)
    ]


@contextmanager
def _warehouse(home: Path) -> Iterator[Warehouse]:
    home.mkdir(parents=True, exist_ok=True)
    try:
        yield open_warehouse(Settings(home=home, warehouse_url=None, profile="demo"))
    finally:
        embedded_server(home).stop()


@dataclass
class _Bench:
    """Runs steps, each in a process of its own, against one warehouse."""

    warehouse: Warehouse
    home: Path
    limit: float

    def contest(
        self, name: str, source: sa.URL, files: dict[int, Path], fill: Callable[[Path, sa.URL], None]
    ) -> list[Run]:
        """Ours at every size; at the largest the peer too, in turns, the best of ROUNDS each."""
        found = []
        *smaller, largest = files
        for size in smaller:
            fill(files[size], source)
            found.append(self.step("ours", name, source, size))
        fill(files[largest], source)
        turns = [self.step(step, name, source, largest) for step in (PEERS[name], "ours") * ROUNDS]
        for step in ("ours", PEERS[name]):
            found.append(min((run for run in turns if run.step == step), key=lambda run: run.seconds))
        return found

    def step(self, step: str, name: str, source: sa.URL, rows: int, is_first: bool = True) -> Run:
        """One step, into an empty warehouse where `is_first`. Raises StepFailed, also if rows are missing."""
        if is_first:
            self._forget()
        with self.warehouse.admin_engine().connect() as admin:
            admin.execute(sa.text("checkpoint"))
        done = measure.run(
            (sys.executable, "-m", "benchmarks.extraction.steps", step),
            limit_s=self.limit,
            environment={
                "C360_HOME": str(self.home),
                "C360_PROFILE": "demo",
                "C360_WAREHOUSE_URL": "",
                "BENCH_SOURCE_URL": source.render_as_string(hide_password=False),
            },
            cwd=PROJECT_ROOT,
        )
        what = f"{NAMES[step]} from {name}, {rows:,} rows"
        if done.failed:
            raise StepFailed(f"{what}: {done.failed}")
        result: dict[str, Any] = json.loads(done.output.strip().splitlines()[-1])
        if is_first and result["rows"] != rows:
            raise StepFailed(f"{what}: {result['rows']:,} arrived")
        typer.echo(f"{what}: {done.seconds:.1f} s, {done.peak_mb:,.0f} MB", err=True)
        return Run(name, step, result["rows"], done.seconds, result["seconds"], done.peak_mb)

    def again(self, source: sa.URL, rows: int) -> Again:
        """A refresh of what the last step loaded, and the pages that the source's PostgreSQL read for it."""
        engine = sa.create_engine(source, poolclass=sa.NullPool)

        def figures(query: str) -> tuple[int, ...]:
            with engine.connect() as connection:
                return tuple(int(value) for value in connection.execute(sa.text(query)).one())

        pages, late, late_pages = figures(
            "select pg_relation_size('orders') / current_setting('block_size')::int, count(*),"
            " count(distinct (ctid::text::point)[0]) from orders"
            " where updated_at >= (select max(updated_at) - interval '1 hour' from orders)"
        )
        # A session's counts are there when it has ended, and this one's when the next asks.
        reads = (
            "select heap_blks_read + heap_blks_hit, idx_blks_read + idx_blks_hit from pg_statio_user_tables"
            " where relname = 'orders'"
        )
        figures(reads)
        before = figures(reads)
        run = self.step("ours", "PostgreSQL", source, rows, is_first=False)
        after = figures(reads)
        return Again(run, pages, late, late_pages, after[0] - before[0], after[1] - before[1])

    def _forget(self) -> None:
        """An empty warehouse, and nothing of dlt's on the disk."""
        shutil.rmtree(self.home / "work", ignore_errors=True)
        raw = schema.raw_schema(orders.SOURCE.name)
        with self.warehouse.begin() as connection:
            for name in (raw, f"{raw}_staging", steps.BARE, steps.DLT, f"{steps.DLT}_staging"):
                connection.execute(sa.text(f"drop schema if exists {name} cascade"))
            connection.execute(sa.text(f"create schema {steps.BARE}"))
            connection.execute(sa.text("truncate ops.extraction_watermarks"))


def table(found: list[Run]) -> str:
    """Markdown, one line a run, in the given order; the ratio to the peer where both ran."""
    lines = [
        "| source | rows | reader | whole process, s | of it the work, s | rows a second | MB | ratio |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    for run in found:
        ratio = _ratio(run, found)
        cells = run.cells or (
            *(run.source, f"{run.rows:,}", NAMES[run.step], f"{run.seconds:.1f}", f"{run.work:.1f}"),
            *(f"{run.rows / run.seconds:,.0f}", f"{run.peak_mb:,.0f}", f"{ratio:.2f}" if ratio else ""),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(found: list[Run]) -> str:
    """Each ratio against its aim, and how memory grows with the rows."""
    told = []
    for run in found:
        if (peer := _peer(run, found)) and (ratio := _ratio(run, found)):
            told.append(
                f"From {run.source}, {run.rows:,} rows take {ratio:.2f} times as long as {NAMES[peer.step]}"
                f" (aim: at most {AIM}, {'met' if ratio <= AIM else 'missed'})."
            )
    for source in dict.fromkeys(run.source for run in found):
        ours = [run for run in found if run.source == source and run.step == "ours"]
        told.append(
            f"{ours[-1].rows / ours[0].rows:.0f} times the rows from {source} take"
            f" {ours[-1].peak_mb / ours[0].peak_mb:.2f} times the memory."
        )
    return " ".join(told)


def nothing_new(again: Again) -> str:
    """The refresh with nothing new, in a sentence or two."""
    return (
        f"A refresh with nothing new takes {again.run.seconds:.1f} s ({again.run.work:.1f} s without the start of"
        f" Python) and loads the {again.run.rows:,} rows of the look-back again (one hour;"
        f" {again.look_back_rows:,} rows on {again.look_back_pages:,} of the table's {again.table_pages:,} pages)."
        f" PostgreSQL read {again.table_read:,} pages of the table and {again.index_read:,} of its indexes for it:"
        " every refresh counts the table's rows, through the primary key's index where vacuum keeps up."
    )


def _ratio(run: Run, found: list[Run]) -> float | None:
    if run.cells:
        return number(run.cells[-1]) if run.cells[-1] else None
    peer = _peer(run, found)
    return run.seconds / peer.seconds if peer else None


def _peer(run: Run, found: list[Run]) -> Run | None:
    of = PEERS[run.source]
    same = (r for r in found if (r.source, r.rows, r.step) == (run.source, run.rows, of))
    return next(same, None) if run.step == "ours" else None


if __name__ == "__main__":
    os.environ.setdefault("C360_PROFILE", "demo")
    app()
