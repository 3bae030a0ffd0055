"""`c360 decide`: a steward says who is the same person and who is not.

Belongs here: arguments and what a steward reads. Does not belong here: what a decision is (identity/decisions.py).
"""

import getpass
from typing import Annotated, Any

import typer

from dagster_project.config import load_settings
from dagster_project.terminal import terminal

app = typer.Typer(
    no_args_is_help=True, help="Records a steward's decision: the same person, or different ones."
)
console = terminal()

Who = Annotated[
    str,
    typer.Argument(help="A record, as odoo/partner:12; a customer ID stands for its oldest record."),
]
Reason = Annotated[str, typer.Option("--reason", help="Why: whoever reads the decision later needs it.")]
Author = Annotated[str | None, typer.Option("--author", help="Who decides; default: the user logged in.")]


@app.command()
def same(left: Who, right: Who, reason: Reason, author: Author = None) -> None:
    """Both are the same person, whatever the evidence says."""
    _decide("same", left, right, reason, author)


@app.command()
def different(left: Who, right: Who, reason: Reason, author: Author = None) -> None:
    """They are two people, whatever the evidence says."""
    _decide("different", left, right, reason, author)


@app.command()
def revoke(
    decision_id: Annotated[str, typer.Argument(help="As `c360 decide list` shows it.")], author: Author = None
) -> None:
    """Takes a decision back; it stays on record."""
    from dagster_project.identity import decisions

    decision, is_new = decisions.revoke(_warehouse(), decision_id, author or _user())
    if not is_new:
        _say(f"{decision.decision_id} was revoked before, on {decision.revoked_at:%Y-%m-%d}: nothing to do.")
        return
    _say(f"Revoked: {decision}. The next refresh decides by the evidence again.")


@app.command("list")
def list_decisions(
    all_: Annotated[bool, typer.Option("--all", help="Revoked ones too.")] = False,
) -> None:
    """Shows the decisions, the newest first."""
    from dagster_project.identity import decisions, store

    warehouse = _warehouse()
    run = store.last_run(warehouse)
    shown = 0
    for decision in decisions.all_decisions(warehouse):
        if decision.revoked_at is not None and not all_:
            continue
        state = "in force" if run and decision.decided_at < run.started_at else "from the next refresh"
        if decision.revoked_at is not None:
            state = f"revoked by {decision.revoked_by or 'unknown'} on {decision.revoked_at:%Y-%m-%d}"
        shown += 1
        _say(
            f"{decision.decision_id}  {decisions.spelt(decision.left)} {decision.verdict} {decisions.spelt(decision.right)}"
        )
        _say(f"     {decision.author}, {decision.decided_at:%Y-%m-%d %H:%M} UTC: {decision.reason}")
        _say(f"     {state}")
    if not shown:
        _say("No decisions in force: `c360 review` shows what waits for one.")


def _decide(verdict: str, left: str, right: str, reason: str, author: str | None) -> None:
    from dagster_project.identity import Company, decisions, references

    warehouse = _warehouse()
    company = Company.of(load_settings())
    ends = [references.find(warehouse, asked, company) for asked in (left, right)]
    for end in ends:
        if end.kind not in ("record", "customer"):
            from dagster_project.errors import IdentityError

            raise IdentityError(f"{end.asked} is a {end.kind}, not a record.", references.HOW)
        if end.kind == "customer":
            _say(f"{end.asked} stands for its oldest record, {decisions.spelt(end.record)}.")
    decision, is_new = decisions.decide(
        warehouse, verdict, ends[0].record, ends[1].record, reason, author or _user()
    )
    if not is_new:
        _say(f"That was decided before, by {decision.author} on {decision.decided_at:%Y-%m-%d}: {decision}.")
        return
    _say(f"Decided: {decision}. It takes effect with the next refresh.")
    for end in ends:
        if end.customer_id is None:
            _say(f"{decisions.spelt(end.record)} is not linked at present: the decision holds once it is.")


def _warehouse() -> Any:
    from dagster_project.warehouse import open_current

    return open_current(load_settings())


def _user() -> str:
    return getpass.getuser()


def _say(line: str) -> None:
    console.print(line, soft_wrap=True)
