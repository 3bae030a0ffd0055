"""The shop: accounts, guest orders, carts, refunds.

Belongs here: WooCommerce's tables. Does not belong here: the ERP's copy of the orders (odoo.py).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo_company import behaviour as b
from demo_company import company
from demo_company.arrow import built, money, money_text, padded, rows, table, text, uuids
from demo_company.cards import SHOP, Cards, in_one_field, write
from demo_company.clock import NOW
from demo_company.draws import Ints, Texts, choose, either, texts
from demo_company.names import products
from demo_company.people import NONE
from demo_company.systems.odoo import loyalty_codes
from demo_company.truth import Evidence, person_entities
from demo_company.world import World

FIRST_ORDER, FIRST_USER, FIRST_CUSTOMER, FIRST_PRODUCT = 10_001, 101, 1, 501
_STATUS = ["wc-checkout-draft", "wc-pending", "wc-processing", "wc-on-hold", "wc-completed", "wc-cancelled"]
_STATUS += ["wc-refunded", "wc-failed", "trash"]
_CAMPAIGNS = [  # source type, source, medium, campaign, referrer
    ("typein", "(direct)", None, None, None),
    ("organic", "yandex", "organic", None, "https://yandex.ru/"),
    ("organic", "google", "organic", None, "https://www.google.com/"),
    ("utm", "vk", "cpc", "uyut-osen", "https://vk.com/"),
    ("utm", "newsletter", "email", "skidki-nedeli", None),
    ("referral", "dom-forum.example", "referral", None, "https://dom-forum.example/"),
]
_AGENTS = {
    "Mobile": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36",
    "Desktop": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Tablet": "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
}


@dataclass(frozen=True)
class _Ids:
    order: Ints
    refund: Ints
    refunded: Ints  # the web order of each refund
    refund_at: np.ndarray


def order_ids(world: World) -> _Ids:
    """The shop's numbers of web orders and refunds: one sequence by time."""
    web, refunds = world.history.web_orders, world.history.web_refunds
    first = refunds.drop_duplicates("order")
    at = np.concatenate([web["at"].to_numpy(), first["at"].to_numpy()])
    number = np.empty(len(at), dtype=np.int64)
    number[np.argsort(at, kind="stable")] = FIRST_ORDER + np.arange(len(at))
    return _Ids(number[: len(web)], number[len(web) :], first["order"].to_numpy(), first["at"].to_numpy())


def build(world: World) -> tuple[dict[str, pa.Table], Evidence]:
    rng = world.stream("woocommerce")
    ids = order_ids(world)
    profile, billing, first_name, last_name = _written(world)
    web = world.history.web_orders
    user_ids = FIRST_USER + np.arange(len(profile))
    device = choose(rng, list(_AGENTS), len(web), [0.62, 0.33, 0.05])
    tables = _orders(world, ids, billing, user_ids, device, rng)
    tables |= _addresses(ids, billing, first_name, last_name, web)
    tables["wp_wc_orders_meta"] = _meta(world, ids, device, rng)
    tables |= _items(world, ids)
    tables["wp_wc_customer_lookup"] = _lookup(world, profile, billing, first_name, last_name, user_ids)
    return tables, _evidence(world, ids, profile, billing, user_ids)


def _written(world: World) -> tuple[Cards, Cards, Texts, Texts]:
    """Profiles of the accounts, billing data of the orders, and both orders' name columns.

    The browser fills most forms as the last time: a guest's orders and an account's orders repeat one text.
    """
    rng, people, web = world.stream("shop forms"), world.people, world.history.web_orders
    presence = world.presence
    profile = write(people, presence.user_person, presence.user_at, SHOP, rng, world.noise)
    guests, guest_of = np.unique(web["person"].to_numpy(), return_inverse=True)
    at = web["at"].to_numpy()
    first_at = np.full(len(guests), NOW)
    np.minimum.at(first_at, guest_of, at)
    remembered = write(people, guests, first_at, SHOP, rng, world.noise).take(guest_of)
    fresh = write(people, web["person"].to_numpy(), at, SHOP, rng, world.noise)
    user = web["user"].to_numpy()
    is_user = user != NONE
    typed_anew = rng.random(len(web)) < np.where(is_user, 0.05, 0.5)
    stored = profile.take(np.maximum(user, 0)).where(is_user, remembered) if len(profile) else remembered
    billing = fresh.where(typed_anew, stored)
    first_name, last_name = in_one_field(billing, rng, world.noise, SHOP.one_field)
    return profile, billing, first_name, last_name


