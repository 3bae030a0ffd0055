"""The web analytics: visits, their conversions and goods, what was looked at.

Belongs here: Matomo's tables. Does not belong here: who came when (visits.py).
"""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa

from demo_company.arrow import built, table, text
from demo_company.behaviour import amounts
from demo_company.clock import seconds
from demo_company.draws import Ints, Texts, chance, either, texts
from demo_company.names import products
from demo_company.people import NONE
from demo_company.systems.woocommerce import FIRST_USER, order_ids
from demo_company.truth import Evidence, person_entities
from demo_company.world import World

_SITE, _APP = 1, 2
_HOST = "uyut-i-dom.example"
_PAGES = ["/", "/cart", "/checkout", "/account", "/delivery"]
# By campaign number as the shop has them: referer_type, referer_name.
_REFERRERS = [
    (1, None),
    (2, "Yandex"),
    (2, "Google"),
    (6, "uyut-osen"),
    (6, "skidki-nedeli"),
    (3, "dom-forum.example"),
]
_GOAL_ORDER, _GOAL_CART, _GOAL_NEWS = 0, -1, 1


def build(world: World) -> tuple[dict[str, pa.Table], Evidence]:
    rng, visits = world.stream("matomo"), world.visits
    cookie = _ids(rng, visits["browser"].to_numpy())
    of_user = np.array(
        [hashlib.sha1(str(FIRST_USER + u).encode()).digest()[:8] for u in visits["user"]], object
    )
    is_user = visits["user"].to_numpy() != NONE
    # The user's hash takes the place of the browser's number as soon as somebody logs in.
    visitor = np.where(is_user, of_user, cookie)
    number = order_ids(world).order
    tables = {
        "matomo_site": table(
            2, idsite=[_SITE, _APP], name=["Сайт", "Приложение"], type=["website", "mobileapp"]
        ),
        "matomo_log_visit": _visits(world, visitor, rng),
    }
    tables |= _conversions(world, visitor, number, rng)
    tables["matomo_log_link_visit_action"] = _actions(world, visitor, cookie, rng)
    tables["matomo_log_action"] = _dictionary()
    return tables, _evidence(world, visitor, cookie, number)


def _ids(rng: np.random.Generator, browser: Ints) -> np.ndarray:
    # Eight random bytes a browser.
    _, place = np.unique(browser, return_inverse=True)
    drawn = rng.bytes(8 * (place.max() + 1))
    return np.array([drawn[8 * i : 8 * i + 8] for i in place], object)


def _binary(values: np.ndarray) -> pa.Array:
    return pa.array(values.tolist(), pa.binary())


def _visits(world: World, visitor: np.ndarray, rng: np.random.Generator) -> pa.Table:
    visits = world.visits
    count, user, at = len(visits), visits["user"].to_numpy(), visits["at"].to_numpy()
    order = visits["web_order"].to_numpy()
    kind, name = (np.array(column, dtype=object) for column in zip(*_REFERRERS, strict=True))
    place = visits["campaign"].to_numpy()
    return table(
        count,
        idvisit=np.arange(1, count + 1),
        idsite=np.where(visits["is_app"], _APP, _SITE),
        idvisitor=_binary(visitor),
        user_id=either(user == NONE, None, text(FIRST_USER + user)),
        visit_first_action_time=at,
        visit_last_action_time=at + seconds(visits["seconds"].to_numpy()),
        visit_entry_idaction_url=1 + rng.integers(0, len(_PAGES) + len(products()), count),
        visitor_returning=0,
        visitor_count_visits=1,
        visit_goal_buyer=np.where(visits["is_cart"], 2, np.where(order != NONE, 1, 0)),
        visit_total_actions=visits["actions"].to_numpy(),
        visit_total_time=visits["seconds"].to_numpy(),
        referer_type=kind[place].astype(np.int16),
        referer_name=name[place],
        referer_keyword=pa.nulls(count, pa.string()),
        config_device_type=np.where(visits["is_mobile"], 1, 0),
        config_id=_binary(visitor),
        location_ip=pa.array([bytes([203, 0, 113, 0])] * count, pa.binary()),
    )


def _conversions(
    world: World, visitor: np.ndarray, number: Ints, rng: np.random.Generator
) -> dict[str, pa.Table]:
    visits, web, items = world.visits, world.history.web_orders, world.history.web_items
    order = visits["web_order"].to_numpy()
    bought = np.flatnonzero(order != NONE)
    news = np.flatnonzero(chance(rng, len(visits), 0.03))
    row = np.concatenate([bought, news])
    is_news = np.arange(len(row)) >= len(bought)
    is_cart = visits["is_cart"].to_numpy()[row] & ~is_news
    is_order = ~is_cart & ~is_news
    placed = order[row]
    total = (web["goods"] + web["shipping"]).to_numpy()[placed] / 100
    goods = np.bincount(items["order"], weights=items["quantity"], minlength=len(web)).astype(np.int64)
    at = visits["at"].to_numpy()[row] + seconds(visits["seconds"].to_numpy()[row])
    at = np.where(is_news, at, web["at"].to_numpy()[placed])
    conversions = table(
        len(row),
        idvisit=1 + row,
        idsite=_SITE,
        idvisitor=_binary(visitor[row]),
        server_time=at,
        idgoal=np.where(is_news, _GOAL_NEWS, np.where(is_cart, _GOAL_CART, _GOAL_ORDER)),
        buster=np.where(is_order, number[placed], 0),
        idorder=either(is_order, text(number[placed]), None),
        items=pa.array(goods[placed], mask=is_news),
        revenue=np.where(is_news, 0.0, total),
    )
    # The visit of each order; an order that no tracker saw has none.
    visit_of = np.full(len(web), NONE)
    visit_of[order[bought]] = bought
    lines = items[visit_of[items["order"]] != NONE]
    visit, line_order = visit_of[lines["order"]], lines["order"].to_numpy()
    in_cart = visits["is_cart"].to_numpy()[visit]
    tracked = table(
        len(lines),
        idvisit=1 + visit,
        idorder=either(in_cart, "0", text(number[line_order])),
        idaction_sku=_sku_action(lines["product"].to_numpy()),
        idsite=_SITE,
        idvisitor=_binary(visitor[visit]),
        server_time=web["at"].to_numpy()[line_order],
        price=amounts(lines) / lines["quantity"].to_numpy() / 100,
        quantity=lines["quantity"].to_numpy(),
        deleted=0,
    )
    return {"matomo_log_conversion": conversions, "matomo_log_conversion_item": tracked}


