"""`c360 audit`: what each source holds, before anything is switched on.

Belongs here: arguments and how the figures look in the terminal. Does not belong here: the figures (audit/).
"""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from dagster_project.commands.outputs import check_writable, writing
from dagster_project.config import Settings, load_settings, source_contracts
from dagster_project.errors import ConfigError
from dagster_project.terminal import terminal, working

if TYPE_CHECKING:
    from dagster_project.audit import Audit
    from dagster_project.sources import Source

console = terminal()


def audit(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="Some of the configured sources; all unless told.", show_default=False),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Writes one HTML file with pictures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON on standard output.")] = False,
) -> None:
    """Shows what each source holds: how complete, how duplicated, how linkable. Reads sources and writes nowhere."""
    from dagster_project.audit import audit as measure
    from dagster_project.identity import Company

    settings = load_settings()
    if html is not None:
        check_writable("--html", html)
    chosen = _chosen(sources or [])
    with working(terminal(stderr=True), "reading") as progress:
        found = measure(
            [(source, _url(settings, source)) for source in chosen],
            Company.of(settings),
            progress=progress,
            secrets={source.name: settings.source_secrets(source.name) for source in chosen},
            home=settings.home,
        )
        if html is not None:
            from dagster_project.audit.page import page

            with writing("--html", html):
                html.write_text(page(found, datetime.now(ZoneInfo(settings.time_zone))), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
    else:
        _show(found)
    if html is not None:
        terminal(stderr=True).print(f"Pictures: {html}", soft_wrap=True)


def _chosen(names: list[str]) -> "list[Source]":
    from dagster_project.sources import load_source

    known = list(source_contracts())
    for name in names:
        if name not in known:
            raise ConfigError(
                f"Source {name!r} is not in vars.sources of dbt_project/dbt_project.yml.",
                f"There are {', '.join(known)}.",
            )
    return [load_source(name) for name in known if not names or name in names]


def _url(settings: Settings, source: "Source") -> str:
    if configured := settings.source_url(source.name):
        return configured
    from dagster_project.assets.raw import source_url
    from dagster_project.warehouse import open_warehouse

    return source_url(settings, source, open_warehouse(settings))


def _show(found: "Audit") -> None:
    from dagster_project.audit.page import OUTCOMES, day, share
    from dagster_project.identity.placeholders import REASONS

    tables = _table(
        "Tables", "table", ">rows", "earliest change", "latest change", ">without a time", ">no rows"
    )
    refusals = _table("Files that could not be read", "table", "file", "why")
    for t in found.tables:
        tables.add_row(
            f"{t.source}.{t.table}", f"{t.rows:,}", day(t.earliest), day(t.latest), f"{t.without_time or ''}",
            f"{t.rejected or ''}",
        )  # fmt: skip
        for refused in t.refused:
            refusals.add_row(f"{t.source}.{t.table}", *refused)
    columns = _table(
        "Columns that name people",
        *("column", "holds", ">filled", ">valid of these", ">different", ">met more than once"),
    )
    for c in found.columns:
        valid = "" if c.valid is None else share(c.valid, c.filled)
        columns.add_row(
            c.label, c.holds.replace("_", " "), share(c.filled, c.rows), valid,
            f"{c.distinct:,}", share(c.repeated, c.filled),
        )  # fmt: skip
    cards = _table(
        "Cards, and how they can be linked",
        *("source", ">cards", *(f">{words}" for _, words, _ in OUTCOMES), ">with a twin here"),
    )
    for f in found.cards:
        shares = (share(getattr(f, name), f.cards) for name, *_ in OUTCOMES)
        cards.add_row(f.source, f"{f.cards:,}", *shares, share(f.with_twin, f.cards))
    overlaps = _table(
        "Values that two sources have in common",
        "holds",
        "sources",
        ">values",
        ">of the first's",
        ">of the second's",
    )
    held = {(o.kind, o.source): o.shared for o in found.overlaps if o.source == o.other}
    for o in found.overlaps:
        if o.source < o.other:
            first, second = held[o.kind, o.source], held[o.kind, o.other]
            overlaps.add_row(
                o.kind.replace("_", " "), f"{o.source}, {o.other}", f"{o.shared:,}",
                share(o.shared, first), share(o.shared, second),
            )  # fmt: skip
    nobody = _table("Values that name nobody", "holds", "value", "they are", ">cards", ">first names")
    for p in found.placeholders:
        nobody.add_row(
            p.kind.replace("_", " "),
            p.masked,
            REASONS[p.reason],
            f"{p.cards:,}",
            "" if p.people is None else f"{p.people:,}",
        )
    for table in (tables, refusals, columns, cards, overlaps, nobody):
        if table.row_count:
            console.print(table)


def _table(title: str, *headers: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for header in headers:
        table.add_column(header.removeprefix(">"), justify="right" if header.startswith(">") else "left")
    return table
