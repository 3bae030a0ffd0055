"""What a refresh did, as figures a person likes to read.

Belongs here: gathering one run's figures from the warehouse, and showing them. Does not belong here:
producing them. Counts only, never a value of a row.
"""

from dataclasses import dataclass, field

import sqlalchemy as sa
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dagster_project.config import source_contracts
from dagster_project.identity import Score
from dagster_project.refresh import Outcome, Step
from dagster_project.warehouse import Warehouse, schema

GATE_LAYERS = ("raw", "intermediate", "identity", "marts")
REASONS_SHOWN = 5  # of a table


@dataclass
class Agreement:
    """How the linkage compares with a known truth."""

    pairwise: Score
    b_cubed: Score


@dataclass
class Figures:
    """One run's figures. Mappings are ordered as they are shown."""

    sources: list[dict[str, int | str]] = field(default_factory=list)
    contracts: dict[str, int] = field(default_factory=dict)
    marts: dict[str, int] = field(default_factory=dict)
    rows_published: int = 0
    gates: dict[str, dict[str, int]] = field(default_factory=dict)
    gate_messages: list[str] = field(default_factory=list)
    refused_files: list[str] = field(default_factory=list)
    refused_rows: list[str] = field(default_factory=list)
    newly_quarantined: int = 0
    in_quarantine: int = 0
    identity: dict[str, int | str | bool] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)
    is_first: bool = False

    @property
    def rows_read(self) -> int:
        return sum(int(source["read"]) for source in self.sources)


def gather(warehouse: Warehouse, run_id: str) -> Figures:
    """The figures of one run, as far as it came."""
    figures = Figures()
    with warehouse.begin() as connection:
        _sources(connection, run_id, figures)
        figures.refused_files = _refused_files(connection)
        figures.refused_rows = _refused_rows(connection, run_id)
        figures.contracts = _counts(connection, schema.INTERMEDIATE, _contracts())
        _gates(connection, run_id, figures)
        _identity(connection, run_id, figures)
        _marts(connection, run_id, figures)
        _unexplained(connection, run_id, figures)
    return figures


def show(console: Console, outcome: Outcome, figures: Figures, agreement: Agreement | None) -> None:
    """The summary. Tables first, then what to do next."""
    parts: list[RenderableType] = [_sources_table(figures), _layers_table(figures), _gates_table(figures)]
    if figures.identity:
        parts.append(_identity_text(figures, agreement))
    parts.append(_steps_table(outcome, figures))
    parts.append(
        Text("\nEvery source row is accounted for, from source to mart or quarantine.", style="green")
    )
    if figures.unexplained:
        parts[-1] = Text("\n" + "\n".join(f"✗ {message}" for message in figures.unexplained), style="red")
    elif not outcome.success:
        parts.pop()
    elif outcome.held:
        parts[-1] = Text(
            "\nEvery row that was read is accounted for. Held back, as they were:\n"
            + "\n".join(f"  ! {line}" for line in outcome.held),
            style="yellow",
        )
    kind = "first load" if figures.is_first else "increment"
    verdict = "complete" if outcome.success else "stopped: readers still see the last complete state"
    if outcome.success and outcome.held:
        names = "source" if len(outcome.held) == 1 else "sources"
        verdict = f"published, {len(outcome.held)} {names} held back"
    console.print()
    console.print(
        Panel(
            Group(*parts),
            title=f"Refresh {verdict} — {kind}, {figures.rows_read:,} rows read, {outcome.seconds:.0f} s",
            border_style="red" if not outcome.success else "yellow" if outcome.held else "green",
            padding=(1, 2),
        )
    )


FINDINGS_SHOWN = 3


