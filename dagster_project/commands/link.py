"""`c360 link`: any file of customer records, without a warehouse and without configuration.

Belongs here: its arguments, progress on standard error, the summary. Does not belong here: linking (identity/files/).
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dagster_project.commands.outputs import check_writable, writing
from dagster_project.config import known_region, load_settings
from dagster_project.errors import ConfigError
from dagster_project.terminal import terminal, working


def link(
    files: Annotated[
        list[Path], typer.Argument(help="CSV or Parquet, one file or several.", metavar="FILE...")
    ],
    truth: Annotated[
        Path | None,
        typer.Option(help="Who is who: source_system, source_record_id, entity_id. Scores the links."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where source_system, source_record_id, customer_id go (.csv, .parquet)."),
    ] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="theirs=ours: what a column is. May be repeated.")
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="One more column to compare. May be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON on standard output.")] = False,
    threshold: Annotated[
        str, typer.Option(help="auto, or a probability above which records are linked.")
    ] = "auto",
    region: Annotated[
        str,
        typer.Option(
            help="The country (ISO, two letters) of phones without a country code, where a record has none."
        ),
    ] = "",
) -> None:
    """Links the records of any files and says who is one customer."""
    from dagster_project.identity.company import Company
    from dagster_project.identity.files.columns import read_mapping
    from dagster_project.identity.files.link import link_files, read_truth, scores

    limit = _threshold(threshold)
    settings = load_settings()
    home_region = known_region("--region", region) if region else settings.phone_region
    company = Company(tuple(settings.company_phone_list), home_region)
    if out is not None and out.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(f"--out {out.name}: neither .csv nor .parquet.", "End its name in one of them.")
    if out is not None:
        check_writable("--out", out)
    with working(terminal(stderr=True), "reading") as progress:
        linked = link_files(
            files,
            mapping=read_mapping(mapping or []),
            also=list(dict.fromkeys(also or [])),
            threshold=limit,
            company=company,
            progress=progress,
        )
        if truth is not None:
            found = scores(read_truth(truth, linked), linked)
            linked.summary["scores"] = {name: score.as_dict() for name, score in found.items()}
    if out is not None:
        _write(linked.record_customers, out)
        linked.summary["out"] = str(out)
    if as_json:
        typer.echo(json.dumps(linked.summary, ensure_ascii=False, indent=2))
    else:
        _show(terminal(soft_wrap=True), linked.summary)


def _threshold(written: str) -> float | None:
    if written == "auto":
        return None
    try:
        value = float(written)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise ConfigError(
            f"--threshold {written!r} is neither auto nor a probability.", "Give a number like 0.9."
        )
    return value


def _write(table: Any, out: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    with writing("--out", out):
        if out.suffix.lower() == ".parquet":
            pyarrow.parquet.write_table(table, out)
        else:
            pyarrow.csv.write_csv(table, out, pyarrow.csv.WriteOptions(quoting_style="needed"))


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _show(console: Any, summary: dict[str, Any]) -> None:
    from rich.text import Text

    from dagster_project.identity.placeholders import REASONS

    for file in summary["files"]:
        console.print(
            Text.assemble((file["file"], "bold"), f": {_many(file['records'], 'record')}, {file['form']}")
        )
        if file["recognised"]:
            pairs = ", ".join(f"{theirs} → {ours}" for ours, theirs in file["recognised"].items())
            console.print(f"  recognised: {pairs}")
        if file["left_out"]:
            console.print(
                f"  left out: {', '.join(file['left_out'])} (--map theirs=ours or --also COLUMN takes one in)"
            )
        if file["made_keys"]:
            console.print(f"  made here: {', '.join(file['made_keys'])}")
    for report in summary["dates"]:
        forms = ", ".join(f"{form} ({count:,})" for form, count in report["forms"].items()) or "none"
        order = f"; {report['order']}{', a guess' if report['is_guess'] else ''}" if report["order"] else ""
        lost = f"; unreadable: {report['unreadable']:,}" if report["unreadable"] else ""
        console.print(f"dates of {report['source']}, {report['column']}: {forms}{order}{lost}")
    console.print(f"names: {summary['names']}")
    if summary["nameless"]:
        console.print(
            f"without a name: {summary['nameless']:,} records; {summary.get('nameless_linked', 0):,} of them are linked by the"
            " only holder of their contact"
        )
    for entry in summary.get("dropped", []):
        console.print(
            f"{entry['column']}: {_many(entry['values'], 'value')} of {_many(entry['records'], 'record')} not compared:"
            f" {REASONS[entry['reason']]}"
        )
    for name, why in summary.get("comparisons", {}).items():
        levels = ", ".join(
            f"{level} {bits:+.1f}" for level, bits in summary.get("weights", {}).get(name, {}).items()
        )
        console.print(
            Text.assemble(f"compared {name}: {why}", (f" ({levels} bits)" if levels else "", "dim"))
        )
    if summary.get("without_duplicates"):
        console.print(
            f"without duplicates of their own, linked to others only: {', '.join(summary['without_duplicates'])}"
        )
    sources = ", ".join(f"{name} {count:,}" for name, count in summary["sources"].items())
    console.print(
        Text.assemble(
            "\n",
            (_many(summary["records"], "record"), "bold"),
            f" of {_many(len(summary['sources']), 'source')} ({sources})",
        )
    )
    console.print(f"candidate pairs: {summary['candidate_pairs']:,}")
    if "threshold" in summary:
        console.print(f"threshold: {summary['threshold']}, {summary['threshold_why']}")
    elif "threshold_why" in summary:
        console.print(summary["threshold_why"])
    console.print(
        Text.assemble(
            (_many(summary["customers"], "customer"), "bold"),
            f", the largest of {_many(summary['largest_cluster'], 'record')}, {summary['seconds']} s",
        )
    )
    for name, score in summary.get("scores", {}).items():
        console.print(
            f"{name.replace('_', '-')}: precision {score['precision']:.4f}, recall {score['recall']:.4f},"
            f" F1 {score['f1']:.4f} ({score['records']:,} records)"
        )
    if "out" in summary:
        console.print(f"written: {summary['out']}")
    else:
        console.print("Give --out FILE to keep the customers.")