def _actions(world: World, visitor: np.ndarray, cookie: np.ndarray, rng: np.random.Generator) -> pa.Table:
    visits = world.visits
    times = visits["actions"].to_numpy()
    visit = np.repeat(np.arange(len(visits)), times)
    step = np.arange(len(visit)) - np.repeat(np.cumsum(times) - times, times)
    length = visits["seconds"].to_numpy()[visit]
    at = visits["at"].to_numpy()[visit] + seconds(length * step // np.maximum(times[visit], 1))
    # What came before the log-in bears the browser's own number.
    before = (step == 0) & visits["has_logged_in"].to_numpy()[visit]
    page = rng.integers(0, len(_PAGES) + len(products()), len(visit))
    whole = pd.DataFrame({"visit": visit, "at": at, "page": page, "before": before})
    whole = whole.sort_values(["at", "visit"], kind="stable", ignore_index=True)
    visit = whole["visit"].to_numpy()
    return table(
        len(whole),
        idlink_va=np.arange(1, len(whole) + 1),
        idsite=np.where(visits["is_app"].to_numpy()[visit], _APP, _SITE),
        idvisitor=_binary(np.where(whole["before"], cookie[visit], visitor[visit])),
        server_time=whole["at"].to_numpy(),
        idvisit=1 + visit,
        idaction_url=1 + whole["page"].to_numpy(),
    )


def _sku_action(product: Ints) -> Ints:
    return 1 + len(_PAGES) + len(products()) + product


def _dictionary() -> pa.Table:
    skus = list(products().sku)
    pages = [_HOST + page for page in _PAGES] + [f"{_HOST}/catalog/{sku}" for sku in skus]
    names = pages + skus
    count = len(names)
    is_page = np.arange(count) < len(pages)
    return table(
        count,
        idaction=np.arange(1, count + 1),
        name=names,
        hash=np.arange(1, count + 1),
        type=np.where(is_page, 1, 5),
        url_prefix=pa.array(np.full(count, 2), mask=~is_page),
    )


def _evidence(world: World, visitor: np.ndarray, cookie: np.ndarray, number: Ints) -> Evidence:
    """A card a visitor who logged in or ordered: the user's hash, or the browser where one user alone did."""
    visits = world.visits
    order = visits["web_order"].to_numpy()
    ordered: Texts = either(
        (order != NONE) & ~visits["is_cart"].to_numpy(),
        built("woocommerce:order:", text(number[order])),
        None,
    )
    user = visits["user"].to_numpy()
    seen = pd.DataFrame({"id": visitor, "person": visits["person"], "user": user, "order": ordered})
    # Before the log-in the same visit showed the browser's number.
    early = np.flatnonzero(visits["has_logged_in"].to_numpy())
    seen = pd.concat([seen, seen.iloc[early].assign(id=cookie[early])], ignore_index=True)
    of = seen.groupby("id")
    users = seen[seen["user"] != NONE].groupby("id")["user"].nunique()
    known = (of["user"].max() != NONE) | of["order"].count().gt(0)
    known &= users.reindex(known.index, fill_value=0) <= 1
    ids = known.index[known.to_numpy()]
    place = pd.Series(np.arange(len(ids)), index=ids)
    kept = seen[seen["id"].isin(ids)]
    card = place[kept["id"]].to_numpy()
    person = of["person"].first()[ids].to_numpy()
    # An order without a log-in, in a browser where somebody logs in, may be another's of the family.
    theirs = of["user"].max()[kept["id"]].to_numpy() == kept["user"].to_numpy()
    # A browser in which several persons were seen is nobody's.
    shared = (of["person"].nunique()[ids] > 1).to_numpy()
    account = either(
        kept["user"].to_numpy() == NONE,
        None,
        built("woocommerce:user:", text(FIRST_USER + kept["user"].to_numpy())),
    )
    return Evidence(
        source="matomo",
        record_id=texts(["visitor:" + value.hex() for value in ids]),
        entity=person_entities(person),
        person=person,
        is_live=~shared,
        cards=None,
        identifiers=[(card, "account", account), (card, "account", either(theirs, texts(kept["order"].tolist()), None))],
    )  # fmt: skip
