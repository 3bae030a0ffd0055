"""The steward's queue, and two cards side by side.

Belongs here: what a steward looks at before deciding. Does not belong here: which pairs get into the queue
(resolution.py), the evidence between two cards (explain.py) and how it is shown (commands/).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from dagster_project.identity.decisions import Key
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.schema import IDENTITY, INTERMEDIATE

# What is shown of a card, and the comparison of the model that judges it.
ATTRIBUTES = {
    "full_name": None,
    "given_name": "given",
    "middle_name": "patronymic",
    "family_name": "family",
    "gender": None,
    "birth_date": "birth_date",
    "phone": "phone",
    "email": "email",
    "loyalty_card": None,
    "tax_id": None,
    "login": None,
    "messenger": None,
    "street": "address",
    "city": "city",
    "postcode": None,
    "country": None,
    "created_at": None,
    "updated_at": None,
}
# These come from record_identifiers: every value a card has, in its one spelling.
_HELD = ("phone", "email", "loyalty_card", "tax_id", "login", "messenger")


@dataclass(frozen=True)
class Waiting:
    """A row of identity.review_queue, with the names on the cards."""

    left: Key
    right: Key
    left_name: str | None
    right_name: str | None
    reason: str
    match_probability: float | None
    gain: float


@dataclass(frozen=True)
class Card:
    """A card as its source has it: attribute → value, those it lacks left out."""

    key: Key
    customer_id: str | None
    cards_of_customer: int
    values: dict[str, str]


def waiting(warehouse: Warehouse, limit: int) -> tuple[list[Waiting], int]:
    """The next pairs, the most useful first, and how many wait in all. Pairs decided since the last run are left out."""
    with warehouse.begin() as connection:
        rows = connection.execute(
            sa.text(
                f"""
                with open as (
                    select q.* from {IDENTITY}.review_queue q where q.reason = 'contradicting_decisions' or not exists (
                        select from {IDENTITY}.decisions d where d.revoked_at is null
                        and (d.source_system_l, d.source_record_id_l, d.source_system_r, d.source_record_id_r) in (
                            (q.source_system_l, q.source_record_id_l, q.source_system_r, q.source_record_id_r),
                            (q.source_system_r, q.source_record_id_r, q.source_system_l, q.source_record_id_l)))
                )
                select q.*, l.full_name as left_name, r.full_name as right_name, count(*) over () as waiting
                from open q
                left join {INTERMEDIATE}.customer_records l
                    on l.source_system = q.source_system_l and l.source_record_id = q.source_record_id_l
                left join {INTERMEDIATE}.customer_records r
                    on r.source_system = q.source_system_r and r.source_record_id = q.source_record_id_r
                order by q.gain desc, 1, 2, 3, 4 limit :limit
                """
            ),
            {"limit": limit},
        ).all()
    return [
        Waiting(
            (row.source_system_l, row.source_record_id_l),
            (row.source_system_r, row.source_record_id_r),
            *(row.left_name, row.right_name, row.reason, row.match_probability, row.gain),
        )
        for row in rows
    ], rows[0].waiting if rows else 0


def queued_for(warehouse: Warehouse, left: Key, right: Key) -> str | None:
    """Why the pair waits in the queue; None: it does not."""
    with warehouse.begin() as connection:
        return connection.scalar(
            sa.text(
                f"""
                select reason from {IDENTITY}.review_queue
                where (source_system_l, source_record_id_l, source_system_r, source_record_id_r)
                    in ((:sl, :il, :sr, :ir), (:sr, :ir, :sl, :il))
                """
            ),
            dict(zip(("sl", "il", "sr", "ir"), (*left, *right), strict=True)),
        )


def cards(warehouse: Warehouse, keys: Sequence[Key]) -> list[Card]:
    """The cards of `keys`, in that order; one that is gone has no values."""
    plain = [name for name in ATTRIBUTES if name not in _HELD]
    chosen = "(source_system, source_record_id) in :keys"
    values_of = {"keys": list(keys)}

    def query(text: str) -> sa.TextClause:
        return sa.text(text).bindparams(sa.bindparam("keys", expanding=True))

    with warehouse.begin() as connection:
        rows = connection.execute(
            query(
                f"select source_system, source_record_id, {', '.join(plain)}"
                f" from {INTERMEDIATE}.customer_records where {chosen}"
            ),
            values_of,
        ).mappings()
        found = {(row["source_system"], row["source_record_id"]): row for row in rows}
        held: dict[Key, dict[str, str]] = {}
        for row in connection.execute(
            query(
                "select source_system, source_record_id, kind, string_agg(value, ', ' order by is_main desc, value) as text"
                f" from {IDENTITY}.record_identifiers where {chosen} group by 1, 2, 3"
            ),
            values_of,
        ):
            held.setdefault((row.source_system, row.source_record_id), {})[row.kind] = row.text
        customers = {
            (row.source_system, row.source_record_id): row
            for row in connection.execute(
                query(
                    "select source_system, source_record_id, customer_id, (select count(*)"
                    f" from {IDENTITY}.record_customers o where o.customer_id = c.customer_id) as n"
                    f" from {IDENTITY}.record_customers c where {chosen}"
                ),
                values_of,
            )
        }
    result = []
    for key in keys:
        values = dict(found.get(key, {})) | held.get(key, {})
        customer = customers.get(key)
        result.append(
            Card(
                key,
                customer.customer_id if customer else None,
                customer.n if customer else 0,
                {name: _told(values[name]) for name in ATTRIBUTES if values.get(name) not in (None, "")},
            )
        )
    return result


def _told(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
