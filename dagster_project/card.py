"""The customer card: found by phone, e-mail or customer ID, as an operator's desk asks for it.

Belongs here: the look-up. Does not belong here: what stands on the card (dbt_project/models/marts) and how an
identifier is spelt (identity).
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from dagster_project.errors import WarehouseError
from dagster_project.identity import readings
from dagster_project.warehouse import Warehouse

ORDER = [
    "customer_id",
    "name",
    "is_company",
    "birth_date",
    "phone",
    "email",
    "city",
    "lifecycle_stage",
    "first_channel",
    "first_seen_at",
    "last_seen_at",
    "source_systems",
    "identity_confidence",
    "identifiers",
    "loyalty",
    "orders",
    "open_cases",
    "journey",
    "contacts",
    "notes",
    "data_as_of",
]

LOOK_UP = """
with asked as (
    select coalesce(r.surviving_id, :who) as customer_id
    from (select 1) one left join marts.customer_id_redirect r on r.retired_id = :who
    union
    select customer_id from marts.bridge_customer_identifier where kind = :kind and value = any(:values)
)
select c.card, c.data_as_of
from marts.customer_card c join asked using (customer_id)
order by c.customer_id
"""


def find_cards(warehouse: Warehouse, who: str, regions: Sequence[str]) -> list[dict[str, Any]]:
    """The cards of every customer that `who` names: an ID (a retired one too), a phone or an e-mail.

    regions: where a phone without a country code may be from. Raises WarehouseError where no marts were published yet.
    """
    who = who.strip()
    kind = _kind(who)
    # What cannot be read stands in the bridge as written, in lower case.
    values = readings(kind, who, regions) if kind else []
    with warehouse.begin() as connection:
        if connection.scalar(sa.text("select to_regclass('marts.customer_card')")) is None:
            raise WarehouseError("There are no customer cards yet.", "Run `c360 refresh`.")
        rows = connection.execute(sa.text(LOOK_UP), {"who": who, "kind": kind, "values": values})
        return [_in_order({**row.card, "data_as_of": row.data_as_of}) for row in rows]


def _in_order(card: dict[str, Any]) -> dict[str, Any]:
    """The card as a person reads it; jsonb keeps no order. What ORDER does not know comes last."""
    return {
        name: card[name] for name in sorted(card, key=lambda name: ORDER.index(name) if name in ORDER else 99)
    }


def _kind(who: str) -> str | None:
    """`email`, `phone`, or None: an ID."""
    if "@" in who:
        return "email"
    is_number = any(map(str.isdigit, who)) and not any(map(str.isalpha, who))
    return "phone" if is_number else None
