"""`python -m benchmarks.linkage`: makes the sets, runs the contestants, writes docs/benchmarks.md.

Belongs here: arguments and the order of things. Does not belong here: what is run.
"""

import json
import subprocess
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import document, measure
from benchmarks.linkage import contestants, report, sets
from dagster_project.config import PROJECT_ROOT, load_settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[str, typer.Option("--sets", help="Which sets, comma separated.")] = ",".join(sets.NAMES),
    who: Annotated[str, typer.Option("--contestants", help="Who takes part.")] = ",".join(contestants.NAMES),
    limit: Annotated[float, typer.Option(help="Seconds after which one run is stopped.")] = 300,
    minutes: Annotated[float, typer.Option(help="After so many, no further set is begun.")] = 40,
    write: Annotated[bool, typer.Option(help="Whether docs/benchmarks.md is written.")] = True,
) -> None:
    """Links each set with each contestant, one after the other, and scores what comes out."""
    chosen_sets, chosen = _chosen(data, sets.NAMES), _chosen(who, contestants.NAMES)
    home = load_settings().home
    work = home / "bench" / "linkage"
    golden = contestants.environment(home, "goldenmatch") if "goldenmatch" in chosen else None
    febrl = (
        contestants.environment(home, "febrl") if any(s.startswith("febrl") for s in chosen_sets) else None
    )
    rows: list[report.Row] = []
    begun = time.monotonic()
    for name in chosen_sets:
        if time.monotonic() - begun > minutes * 60:
            typer.echo(f"{name}: left out, {minutes:.0f} minutes are over", err=True)
            continue
        rows += _run(sets.make(name, work / name, febrl), chosen, golden, limit)
        # After each set: a run that is broken off has measured something.
        found = json.dumps([row.as_dict() for row in rows], indent=1, ensure_ascii=False)
        (work / "results.json").write_text(found)
    before, golden_version = document.read("linkage"), _version(golden)
    table = report.table(rows, before, sets.NAMES)
    others = {"goldenmatch": golden_version} if golden_version else {}
    is_kept = len(document.rows(table)) > len(rows)
    last = document.measured_on(document.machine("splink", "duckdb", **others), before, is_kept)
    typer.echo(f"\n{report.table(rows)}\n\n{last}")
    if write:
        document.write("linkage", f"{table}\n\n{last}")


def _run(data: sets.DataSet, chosen: list[str], golden: Path | None, limit: float) -> list[report.Row]:
    out = data.truth.parent / "out"
    out.mkdir(exist_ok=True)
    rows = []
    for name in chosen:
        for entry in contestants.entries(name, data.records, out, golden):
            entry.result.unlink(missing_ok=True)
            done = measure.run(entry.command, limit_s=limit, cwd=PROJECT_ROOT)
            for column, setting in entry.settings.items():
                figures = None if done.failed else report.scores(data.truth, entry.result, column)
                row = report.Row(
                    data.name,
                    data.count,
                    entry.contestant,
                    setting,
                    figures,
                    done.seconds,
                    done.peak_mb,
                    done.failed,
                )
                rows.append(row)
                said = f"F1 {figures[2]:.4f}, B-cubed {figures[5]:.4f}" if figures else str(done.failed)
                typer.echo(
                    f"{data.name:<16} {entry.contestant:<13} {setting:<38} {said}  {done.seconds:.1f} s",
                    err=True,
                )
    return rows


def _chosen(listed: str, known: tuple[str, ...]) -> list[str]:
    names = [name.strip() for name in listed.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}")
    return names


def _version(python: Path | None) -> str | None:
    if python is None:
        return None
    code = "import importlib.metadata as m; print(m.version('goldenmatch'))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    app()
