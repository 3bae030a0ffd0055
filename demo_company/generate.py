"""From a seed to the systems' tables and the truth. Nothing here touches a database.

Belongs here: the assembly. Does not belong here: loading (load.py).
"""

from dataclasses import dataclass

import pyarrow as pa

from dagster_project.errors import C360Error
from demo_company.systems import asterisk, chatwoot, drops, matomo, odoo, suitecrm, woocommerce
from demo_company.truth import record_entities
from demo_company.world import make_world

FEWEST = 50  # below, some kind of card or event would not occur at all
SOURCES = ("suitecrm", "odoo", "woocommerce", "asterisk", "chatwoot", "matomo")


@dataclass(frozen=True)
class Generated:
    """`tables`: source → table → rows of a database, `drops`: of files. `record_entities`: the truth, a row a card."""

    tables: dict[str, dict[str, pa.Table]]
    drops: dict[str, dict[str, pa.Table]]
    record_entities: pa.Table


def generate(customers: int = 5000, seed: int = 42, noise: float = 1.0) -> Generated:
    """The same arguments give the same bytes. `noise` scales what goes wrong: 0 nothing, 1 the usual, 2 twice.

    Raises C360Error for fewer than FEWEST customers or a negative noise.
    """
    if customers < FEWEST or noise < 0:
        raise C360Error(
            f"A demo company of {customers} customers with noise {noise} cannot be made.",
            f"Ask for at least {FEWEST} customers and a noise of 0 or more.",
        )
    world = make_world(customers, seed, noise)
    crm, crm_cards = suitecrm.build(world)
    shop, shop_cards = woocommerce.build(world)
    web_ids = woocommerce.order_ids(world).order
    erp, erp_cards = odoo.build(world, web_ids)
    phone, phone_cards = asterisk.build(world)
    chat, chat_cards = chatwoot.build(world)
    site, site_cards = matomo.build(world)
    dropped, dropped_cards = drops.build(world, web_ids)
    tables = dict(zip(SOURCES, (crm, erp, shop, phone, chat, site), strict=True))
    cards = [crm_cards, *erp_cards, shop_cards, phone_cards, chat_cards, site_cards, *dropped_cards]
    return Generated(tables, dropped, record_entities(world.people, cards))
