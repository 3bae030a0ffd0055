"""The company lives on: day after day in every system's database, and the truth follows.

Belongs here: connections, new people, the truth. Does not belong here: what happens in a day (days.py,
deliveries.py).
A day's script runs in one transaction a database, and all are committed together at its end.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from dagster_project.config import load_settings
from dagster_project.errors import C360Error
from dagster_project.warehouse import Warehouse
from demo_company import load
from demo_company.clock import DAY
from demo_company.days import DAYS, PRELUDE
from demo_company.deliveries import deliver
from demo_company.generate import FEWEST, generate

# Where two cards of a person may be merged: source → the prefix of its cards that can.
MERGED = {"odoo": "partner:", "suitecrm": "contact:", "chatwoot": "contact:"}
ONE_MERGE_IN = 400  # cards a day
ONE_NEWCOMER_IN = 150  # customers a day
# What one system's day tells another's: table → its columns.
TOLD = {"web_orders": "old bigint, new bigint, at timestamp", "finished": "id bigint, at timestamp"}

Changes = dict[str, Sequence[tuple[Any, ...]]]


@dataclass
class Advance:
    """What was done: the company's today, new people, rows in files, and cards by source and what became of them."""

    days: int
    today: str
    newcomers: int = 0
    file_rows: int = 0
    cards: dict[str, dict[str, int]] = field(default_factory=dict)

    def total(self, what: str) -> int:
        return sum(counts[what] for counts in self.cards.values())


def advance(warehouse: Warehouse, days: int, folder: Path | None = None) -> Advance:
    """Lets `days` pass. The same company and the same days give the same rows.

    `folder` is where files are dropped (unset: the settings').
    Raises C360Error where there is no company or no day, WarehouseError without an administrator.
    """
    warehouse.admin_engine()
    if days < 1:
        raise C360Error(f"{days} days cannot pass.", "Ask for one or more.")
    if not load.exists(warehouse):
        raise C360Error("There is no demo company.", "`c360 demo create` builds it.")
    done = Advance(days, "")
    for _ in range(days):
        _day(warehouse, done, folder or load_settings().demo_files)
    return done


def _day(warehouse: Warehouse, done: Advance, folder: Path) -> None:
    known = load.parameters(warehouse)
    begun, number = known["as_of"], int(known.get("days", "0")) + 1
    done.today = str(np.datetime64(begun, "s") + DAY)
    settings = {"seed": known["seed"], "day": str(number), "begun": begun}
    with ExitStack() as stack:
        # All commit when the block ends well: the truth first, so that no card is ever without one.
        databases = {source: stack.enter_context(_open(warehouse, source, settings)) for source in DAYS}
        truth = stack.enter_context(_owner(warehouse))
        told: Changes = {}
        for source, connection in databases.items():
            for table, rows in {"merges": _merges(truth, source, settings), **told}.items():
                _tell(connection, table, rows)
            for statement in DAYS[source]:
                connection.exec_driver_sql(statement)
            if source == "woocommerce":
                told = {
                    table: connection.exec_driver_sql(f"select * from {table}").tuples().all()
                    for table in TOLD
                }
            counts = _follow(truth, source, connection)
            for what, count in counts.items():
                so_far = done.cards.setdefault(source, {})
                so_far[what] = so_far.get(what, 0) + count
        done.newcomers += _newcomers(databases, truth, int(known["customers"]), settings)
        _set(truth, {"as_of": done.today, "days": str(number)})
    done.file_rows += deliver(folder, known["seed"], str(number), dt.date.fromisoformat(done.today[:10]))


@contextmanager
def _open(warehouse: Warehouse, source: str, settings: dict[str, str]) -> Iterator[sa.Connection]:
    """A transaction on a source's database in which a day's script can run; committed in the end."""
    engine = sa.create_engine(load.source_url(warehouse, source), poolclass=sa.NullPool)
    with engine.begin() as connection:
        for name, value in settings.items():
            connection.execute(
                sa.text("select set_config(:name, :value, true)"), {"name": f"demo.{name}", "value": value}
            )
        connection.exec_driver_sql(PRELUDE)
        yield connection


@contextmanager
def _owner(warehouse: Warehouse) -> Iterator[sa.Connection]:
    url = warehouse.admin_engine().url.set(username=load.LOGIN)
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        yield connection


