"""`c360 train`: a new linkage model, promoted only if it is not worse than the one in use.

Belongs here: arguments and what a person reads. Does not belong here: training and comparing (identity/training.py).
"""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dagster_project.config import load_settings
from dagster_project.terminal import terminal, working

if TYPE_CHECKING:
    from dagster_project.identity.training import Figure


def train(
    force: Annotated[
        bool, typer.Option("--force", help="Puts the new model in use even if it is worse.")
    ] = False,
) -> None:
    """Trains the linkage model on the current cards; the next refresh scores with it if it is not worse."""
    import demo_company
    from dagster_project import identity
    from dagster_project.identity.company import Company
    from dagster_project.warehouse import open_current
    from dagster_project.warehouse.lock import refresh_lock

    settings = load_settings()
    warehouse = open_current(settings)
    console = terminal()
    is_demo = (
        settings.profile == "demo" and warehouse.admin_url is not None and demo_company.exists(warehouse)
    )
    with refresh_lock(warehouse, "c360 train"), working(console, "training") as progress:
        outcome = identity.train(
            warehouse,
            company=Company.of(settings),
            truth=demo_company.truth(warehouse) if is_demo else None,
            force=force,
            progress=progress,
        )
    parent = outcome.parent if outcome.parent != outcome.model.version else None
    table = Table(
        "", parent or "in use: none", f"new: {outcome.model.version}", box=None, padding=(0, 2, 0, 0)
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for figure in outcome.figures:
        style = "red" if figure.is_worse else None
        table.add_row(figure.name, *_cells(figure), style=style)
    if outcome.figures:
        console.print(table)
    console.print(identity.names_in_words(outcome.model), soft_wrap=True)
    console.print(outcome.why, soft_wrap=True)
    if outcome.is_promoted:
        console.print("The next `c360 refresh` links every card by the new model.")


def _cells(figure: "Figure") -> tuple[str, str]:
    def shown(value: float | None) -> str:
        if value is None:
            return ""
        return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"

    return shown(figure.before), shown(figure.after)
