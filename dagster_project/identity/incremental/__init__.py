"""What changed since the last run, what that touches, and the result: equal to a full run's, at the cost of the change.

Belongs here: which cards (cards.py), profiles (groups.py), pairs and clusters (links.py), customers (outcome.py) and
households (kin.py) a change can reach. Does not belong here: any step's own logic (the same functions serve a full
run) and the file that remembers the last run (state.py).

The session's tables (`cards`, `links`, …) hold what is being worked on; `state.<table>` is how the last run left it;
`now_<table>` is the state with what this run found so far in place of what it replaces. After `look_back` the state
follows (follow.py), and is this run's. How each fact that many cards share can flip, and how far that reaches,
is told in docs/adr/0007-incremental-linking.md.
"""

import datetime as dt

import duckdb
import pyarrow as pa

from dagster_project.identity import resolution
from dagster_project.identity.company import UNNAMED, Company
from dagster_project.identity.incremental.cards import find_dirty, find_placeholders, read_cards
from dagster_project.identity.incremental.change import (
    MAX_SHARE,
    Change,
    Delta,
    Outcome,
    Rest,
    TooMuchChanged,
)
from dagster_project.identity.incremental.groups import regroup
from dagster_project.identity.incremental.links import cluster_early, cluster_late, judge, link_late
from dagster_project.identity.incremental.outcome import assign, look_back, outcome_of, rest_of
from dagster_project.identity.incremental.session import count
from dagster_project.identity.model import Model

__all__ = [
    "MAX_SHARE",
    "Change",
    "Delta",
    "Outcome",
    "Rest",
    "TooMuchChanged",
    "look_back",
    "resolve_changes",
    "rest_of",
]


def resolve_changes(
    con: duckdb.DuckDBPyConnection,
    change: Change,
    model_: Model,
    decisions: pa.Table,
    *,
    run_id: str,
    at: dt.datetime,
    company: Company = UNNAMED,
    progress: resolution.Progress | None = None,
) -> Outcome:
    """The step for `change` alone. `con` has the last run's tables attached as `state`.

    `look_back` and `rest_of` say the rest of it. Raises TooMuchChanged where the change reaches too far; nothing is
    lost by a full run then.
    """
    say = progress or (lambda _: None)
    read_cards(con, change, company)
    find_placeholders(con, company)
    resolution.decide(con, decisions)
    find_dirty(con)
    say(f"{count(con, 'dirty')} cards read anew")
    regroup(con)
    judge(con, model_)
    say(f"scored {count(con, 'candidates')} pairs of {count(con, 'live')} profiles")
    cluster_early(con)
    link_late(con)
    cluster_late(con)
    assign(con, run_id, at)
    return outcome_of(con, run_id)