def step_lines(step: Step) -> list[Text]:
    """A step that ended, as the terminal shows it while the run goes on: its mark, and what its checks found.

    Gates in which every rule holds have no line.
    """
    if step.failed or step.is_stopped:
        mark, style = "✗", "red"
    elif step.is_interrupted or step.findings:
        mark, style = "⚠", "yellow"
    elif step.runs_gates:
        return []
    else:
        mark, style = "✓", "green"
    found = [line for finding in step.findings for line in finding.splitlines()[:1]]
    if step.failed:
        found = step.failed.splitlines()[:1]
    elif step.is_interrupted:
        found = ["interrupted"]
    if len(found) > FINDINGS_SHOWN:
        found = [*found[:FINDINGS_SHOWN], f"and {len(found) - FINDINGS_SHOWN} more"]
    head = Text.assemble((mark, style), f" {step.name:<24} {step.seconds:6.1f} s")
    return [head, *(Text(f"    {line}", style) for line in found)]


def _contracts() -> list[str]:
    """The contracts with business rows; source_rows is their book-keeping."""
    filled = dict.fromkeys(contract for fills in source_contracts().values() for contract in fills)
    return [contract for contract in filled if contract != "source_rows"]


def _exists(connection: sa.Connection, name: str) -> bool:
    return connection.scalar(sa.text("select to_regclass(:name)"), {"name": name}) is not None


def _counts(connection: sa.Connection, schema_name: str, tables: list[str]) -> dict[str, int]:
    return {
        table: connection.scalar(sa.text(f'select count(*) from {schema_name}."{table}"')) or 0
        for table in tables
        if _exists(connection, f'{schema_name}."{table}"')
    }


def _sources(connection: sa.Connection, run_id: str, figures: Figures) -> None:
    if not _exists(connection, "ops.extractions"):
        return
    rows = connection.execute(
        sa.text(
            """
            select source, count(*) as tables, sum(rows_at_source)::bigint as at_source,
                sum(rows_loaded)::bigint as read, sum(tombstones)::bigint as gone,
                bool_and(watermark_from is null) as is_first
            from ops.extractions where run_id = :run_id group by source
            """
        ),
        {"run_id": run_id},
    ).mappings()
    by_source = {row["source"]: row for row in rows}
    figures.is_first = bool(by_source) and all(row["is_first"] for row in by_source.values())
    for source in source_contracts():
        if source in by_source:
            row = dict(by_source[source])
            row["quarantined"] = _quarantined(connection, f"{source}__%")
            figures.sources.append(row)
        elif by_source:
            figures.not_read.append(source)
    figures.in_quarantine = _quarantined(connection, "%")


def _quarantined(connection: sa.Connection, like: str) -> int:
    return sum(_counts(connection, schema.QUARANTINE, _quarantines(connection, like)).values())


def _newly_quarantined(connection: sa.Connection, run_id: str) -> int:
    """Rows moved out since readers last got a new state: by this run, or by one before it that was broken off."""
    since = "-infinity"
    if _exists(connection, "ops.publications"):
        since = connection.scalar(
            sa.text(
                "select coalesce(max(published_at), '-infinity')::text from ops.publications where run_id <> :run_id"
            ),
            {"run_id": run_id},
        )
    return sum(
        connection.scalar(
            sa.text(
                f'select count(*) from {schema.QUARANTINE}."{table}" '
                "where first_quarantined_at > cast(:since as timestamptz)"
            ),
            {"since": since},
        )
        or 0
        for table in _quarantines(connection, "%")
    )


def _quarantines(connection: sa.Connection, like: str) -> list[str]:
    return list(
        connection.scalars(
            sa.text("select tablename from pg_tables where schemaname = :schema and tablename like :like"),
            {"schema": schema.QUARANTINE, "like": like.replace("_", r"\_")},
        )
    )


def _gates(connection: sa.Connection, run_id: str, figures: Figures) -> None:
    if not _exists(connection, "ops.gate_results"):
        return
    rows = connection.execute(
        sa.text(
            """
            with tables as (
                select layer, table_name,
                    bool_or(not success and (is_error or severity = 'critical')) as is_failed,
                    bool_or(not success) as is_warned, sum(rows_quarantined) as quarantined
                from ops.gate_results where run_id = :run_id group by layer, table_name
            )
            select layer, count(*) as tables, count(*) filter (where is_failed) as failed,
                count(*) filter (where is_warned and not is_failed) as warned,
                coalesce(sum(quarantined), 0)::bigint as quarantined
            from tables group by layer
            """
        ),
        {"run_id": run_id},
    ).mappings()
    by_layer = {row["layer"]: dict(row) for row in rows}
    figures.gates = {layer: by_layer[layer] for layer in GATE_LAYERS if layer in by_layer}
    figures.newly_quarantined = _newly_quarantined(connection, run_id)
    figures.gate_messages = list(
        connection.scalars(
            sa.text(
                "select distinct message from ops.gate_results "
                "where run_id = :run_id and not success order by message"
            ),
            {"run_id": run_id},
        )
    )


