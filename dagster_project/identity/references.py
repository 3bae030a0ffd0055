"""What a steward calls a customer: a record, a customer ID, a phone or an e-mail.

Belongs here: from the words of a command to records. Does not belong here: what is then done with them.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dagster_project.errors import IdentityError, WarehouseError
from dagster_project.identity.company import UNNAMED, Company
from dagster_project.identity.decisions import Key
from dagster_project.identity.identifiers import readings
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.schema import IDENTITY, INTERMEDIATE

HOW = "A record is written source_system/source_record_id, as odoo/partner:12."


@dataclass(frozen=True)
class Named:
    """Who was meant. records: the oldest first; customer_id: None for a card that is gone or not linked yet."""

    asked: str
    kind: str
    records: tuple[Key, ...]
    customer_id: str | None

    @property
    def record(self) -> Key:
        """The one record that stands for all: the oldest."""
        return self.records[0]


def find(warehouse: Warehouse, asked: str, company: Company = UNNAMED) -> Named:
    """The records that `asked` names. Raises IdentityError where there is none, or where several customers fit."""
    asked = asked.strip()
    with warehouse.begin() as connection:
        if (
            connection.scalar(
                sa.text("select to_regclass(:table)"), {"table": f"{INTERMEDIATE}.customer_records"}
            )
            is None
        ):
            raise WarehouseError("No cards were linked yet.", "Run `c360 refresh`.")
        if "/" in asked:
            return _record(connection, asked)
        if "@" in asked:
            return _identifier(connection, "email", asked, company)
        if any(map(str.isdigit, asked)) and not any(map(str.isalpha, asked)):
            return _identifier(connection, "phone", asked, company)
        return _customer(connection, asked)


def _record(connection: sa.Connection, asked: str) -> Named:
    system, _, record = asked.partition("/")
    row = connection.execute(
        sa.text(
            f"""
            select max(customer_id) as customer_id from (
                select customer_id, source_system, source_record_id from {IDENTITY}.record_customers
                union all select null, source_system, source_record_id from {IDENTITY}.departed_records
                union all select null, source_system, source_record_id from {INTERMEDIATE}.customer_records
            ) known where source_system = :system and source_record_id = :record having count(*) > 0
            """
        ),
        {"system": system, "record": record},
    ).one_or_none()
    if row is None:
        systems = connection.scalars(
            sa.text(f"select distinct source_system from {INTERMEDIATE}.customer_records order by 1")
        ).all()
        known = "" if system in systems else f" Its source may be {', '.join(systems)}."
        raise IdentityError(f"No record is called {asked}.", f"{HOW}{known}")
    return Named(asked, "record", ((system, record),), row.customer_id)


def _customer(connection: sa.Connection, asked: str) -> Named:
    found = connection.execute(
        sa.text(
            f"select coalesce(surviving_customer_id, customer_id) as customer_id from {IDENTITY}.customers"
            " where customer_id = :asked"
        ),
        {"asked": asked},
    ).one_or_none()
    if found is None:
        raise IdentityError(f"No customer or record is called {asked!r}.", HOW)
    records = _oldest_first(connection, "customer_id = :value", {"value": found.customer_id})
    if not records:
        raise IdentityError(f"Customer {asked} has no cards any more.", "Name a customer that lives.")
    return Named(asked, "customer", tuple(records), found.customer_id)


def _identifier(connection: sa.Connection, kind: str, asked: str, company: Company) -> Named:
    values = readings(kind, asked, company.regions)
    holders = connection.scalars(
        sa.text(
            f"select distinct customer_id from {IDENTITY}.record_customers"
            f" join {IDENTITY}.record_identifiers using (source_system, source_record_id)"
            " where kind = :kind and value = any(:values) order by 1"
        ),
        {"kind": kind, "values": values},
    ).all()
    if not holders:
        raise IdentityError(f"No card has the {kind} {asked}.", HOW)
    if len(holders) > 1:
        shown = ", ".join(holders[:5]) + (" …" if len(holders) > 5 else "")
        raise IdentityError(
            f"{len(holders)} customers have the {kind} {asked}: {shown}.", "Name one of them, or a record."
        )
    records = _oldest_first(
        connection,
        "(source_system, source_record_id) in (select source_system, source_record_id"
        f" from {IDENTITY}.record_identifiers where kind = :kind and value = any(:values))",
        {"kind": kind, "values": values},
    )
    return Named(asked, kind, tuple(records), holders[0])


def _oldest_first(connection: sa.Connection, condition: str, values: dict[str, Any]) -> list[Key]:
    rows = connection.execute(
        sa.text(
            f"select source_system, source_record_id from {IDENTITY}.record_customers"
            f" left join {INTERMEDIATE}.customer_records using (source_system, source_record_id)"
            f" where {condition} order by created_at nulls last, source_system, source_record_id"
        ),
        values,
    )
    return [(row.source_system, row.source_record_id) for row in rows]
