"""From a seed to the four systems' tables and the truth. Nothing here touches a database.

Belongs here: the assembly. Does not belong here: loading (load.py).
"""

from dataclasses import dataclass

import pyarrow as pa

from demo_company.systems import asterisk, odoo, suitecrm, woocommerce
from demo_company.truth import record_entities
from demo_company.world import make_world

SOURCES = ("suitecrm", "odoo", "woocommerce", "asterisk")


@dataclass(frozen=True)
class Generated:
    """`tables`: source → table → rows. `record_entities`: the truth, a row a card."""

    tables: dict[str, dict[str, pa.Table]]
    record_entities: pa.Table


def generate(customers: int = 5000, seed: int = 42, noise: float = 1.0) -> Generated:
    """The same arguments give the same bytes. `noise` scales what goes wrong: 0 nothing, 1 the usual, 2 twice."""
    world = make_world(customers, seed, noise)
    crm, crm_cards = suitecrm.build(world)
    shop, shop_cards = woocommerce.build(world)
    erp, erp_cards = odoo.build(world, woocommerce.order_ids(world).order)
    phone, phone_cards = asterisk.build(world)
    tables = dict(zip(SOURCES, (crm, erp, shop, phone), strict=True))
    return Generated(tables, record_entities(world.people, [crm_cards, *erp_cards, shop_cards, phone_cards]))