def _refused_files(connection: sa.Connection) -> list[str]:
    """Files that could not be read when they were last tried, each with the reason."""
    if not _exists(connection, "ops.delivered_files"):
        return []
    rows = connection.execute(
        sa.text(
            "select source, table_name, file, refused from ops.delivered_files "
            "where refused is not null and source = any(:sources) order by 1, 2, 3"
        ),
        {"sources": list(source_contracts())},
    )
    return [f"{row.source}.{row.table_name}: refused {row.file}: {row.refused}" for row in rows]


def _refused_rows(connection: sa.Connection, run_id: str) -> list[str]:
    """Rows that raw could not take and that wait in quarantine, counted by table and reason."""
    tables = connection.execute(
        sa.text(
            "select source, table_name from ops.extractions where run_id = :run_id and source = any(:sources) "
            "order by 1, 2"
        ),
        {"run_id": run_id, "sources": list(source_contracts())},
    ).all()
    there = set(_quarantines(connection, "%"))
    lines: list[str] = []
    for row in tables:
        rejects = schema.rejects_table(row.source, row.table_name)
        if rejects not in there:
            continue
        reasons = connection.execute(
            sa.text(
                f'select reason, count(*) as rows from {schema.QUARANTINE}."{rejects}", unnest(reasons) as reason '
                "group by reason order by rows desc, reason limit :most"
            ),
            {"most": REASONS_SHOWN},
        )
        place = f"{row.source}.{row.table_name}"
        lines += [f"{place}: {found.rows:,} rows in quarantine: {found.reason}" for found in reasons]
    return lines


def _identity(connection: sa.Connection, run_id: str, figures: Figures) -> None:
    if _exists(connection, "identity.runs"):
        row = connection.execute(
            sa.text("select * from identity.runs where run_id = :run_id"), {"run_id": run_id}
        ).mappings()
        figures.identity = dict(row.first() or {})


def _marts(connection: sa.Connection, run_id: str, figures: Figures) -> None:
    if _exists(connection, "ops.publications"):
        rows = connection.execute(
            sa.text("select mart, rows, written from ops.publications where run_id = :run_id order by mart"),
            {"run_id": run_id},
        ).all()
        figures.marts = {str(row.mart): int(row.rows) for row in rows}
        figures.rows_published = sum(int(row.written) for row in rows)


def _unexplained(connection: sa.Connection, run_id: str, figures: Figures) -> None:
    """Rows that neither the loads' reconciliation nor the mart's can account for."""
    if figures.sources:
        figures.unexplained = [
            f"{source}.{table}: {missing:,} rows of the source are neither in raw nor in quarantine"
            for source, table, missing in connection.execute(
                sa.text(
                    "select source, table_name, rows_missing from ops.extractions "
                    "where run_id = :run_id and rows_missing <> 0 order by 1, 2"
                ),
                {"run_id": run_id},
            )
        ]
    if figures.sources and _exists(connection, "ops.loads"):
        figures.unexplained += [
            f"{row.source}.{row.table_name}: of {row.rows_read:,} rows that load {row.load_id} read, "
            f"{row.rows_lost:,} did not arrive in raw"
            if row.rows_lost
            else f"{row.source}.{row.table_name}: the sum of {row.amount_column} that load {row.load_id} read "
            "is another in raw"
            for row in connection.execute(
                sa.text(
                    "select * from ops.loads where run_id = :run_id and (rows_lost <> 0 "
                    "or amount_read is distinct from amount_arrived) order by source, table_name"
                ),
                {"run_id": run_id},
            )
        ]
    if figures.marts and _exists(connection, "marts.reconciliation"):
        figures.unexplained += [
            f"{source}.{table}: {count:,} rows are unexplained ({stage})"
            for source, table, stage, count in connection.execute(
                sa.text(
                    "select source_system, table_name, stage, rows_unexplained from marts.reconciliation "
                    "where rows_unexplained <> 0 order by 1, 2, 3"
                )
            )
        ]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at == 0 else "right", style=None if at else "cyan")
    return table