def _tell(connection: sa.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    columns = TOLD.get(table, "loser text, winner text")
    connection.exec_driver_sql(f"create temp table {table} ({columns}) on commit drop")
    if rows:
        places = ", ".join(["%s"] * len(rows[0]))
        connection.exec_driver_sql(f"insert into {table} values ({places})", [tuple(row) for row in rows])


def _merges(truth: sa.Connection, source: str, settings: dict[str, str]) -> list[tuple]:
    """Pairs (loser, winner) of cards of one person, that somebody finds out about today."""
    if source not in MERGED:
        return []
    found = truth.execute(
        sa.text(
            f"""
            with cards as (
                select entity_id, substring(source_record_id from position(':' in source_record_id) + 1) as id,
                    count(*) over (partition by entity_id) as of_one,
                    row_number() over (partition by entity_id order by length(source_record_id), source_record_id) as place
                from {load.TRUTH}.record_entities
                where source_system = :source and source_record_id like :prefix || '%' and is_linkable
                and entity_id like '%person:%'
            )
            select loser.id, winner.id from cards loser join cards winner using (entity_id)
            where loser.place = loser.of_one and winner.place = 1 and loser.of_one > 1
            order by md5(concat_ws('/', cast(:seed as text), cast(:day as text), entity_id)), 1
            limit (select 1 + count(*) / {ONE_MERGE_IN} from cards)
            """
        ),
        {"source": source, "prefix": MERGED[source], "seed": settings["seed"], "day": settings["day"]},
    )
    return [tuple(row) for row in found]


def _follow(truth: sa.Connection, source: str, connection: sa.Connection) -> dict[str, int]:
    """The truth after what a script did to cards: counts by what became of them."""
    statements = {
        "copies": (
            "card_copies",
            "insert into {truth} select source_system, :new, entity_id, is_linkable from {truth} "
            "where source_system = :source and source_record_id = :old",
        ),
        "gone": (
            "cards_gone",
            "delete from {truth} where source_system = :source and source_record_id = :id",
        ),
        "dead": (
            "cards_dead",
            "update {truth} set is_linkable = false where source_system = :source and source_record_id = :id",
        ),
    }
    counts = {}
    for what, (table, statement) in statements.items():
        rows = [dict(row) for row in connection.exec_driver_sql(f"select * from {table}").mappings()]
        counts[what] = 0
        if rows:
            done = truth.execute(
                sa.text(statement.format(truth=f"{load.TRUTH}.record_entities")),
                [row | {"source": source} for row in rows],
            )
            counts[what] = done.rowcount
    return counts


def _newcomers(
    databases: dict[str, sa.Connection], truth: sa.Connection, customers: int, settings: dict[str, str]
) -> int:
    """People whom nobody knew yesterday: each gets a card at the till and one at the call centre. How many."""
    day, wanted = settings["day"], 1 + customers // ONE_NEWCOMER_IN
    world = generate(max(FEWEST, 40 * wanted), seed=int(settings["seed"]) * 100_003 + int(day))
    odoo, crm = databases["odoo"], databases["suitecrm"]
    last: int = odoo.exec_driver_sql("select max(id) from res_partner").scalar_one()
    agent: str = crm.exec_driver_sql("select min(id) from users").scalar_one()
    found = _in_both(world.tables, world.record_entities)[:wanted]
    for place, (entity, partner, contact) in enumerate(found, 1):
        at: Any = odoo.execute(sa.text("select pg_temp.at('newcomer', :key)"), {"key": entity}).scalar_one()
        new_contact: str = crm.execute(sa.text("select pg_temp.uid(:key)"), {"key": entity}).scalar_one()
        _insert(odoo, "res_partner", partner | {"id": last + place, "create_date": at, "write_date": at})
        staff = {"assigned_user_id": agent, "created_by": agent, "campaign_id": None}
        times = {"date_entered": at, "date_modified": at}
        _insert(crm, "contacts", contact | {"id": new_contact} | staff | times)
        truth.execute(
            sa.text(f"insert into {load.TRUTH}.record_entities values (:source, :id, :entity, true)"),
            [
                {"source": "odoo", "id": f"partner:{last + place}", "entity": f"day{day}:{entity}"},
                {"source": "suitecrm", "id": f"contact:{new_contact}", "entity": f"day{day}:{entity}"},
            ],
        )
    return len(found)


def _in_both(
    tables: dict[str, dict[str, pa.Table]], record_entities: pa.Table
) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Entity, partner and contact of those whose two cards show one phone, so that a linker can know them."""
    entity_of = {
        (card["source_system"], card["source_record_id"]): card["entity_id"]
        for card in record_entities.filter(pc.field("is_linkable")).to_pylist()
    }
    partners = {
        entity_of.get(("odoo", f"partner:{row['id']}")): row
        for row in tables["odoo"]["res_partner"].to_pylist()
        if row["parent_id"] is None and row["active"]
    }
    found: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {}
    for contact in tables["suitecrm"]["contacts"].to_pylist():
        entity = entity_of.get(("suitecrm", f"contact:{contact['id']}"))
        partner = partners.get(entity)
        if entity and partner and _digits(partner["phone"]) == _digits(contact["phone_mobile"]) != "":
            # Who is twice in the CRM comes once.
            found.setdefault(entity, (entity, partner, contact))
    return list(found.values())


def _digits(phone: str | None) -> str:
    return "".join(filter(str.isdigit, phone or ""))[-10:]


def _insert(connection: sa.Connection, table: str, row: dict[str, Any]) -> None:
    columns, values = ", ".join(row), ", ".join(f":{column}" for column in row)
    connection.execute(sa.text(f"insert into {table} ({columns}) values ({values})"), row)


def _set(truth: sa.Connection, parameters: dict[str, str]) -> None:
    for key, value in parameters.items():
        truth.execute(sa.text(f"delete from {load.TRUTH}.parameters where key = :key"), {"key": key})
        truth.execute(
            sa.text(f"insert into {load.TRUTH}.parameters values (:key, :value)"),
            {"key": key, "value": value},
        )
