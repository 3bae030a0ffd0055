"""What an incremental run is given and what it says.

Belongs here: a change, a difference, an outcome. Does not belong here: how one follows from the other.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from dagster_project.identity.estimate import Estimate

# Where more of the cards than this are touched, a full run is as fast.
MAX_SHARE = 0.2
Fetch = Callable[[pa.Table], tuple[pa.Table, pa.Table]]


class TooMuchChanged(Exception):
    """A full run is the shorter way."""


@dataclass(frozen=True)
class Change:
    """Cards that are new or not as they were, with all their identifiers; rids of cards that are gone.

    fetch: from a table with a column rid (cards that did not change) to their records and identifiers.
    """

    records: pa.Table
    identifiers: pa.Table
    gone: pa.Table
    fetch: Fetch


@dataclass(frozen=True)
class Delta:
    """Rows of one table that are new or differ, and the keys of those that go."""

    rows: pa.Table
    gone: pa.Table


@dataclass(frozen=True)
class Outcome:
    """What an incremental run says of cards and customers: Resolution's tables as differences."""

    record_customers: Delta
    record_identifiers: Delta
    edges: Delta
    customers: Delta
    departed: Delta
    review_queue: Delta
    events: pa.Table


@dataclass(frozen=True)
class Rest:
    """What follows from an outcome: households, and what is told of everybody."""

    households: Delta
    placeholders: pa.Table
    placeholder_dates: pa.Table
    blocking_report: pa.Table
    household_report: pa.Table
    reviews: int
    counts: dict[str, int]
    estimate: Estimate
    weights: list[int]