def _sources_table(figures: Figures) -> Table:
    table = _table("Sources", "", "tables", "rows at source", "read now", "gone", "in quarantine")
    for row in figures.sources:
        table.add_row(
            str(row["source"]),
            *(f"{int(row[name]):,}" for name in ("tables", "at_source", "read", "gone", "quarantined")),
        )
    for source in figures.not_read:
        table.add_row(source, *["–"] * 5, style="yellow")
    return table


def _layers_table(figures: Figures) -> Table:
    table = _table("\nLayers", "contract", "rows", "", "mart", "rows")
    contracts, marts = list(figures.contracts.items()), list(figures.marts.items())
    for at in range(max(len(contracts), len(marts))):
        left = contracts[at] if at < len(contracts) else ("", "")
        right = marts[at] if at < len(marts) else ("", "")
        table.add_row(left[0], _number(left[1]), "", Text(str(right[0]), style="cyan"), _number(right[1]))
    table.columns[3].justify = "left"
    return table


def _number(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _gates_table(figures: Figures) -> Group:
    table = _table("\nGates", "layer", "tables", "passed", "warned", "stopped", "rows to quarantine")
    for layer, row in figures.gates.items():
        passed = row["tables"] - row["failed"] - row["warned"]
        table.add_row(
            layer,
            *(f"{n:,}" for n in (row["tables"], passed, row["warned"], row["failed"], row["quarantined"])),
        )
    messages = [*figures.refused_files, *figures.refused_rows, *figures.gate_messages]
    notes = [Text(f"  ! {message}", style="yellow") for message in messages]
    return Group(table, *notes)


def _identity_text(figures: Figures, agreement: Agreement | None) -> Text:
    run = figures.identity
    text = Text("\nCustomers", style="bold")
    skipped = " (nothing changed: linking was skipped)" if run.get("is_skipped") else ""
    text.append(
        f"\n{int(run['records']):,} cards are {int(run['customers']):,} customers{skipped}; "
        f"largest {run['largest_cluster']} cards",
        style="not bold",
    )
    if agreement:
        text.append(
            f"\nagainst the demo's truth ({agreement.pairwise.records:,} linkable cards): "
            f"pairwise precision {agreement.pairwise.precision:.3f}, recall {agreement.pairwise.recall:.3f}; "
            f"B-cubed {agreement.b_cubed.precision:.3f}, {agreement.b_cubed.recall:.3f}",
            style="not bold",
        )
    elif run.get("estimated_precision") is not None:
        text.append(
            f"\nestimated without a truth: precision {float(run['estimated_precision']):.3f}, "
            f"recall {float(run['estimated_recall']):.3f} of what the evidence allows",
            style="not bold",
        )
    if run.get("reviewed_pairs"):
        text.append(
            f"\nstewards reviewed {int(run['reviewed_pairs']):,} links: "
            f"{float(run['reviewed_precision']):.0%} were right",
            style="not bold",
        )
    return text


def _steps_table(outcome: Outcome, figures: Figures) -> Table:
    table = _table("\nSeconds per step", "", "s", "")
    gates = [step for step in outcome.steps if step.runs_gates]
    steps = [step for step in outcome.steps if step not in gates]
    shown = [(step.name, step.seconds) for step in steps]
    if gates:
        tables = sum(layer["tables"] for layer in figures.gates.values())
        shown.append((f"gates ({tables})", sum(step.seconds for step in gates)))
    longest = max((seconds for _, seconds in shown), default=1) or 1
    for name, seconds in shown:
        table.add_row(name, f"{seconds:.1f}", Text("█" * round(24 * seconds / longest), style="blue"))
    table.columns[2].justify = "left"
    return table