def _orders(
    world: World, ids: _Ids, billing: Cards, user_ids: Ints, device: Texts, rng: np.random.Generator
) -> dict[str, pa.Table]:
    web, items, refunds = world.history.web_orders, world.history.web_items, world.history.web_refunds
    count, refund_count = len(web), len(ids.refund)
    goods = web["goods"].to_numpy()
    tax = np.bincount(items["order"], weights=b.tax_in(b.amounts(items)), minlength=count).astype(np.int64)
    updated = web["updated_at"].to_numpy().copy()
    updated[ids.refunded] = np.maximum(updated[ids.refunded], ids.refund_at)
    user = web["user"].to_numpy()
    status = np.array(_STATUS, dtype=object)[web["status"]]
    is_cart = web["status"].to_numpy() == b.CART
    prepaid = web["payment"].to_numpy() == 0
    paid = ~np.isnat(web["paid_at"].to_numpy()) & prepaid
    customer = user_ids[np.maximum(user, 0)] if len(user_ids) else np.zeros(count, dtype=np.int64)
    address = text(rng.integers(1, 255, count))
    orders = table(
        count,
        id=ids.order,
        status=status,
        currency="RUB",
        type="shop_order",
        tax_amount=money(tax),
        total_amount=money(goods + web["shipping"].to_numpy()),
        customer_id=np.where(user == NONE, 0, customer),
        billing_email=billing.email,
        date_created_gmt=web["at"].to_numpy(),
        date_updated_gmt=updated,
        parent_order_id=0,
        payment_method=either(is_cart, None, either(prepaid, "yookassa", "cod")),
        payment_method_title=either(
            is_cart, None, either(prepaid, "Банковская карта онлайн", "При получении")
        ),
        transaction_id=either(paid, uuids(rng, count), None),
        ip_address=built("203.0.113.", address),
        user_agent=texts([_AGENTS[d] for d in device]),
        customer_note=either(rng.random(count) < 0.04, "Позвоните, пожалуйста, перед доставкой", None),
    )
    line_tax = b.tax_in(refunds["amount"].to_numpy())
    place = np.full(count, NONE)
    place[ids.refunded] = np.arange(refund_count)
    back = place[refunds["order"]]
    refund_total = np.bincount(back, weights=refunds["amount"], minlength=refund_count).astype(np.int64)
    refund_tax = np.bincount(back, weights=line_tax, minlength=refund_count).astype(np.int64)
    reasons = ["Не подошёл размер", "Брак", "Передумал", "Доставили не то"]
    returned = table(
        refund_count,
        id=ids.refund,
        status="wc-completed",
        currency="RUB",
        type="shop_order_refund",
        tax_amount=money(-refund_tax),
        total_amount=money(-refund_total),
        customer_id=0,
        billing_email=pa.nulls(refund_count, pa.string()),
        date_created_gmt=ids.refund_at,
        date_updated_gmt=ids.refund_at,
        parent_order_id=ids.order[ids.refunded],
        payment_method=pa.nulls(refund_count, pa.string()),
        payment_method_title=pa.nulls(refund_count, pa.string()),
        transaction_id=pa.nulls(refund_count, pa.string()),
        ip_address=pa.nulls(refund_count, pa.string()),
        user_agent=pa.nulls(refund_count, pa.string()),
        customer_note=choose(rng, reasons, refund_count),
    )
    operational = table(
        count,
        id=np.arange(1, count + 1),
        order_id=ids.order,
        created_via="store-api",
        woocommerce_version="9.1.4",
        prices_include_tax=1,
        coupon_usages_are_counted=1,
        order_key=built("wc_order_", text(uuids(rng, count))),
        cart_hash=uuids(rng, count),
        new_order_email_sent=(~is_cart).astype(np.int16),
        order_stock_reduced=np.isin(web["status"], [b.PROCESSING, b.COMPLETED]).astype(np.int16),
        date_paid_gmt=web["paid_at"].to_numpy(),
        date_completed_gmt=web["done_at"].to_numpy(),
        shipping_tax_amount=money(np.zeros(count)),
        shipping_total_amount=money(web["shipping"].to_numpy()),
        discount_tax_amount=money(np.zeros(count)),
        discount_total_amount=money(_discounts(world)),
    )
    return {"wp_wc_orders": pa.concat_tables([orders, returned]), "wp_wc_order_operational_data": operational}


