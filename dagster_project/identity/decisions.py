"""Stewards' decisions: recorded for good, revocable, never at odds with each other.

Belongs here: what a decision is, what contradicts it, and what it means once cards have gone. Does not belong
here: how clusters honour it (cluster.py) and how a card is named (references.py).
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import pyarrow as pa
import sqlalchemy as sa

from dagster_project.errors import IdentityError
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.schema import IDENTITY

# source_system, source_record_id
Key = tuple[str, str]
SAME, DIFFERENT = "same", "different"
# One decision at a time is checked against the others; the number is arbitrary and ours.
_LOCK = 360_002

DECISIONS = pa.schema(
    [
        ("decision_id", pa.string()),
        *(
            (name, pa.string())
            for name in ("source_system_l", "source_record_id_l", "source_system_r", "source_record_id_r")
        ),
        ("verdict", pa.string()),
        ("decided_at", pa.timestamp("us", tz="UTC")),
        ("revoked_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class Decision:
    """A row of identity.decisions."""

    decision_id: str
    left: Key
    right: Key
    verdict: str
    author: str
    reason: str
    decided_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def __str__(self) -> str:
        return f"{spelt(self.left)} {self.verdict} {spelt(self.right)} ({self.decision_id})"


def spelt(key: Key) -> str:
    """A record as commands take it: source_system/source_record_id."""
    return "/".join(key)


def decide(
    warehouse: Warehouse, verdict: str, left: Key, right: Key, reason: str, author: str
) -> tuple[Decision, bool]:
    """Records that two cards are the `same` person or `different` ones; False: this decision stood already.

    Raises IdentityError on one card twice, on a blank reason or author, and on a decision that contradicts those
    in force, naming them.
    """
    if left == right:
        raise IdentityError(f"Both are {spelt(left)}.", "A decision is about two different records.")
    for name, text in (("reason", reason), ("author", author)):
        if not text.strip():
            raise IdentityError(
                f"A decision needs its {name}.", f"Say it with --{name}: whoever reads this later needs it."
            )
    with warehouse.begin() as connection:
        connection.execute(sa.text(f"select pg_advisory_xact_lock({_LOCK})"))
        active = [decision for decision in _read(connection) if decision.revoked_at is None]
        for decision in active:
            if {decision.left, decision.right} == {left, right} and decision.verdict == verdict:
                return decision, False
        if chain := contradiction(active, verdict, left, right):
            raise IdentityError(
                f"{spelt(left)} {verdict} {spelt(right)} contradicts what was decided: "
                f"{', '.join(map(str, chain))}.",
                f"Revoke what is wrong first: `c360 decide revoke {chain[0].decision_id}`.",
            )
        row = connection.execute(
            sa.text(
                f"insert into {IDENTITY}.decisions (source_system_l, source_record_id_l, source_system_r,"
                " source_record_id_r, verdict, author, reason)"
                " values (:sl, :il, :sr, :ir, :verdict, :author, :reason) returning decision_id, decided_at"
            ),
            {
                **dict(zip(("sl", "il", "sr", "ir"), (*left, *right), strict=True)),
                "verdict": verdict,
                "author": author.strip(),
                "reason": reason.strip(),
            },
        ).one()
    return (
        Decision(row.decision_id, left, right, verdict, author.strip(), reason.strip(), row.decided_at),
        True,
    )


def revoke(warehouse: Warehouse, decision_id: str, author: str) -> tuple[Decision, bool]:
    """Takes a decision back, its row stays; False: it was revoked before. Raises IdentityError on an unknown one."""
    with warehouse.begin() as connection:
        found = [decision for decision in _read(connection) if decision.decision_id == decision_id]
        if not found:
            raise IdentityError(
                f"There is no decision {decision_id}.", "`c360 decide list --all` shows every one."
            )
        if found[0].revoked_at is not None:
            return found[0], False
        connection.execute(
            sa.text(
                f"update {IDENTITY}.decisions set revoked_at = now(), revoked_by = :author where decision_id = :id"
            ),
            {"id": decision_id, "author": author},
        )
    return found[0], True


def all_decisions(warehouse: Warehouse) -> list[Decision]:
    """Every decision ever taken, the newest first."""
    with warehouse.begin() as connection:
        return _read(connection)


def _read(connection: sa.Connection) -> list[Decision]:
    rows = connection.execute(
        sa.text(
            "select decision_id, source_system_l, source_record_id_l, source_system_r, source_record_id_r, verdict,"
            " author, coalesce(reason, '') as reason, decided_at, revoked_at, revoked_by"
            f" from {IDENTITY}.decisions order by decided_at desc, decision_id desc"
        )
    )
    return [
        Decision(
            row.decision_id,
            (row.source_system_l, row.source_record_id_l),
            (row.source_system_r, row.source_record_id_r),
            *(row.verdict, row.author, row.reason, row.decided_at, row.revoked_at, row.revoked_by),
        )
        for row in rows
    ]


def contradiction(active: Iterable[Decision], verdict: str, left: Key, right: Key) -> list[Decision]:
    """The shortest chain of decisions from `left` to `right` that says the opposite of `verdict`; none: empty.

    Same carries on: a chain of `same` says same, one with a single `different` in it says different.
    """
    neighbours: dict[Key, list[tuple[Key, Decision]]] = defaultdict(list)
    for decision in active:
        neighbours[decision.left].append((decision.right, decision))
        neighbours[decision.right].append((decision.left, decision))
    start, goal = (left, False), (right, verdict == SAME)
    came: dict[tuple[Key, bool], tuple[tuple[Key, bool], Decision] | None] = {start: None}
    queue = deque([start])
    while queue and goal not in came:
        node, is_apart = state = queue.popleft()
        for other, decision in neighbours[node]:
            reached = (other, is_apart or decision.verdict == DIFFERENT)
            if reached not in came and not (is_apart and decision.verdict == DIFFERENT):
                came[reached] = (state, decision)
                queue.append(reached)
    chain: list[Decision] = []
    step = came.get(goal)
    while step is not None:
        chain.append(step[1])
        step = came[step[0]]
    return chain[::-1]


def in_force(decisions: pa.Table, live: Collection[Key]) -> pa.Table:
    """What the decisions that were not revoked say of the cards there are: DECISIONS, one row a pair of live cards.

    A card that went still speaks: a same b and b same c keep a and c together while b is gone. Of two decisions
    on one pair the newer holds.
    """
    newest: dict[frozenset[Key], dict[str, object]] = {}
    for row in sorted(
        decisions.to_pylist(), key=lambda row: (row["decided_at"], row["decision_id"]), reverse=True
    ):
        pair = frozenset(_ends(row))
        if row["revoked_at"] is None and len(pair) == 2:
            newest.setdefault(pair, row)
    direct = {pair: row for pair, row in newest.items() if all(key in live for key in pair)}
    bridged = [row for pair, row in newest.items() if pair not in direct]
    stand_ins, rows = _stand_ins(bridged, live)
    for row in bridged:
        ends = [key if key in live else stand_ins.get(key) for key in _ends(row)]
        if row["verdict"] == DIFFERENT and None not in ends and ends[0] != ends[1]:
            rows.append(_between(row, ends[0], ends[1]))  # type: ignore[arg-type]
    for row in rows:
        direct.setdefault(frozenset(_ends(row)), row)
    return pa.Table.from_pylist(list(direct.values()), DECISIONS)


def _stand_ins(
    bridged: list[dict[str, object]], live: Collection[Key]
) -> tuple[dict[Key, Key], list[dict[str, object]]]:
    """For each gone card the live one that speaks for it, and the live cards that gone ones hold together."""
    neighbours: dict[Key, list[tuple[Key, dict[str, object]]]] = defaultdict(list)
    for row in bridged:
        if row["verdict"] == SAME:
            a, b = _ends(row)
            neighbours[a].append((b, row))
            neighbours[b].append((a, row))
    stand_ins: dict[Key, Key] = {}
    implied: list[dict[str, object]] = []
    seen: set[Key] = set()
    for start in sorted(key for key in neighbours if key not in live):
        if start in seen:
            continue
        gone = [start]
        held: dict[Key, dict[str, object]] = {}
        seen.add(start)
        for node in gone:
            for other, row in neighbours[node]:
                if other in live:
                    held.setdefault(other, row)
                elif other not in seen:
                    seen.add(other)
                    gone.append(other)
        ends = sorted(held)
        stand_ins |= {key: ends[0] for key in gone if ends}
        implied += [_between(held[b], a, b) for a, b in pairwise(ends)]
    return stand_ins, implied


def _ends(row: dict[str, object]) -> tuple[Key, Key]:
    return (
        (str(row["source_system_l"]), str(row["source_record_id_l"])),
        (str(row["source_system_r"]), str(row["source_record_id_r"])),
    )


def _between(row: dict[str, object], left: Key, right: Key) -> dict[str, object]:
    return row | dict(
        zip(
            ("source_system_l", "source_record_id_l", "source_system_r", "source_record_id_r"),
            (*left, *right),
            strict=True,
        )
    )
