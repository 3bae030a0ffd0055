"""`c360 review`: what waits for a steward, and two cards side by side.

Belongs here: what a steward reads. Does not belong here: the queue and the cards (identity/review.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dagster_project.config import load_settings
from dagster_project.errors import ConfigError
from dagster_project.terminal import terminal

if TYPE_CHECKING:
    from dagster_project.identity.company import Company
    from dagster_project.identity.explain import Evidence, Weight
    from dagster_project.identity.references import Named
    from dagster_project.warehouse import Warehouse

DEFAULT_LENGTH = 10
console = terminal()


def review(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[N | A B]", help="How many pairs to list, or two records to compare."),
    ] = None,
) -> None:
    """Lists the pairs whose decision helps most, or shows two cards side by side."""
    from dagster_project.identity import Company, references
    from dagster_project.warehouse import open_current

    settings = load_settings()
    warehouse = open_current(settings)
    company = Company.of(settings)
    match what or [str(DEFAULT_LENGTH)]:
        case [number] if number.isdigit() and int(number) > 0:
            _list(warehouse, int(number))
        case [left, right]:
            ends = [references.find(warehouse, asked, company) for asked in (left, right)]
            _side_by_side(warehouse, ends, company)
        case _:
            raise ConfigError(
                "`c360 review` takes a number of pairs, or two records.",
                f"{references.HOW} Or just `c360 review`.",
            )


def _list(warehouse: Warehouse, limit: int) -> None:
    from dagster_project.identity.decisions import spelt
    from dagster_project.identity.explain import REASONS
    from dagster_project.identity.review import waiting

    pairs, total = waiting(warehouse, limit)
    if not pairs:
        console.print("Nothing waits for a decision.")
        return
    for number, pair in enumerate(pairs, 1):
        probability = "" if pair.match_probability is None else f", probability {pair.match_probability:.3f}"
        _say(f"{number:>3}. {spelt(pair.left)}  {pair.left_name or '(no name)'}")
        _say(f"     {spelt(pair.right)}  {pair.right_name or '(no name)'}")
        _say(f"     {pair.reason}{probability}, gain {pair.gain:.2f}")
    for reason in dict.fromkeys(pair.reason for pair in pairs):
        _say(f"{reason}: {REASONS.get(reason, reason)}")
    left, right = pairs[0].left, pairs[0].right
    _say(f"{len(pairs)} of {total}. Look closer: c360 review {spelt(left)} {spelt(right)}")


def _side_by_side(warehouse: Warehouse, ends: list[Named], company: Company) -> None:
    from dagster_project.identity.decisions import spelt
    from dagster_project.identity.explain import between
    from dagster_project.identity.review import ATTRIBUTES, cards, queued_for

    keys = [end.record for end in ends]
    if keys[0] == keys[1]:
        raise ConfigError(f"Both are {spelt(keys[0])}.", "Name two different records.")
    for end in ends:
        if end.kind != "record":
            _say(f"{end.asked} stands for {spelt(end.record)}.")
    left, right = cards(warehouse, keys)
    evidence = between(warehouse, keys[0], keys[1], company)
    weights = {weight.comparison: weight for weight in evidence.weights} if evidence else {}
    table = Table(box=None, pad_edge=False)
    for column in ("", spelt(left.key), spelt(right.key), "agreement", "bits"):
        table.add_column(column, overflow="fold", justify="right" if column == "bits" else "left")
    table.add_row(
        "customer",
        *(f"{card.customer_id or 'none'} ({card.cards_of_customer} cards)" for card in (left, right)),
    )
    shown = set()
    for attribute, comparison in ATTRIBUTES.items():
        weight = weights.get(comparison or "")
        if (
            attribute not in left.values
            and attribute not in right.values
            and (weight is None or weight.level == "missing")
        ):
            continue
        shown.add(comparison)
        table.add_row(
            attribute, left.values.get(attribute, ""), right.values.get(attribute, ""), *_said(weight)
        )
    for comparison, weight in weights.items():
        if comparison not in shown and weight.level != "missing":
            table.add_row(comparison, "", "", *_said(weight))
    if evidence and evidence.match_weight is not None:
        table.add_row(
            "together",
            "",
            "",
            f"probability {evidence.match_probability:.3f}",
            f"{evidence.match_weight:+.1f}",
        )
    console.print(table)
    _explained(evidence, queued_for(warehouse, keys[0], keys[1]))
    if left.customer_id is not None and left.customer_id == right.customer_id:
        _say("They are one customer now.")
    for verdict in ("same", "different"):
        _say(f"c360 decide {verdict} {spelt(keys[0])} {spelt(keys[1])} --reason '…'")


def _said(weight: Weight | None) -> tuple[str, str]:
    if weight is None or weight.level == "missing":
        return "", ""
    return weight.level or "any two cards", f"{weight.bits:+.1f}"


def _explained(evidence: Evidence | None, queued: str | None) -> None:
    from dagster_project.identity.explain import REASONS

    if queued:
        _say(f"In the queue: {REASONS.get(queued, queued)}.")
    if evidence is None:
        _say("The model cannot compare them: companies are one by their tax number only.")
    elif not evidence.is_stored:
        _say(f"Compared now, these two by themselves: no link is stored; {evidence.in_words}.")
    elif evidence.rejected_by is None:
        _say(f"Linked: {evidence.in_words}.")
    elif not queued:
        _say(f"Not linked: {evidence.in_words}.")


def _say(line: str) -> None:
    console.print(line, soft_wrap=True)