def _discounts(world: World) -> Ints:
    items = world.history.web_items
    off = (items["price"] * items["quantity"]).to_numpy() - b.amounts(items)
    return np.bincount(items["order"], weights=off, minlength=len(world.history.web_orders)).astype(np.int64)


def _addresses(ids: _Ids, billing: Cards, first_name: Texts, last_name: Texts, web) -> dict[str, pa.Table]:
    count = len(billing)
    is_pickup = web["is_pickup"].to_numpy()
    common = {
        "order_id": ids.order,
        "first_name": first_name,
        "last_name": last_name,
        "company": pa.nulls(count, pa.string()),
        "address_1": either(is_pickup, None, billing.street),
        "address_2": pa.nulls(count, pa.string()),
        "city": billing.city,
        "state": either(is_pickup, None, billing.region),
        "postcode": either(is_pickup, None, billing.postcode),
        "country": "RU",
    }
    bill = table(
        count, id=2 * ids.order, address_type="billing", **common, email=billing.email, phone=billing.phone
    )
    empty = pa.nulls(count, pa.string())
    ship = table(count, id=2 * ids.order + 1, address_type="shipping", **common, email=empty, phone=empty)
    return {"wp_wc_order_addresses": pa.concat_tables([bill, rows(ship, ~is_pickup)])}


def _meta(world: World, ids: _Ids, device: Texts, rng: np.random.Generator) -> pa.Table:
    web = world.history.web_orders
    count = len(web)
    campaign = np.array(_CAMPAIGNS, dtype=object)[web["campaign"]]
    placed = web["status"].to_numpy() != b.CART
    began = pc.strftime(
        pa.array(web["at"].to_numpy() - rng.integers(60, 3600, count).astype("timedelta64[s]")),
        "%Y-%m-%d %H:%M:%S",
    )
    store = np.array([*company.STORES, None], dtype=object)[web["store"]]
    keys: dict[str, pa.Array | Texts] = {
        "_wc_order_attribution_source_type": campaign[:, 0],
        "_wc_order_attribution_utm_source": campaign[:, 1],
        "_wc_order_attribution_utm_medium": campaign[:, 2],
        "_wc_order_attribution_utm_campaign": campaign[:, 3],
        "_wc_order_attribution_referrer": campaign[:, 4],
        "_wc_order_attribution_session_start_time": began,
        "_wc_order_attribution_session_pages": text(rng.integers(1, 30, count)),
        "_wc_order_attribution_session_count": text(rng.integers(1, 8, count)),
        "_wc_order_attribution_device_type": device,
        "_pickup_location": store,
        "_loyalty_card": _shown_cards(world),
    }
    parts = []
    for key, value in keys.items():
        part = table(count, order_id=ids.order, meta_key=key, meta_value=value)
        # Carts have no attribution yet, but remember where they will be picked up.
        wanted = placed | np.array(key == "_pickup_location")
        parts.append(rows(part, wanted & np.asarray(part["meta_value"].is_valid())))
    whole = pa.concat_tables(parts).sort_by("order_id")
    return whole.add_column(0, "id", pa.array(np.arange(1, len(whole) + 1)))


