"""`c360 why`: why two cards are one customer, or are not.

Belongs here: how an answer looks. Does not belong here: the answer (identity/explain.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dagster_project.commands.outputs import check_writable, writing
from dagster_project.config import load_settings
from dagster_project.terminal import terminal

if TYPE_CHECKING:
    from dagster_project.identity.explain import Answer, Evidence

console = terminal()
Who = Annotated[
    str, typer.Argument(help="A record, as odoo/partner:12, a customer ID, a phone or an e-mail.")
]


def why(
    left: Who,
    right: Who,
    chart: Annotated[Path | None, typer.Option(help="Writes the waterfall of weights as a PNG.")] = None,
) -> None:
    """Shows what joins two cards, step by step, or what keeps them apart."""
    from dagster_project.identity import Company, explain, references
    from dagster_project.warehouse import open_current

    if chart is not None:
        check_writable("--chart", chart)
    settings = load_settings()
    warehouse = open_current(settings)
    company = Company.of(settings)
    ends = [references.find(warehouse, asked, company) for asked in (left, right)]
    answer = explain.why(warehouse, ends[0], ends[1], company)
    if answer.is_one:
        _one(answer)
    else:
        _two(answer)
    if chart is not None:
        _draw(answer, chart)


def _one(answer: "Answer") -> None:
    steps = len(answer.steps)
    _say(
        f"One customer, {answer.left.customer_id}: {steps} {'step joins' if steps == 1 else 'steps join'} them."
    )
    for number, step in enumerate(answer.steps, 1):
        _step(f"{number}. ", step)


def _two(answer: "Answer") -> None:
    _say(f"Two customers, {answer.left.customer_id} and {answer.right.customer_id}.")
    if answer.kept_apart_by:
        _say(f"Decided: {', '.join(map(str, answer.kept_apart_by))}.")
    if not answer.steps:
        _say("Their cards cannot be compared: companies are one by their tax number only.")
        return
    (pair,) = answer.steps
    _step(
        "Their likeliest pair: " if pair.is_stored else "Their likeliest pair, compared now by itself: ", pair
    )
    _say(f"Not linked: {pair.in_words}.")


def _step(head: str, step: "Evidence") -> None:
    from dagster_project.identity.decisions import spelt

    _say(f"{head}{spelt(step.left)} – {spelt(step.right)}")
    if step.rejected_by is None and step.linked_by is not None:
        _say(f"   {step.linked_by}: {step.in_words}")
    if step.decision is not None:
        _say(f"   {step.decision}")
    for kind, value in step.shared:
        _say(f"   both hold {kind} {value}")
    if not step.weights:
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("left", "left", "right", "left"):
        table.add_column(justify=justify)  # type: ignore[arg-type]
    for weight in step.weights:
        if weight.level == "missing":
            continue
        bar = ("+" if weight.bits > 0 else "-") * round(abs(weight.bits))
        table.add_row(f"   {weight.comparison}", weight.level or "any two cards", f"{weight.bits:+.1f}", bar)
    table.add_row("   together", f"probability {step.match_probability:.4f}", f"{step.match_weight:+.1f}", "")
    console.print(table)


def _draw(answer: "Answer", path: Path) -> None:
    from dagster_project.errors import ConfigError
    from dagster_project.identity.waterfall import waterfall

    weighed = [step for step in answer.steps if step.weights]
    if not weighed:
        raise ConfigError(
            "There is no waterfall to draw: rules and decisions alone, not weights, answer this.",
            "Leave --chart out.",
        )
    picture = waterfall(weighed)
    with writing("--chart", path):
        path.write_bytes(picture)
    _say(f"The waterfall: {path}")


def _say(line: str) -> None:
    console.print(line, soft_wrap=True)