def _shown_cards(world: World) -> Texts:
    partner = world.history.web_orders["loyalty_partner"].to_numpy()
    return either(partner == NONE, None, loyalty_codes(world)[partner])


def _items(world: World, ids: _Ids) -> dict[str, pa.Table]:
    web, items, refunds = world.history.web_orders, world.history.web_items, world.history.web_refunds
    listed = products()
    names, skus = texts(list(listed.name)), texts(list(listed.sku))
    lines, shipped = len(items), np.flatnonzero(web["status"].to_numpy() != b.CART)
    coupons = np.flatnonzero(_discounts(world))
    item_id = 1 + np.arange(lines)
    ship_id = 1 + lines + np.arange(len(shipped))
    coupon_id = 1 + lines + len(shipped) + np.arange(len(coupons))
    refund_id = 1 + lines + len(shipped) + len(coupons) + np.arange(len(refunds))
    refund_of = np.zeros(len(web), dtype=np.int64)
    refund_of[ids.refunded] = ids.refund
    is_pickup = web["is_pickup"].to_numpy()[shipped]
    order_items = pa.concat_tables(
        [
            _item_rows(item_id, names[items["product"]], "line_item", ids.order[items["order"]]),
            _item_rows(
                ship_id,
                either(is_pickup, "Самовывоз", "Курьер"),
                "shipping",
                ids.order[shipped],
            ),
            _item_rows(coupon_id, texts(["UYUT"] * len(coupons)), "coupon", ids.order[coupons]),
            _item_rows(refund_id, names[refunds["product"]], "line_item", refund_of[refunds["order"]]),
        ]
    )
    gross = (items["price"] * items["quantity"]).to_numpy()
    meta = _line_meta(item_id, items["product"], skus, items["quantity"], gross, b.amounts(items))
    meta.append(_meta_rows(ship_id, "method_id", either(is_pickup, "local_pickup", "flat_rate")))
    meta.append(_meta_rows(ship_id, "cost", money_text(web["shipping"].to_numpy()[shipped])))
    meta.append(_meta_rows(coupon_id, "discount_amount", money_text(_discounts(world)[coupons])))
    back = refunds["amount"].to_numpy()
    meta += _line_meta(refund_id, refunds["product"], skus, -refunds["quantity"], -back, -back)
    meta.append(_meta_rows(refund_id, "_refunded_item_id", text(item_id[refunds["item"]])))
    whole = pa.concat_tables(meta).sort_by("order_item_id")
    whole = whole.add_column(0, "meta_id", pa.array(np.arange(1, len(whole) + 1)))
    return {"wp_woocommerce_order_items": order_items, "wp_woocommerce_order_itemmeta": whole}


def _item_rows(item_id: Ints, name: Texts, kind: str, order_id: Ints) -> pa.Table:
    return table(
        len(item_id), order_item_id=item_id, order_item_name=name, order_item_type=kind, order_id=order_id
    )


def _meta_rows(item_id: Ints, key: str, value: pa.Array | Texts) -> pa.Table:
    return table(len(item_id), order_item_id=item_id, meta_key=key, meta_value=value)


def _line_meta(item_id: Ints, product, skus: Texts, quantity, gross: Ints, amount: Ints) -> list[pa.Table]:
    """A line's meta; _line_subtotal and _line_total are without tax, as WooCommerce keeps them."""
    tax = b.tax_in(amount)
    return [
        _meta_rows(item_id, "_product_id", text(FIRST_PRODUCT + product.to_numpy())),
        _meta_rows(item_id, "_sku", skus[product]),
        _meta_rows(item_id, "_qty", text(quantity.to_numpy())),
        _meta_rows(item_id, "_line_subtotal", money_text(gross - b.tax_in(gross))),
        _meta_rows(item_id, "_line_total", money_text(amount - tax)),
        _meta_rows(item_id, "_line_tax", money_text(tax)),
    ]


def _lookup(
    world: World, profile: Cards, billing: Cards, first_name: Texts, last_name: Texts, user_ids: Ints
) -> pa.Table:
    """Accounts, and guests by the e-mail of their last order."""
    rng, presence, web = world.stream("shop lookup"), world.presence, world.history.web_orders
    user = web["user"].to_numpy()
    active = presence.user_at.copy()
    np.maximum.at(active, user[user != NONE], web["at"].to_numpy()[user != NONE])
    first, last = in_one_field(profile, rng, world.noise, SHOP.one_field)
    accounts = table(
        len(profile),
        customer_id=FIRST_CUSTOMER + np.arange(len(profile)),
        user_id=user_ids,
        username=built("user", padded(user_ids, 6)),
        first_name=first,
        last_name=last,
        email=profile.email,
        date_last_active=active,
        date_registered=presence.user_at,
        country="RU",
        postcode=profile.postcode,
        city=profile.city,
        state=profile.region,
    )
    is_guest = (user == NONE) & (web["status"].to_numpy() != b.CART)
    orders = np.flatnonzero(is_guest)[::-1]
    last_of = orders[np.sort(np.unique(billing.email[orders].astype(str), return_index=True)[1])][::-1]
    guest = billing.take(last_of)
    guests = table(
        len(last_of),
        customer_id=FIRST_CUSTOMER + len(profile) + np.arange(len(last_of)),
        user_id=pa.nulls(len(last_of), pa.int64()),
        username=pa.nulls(len(last_of), pa.string()),
        first_name=first_name[last_of],
        last_name=last_name[last_of],
        email=guest.email,
        date_last_active=web["at"].to_numpy()[last_of],
        date_registered=np.full(len(last_of), b.NEVER),
        country="RU",
        postcode=guest.postcode,
        city=guest.city,
        state=guest.region,
    )
    return pa.concat_tables([accounts, guests])


def _evidence(world: World, ids: _Ids, profile: Cards, billing: Cards, user_ids: Ints) -> Evidence:
    """Cards: accounts, then guest orders. A pick-up order has no street; an account has its orders' data."""
    web = world.history.web_orders
    user, is_pickup = web["user"].to_numpy(), web["is_pickup"].to_numpy()
    guest = np.flatnonzero(user == NONE)
    written = billing.take(guest)
    delivered = np.zeros(len(profile), dtype=bool)
    delivered[user[(user != NONE) & ~is_pickup]] = True
    accounts = profile.take(np.arange(len(profile)))
    accounts.address_index[~delivered] = NONE
    written.address_index[is_pickup[guest]] = NONE
    cards = Cards(**{n: np.concatenate([getattr(accounts, n), getattr(written, n)]) for n in vars(accounts)})
    card_of_order = np.where(user == NONE, 0, user)
    card_of_order[guest] = len(profile) + np.arange(len(guest))
    record_id = np.array(
        built("user:", text(user_ids)).to_pylist() + built("order:", text(ids.order[guest])).to_pylist(),
        dtype=object,
    )
    return Evidence(
        source="woocommerce",
        record_id=record_id,
        entity=person_entities(cards.person),
        person=cards.person,
        is_live=np.concatenate(
            [np.ones(len(profile), dtype=bool), web["status"].to_numpy()[guest] != b.TRASH]
        ),
        cards=cards,
        identifiers=[
            (np.arange(len(profile)), "email", profile.email),
            (card_of_order, "email", billing.email),
            (card_of_order, "phone", billing.phone),
            (card_of_order, "loyalty_card", _shown_cards(world)),
            (
                np.arange(len(profile)),
                "account",
                texts(built("woocommerce:user:", text(user_ids)).to_pylist()),
            ),
            (card_of_order, "account", texts(built("woocommerce:order:", text(ids.order)).to_pylist())),
        ],
    )
