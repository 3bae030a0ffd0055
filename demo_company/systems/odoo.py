"""The ERP: partners, the copies of web orders, sellers' orders, pick-ups, tills, loyalty.

Belongs here: Odoo's tables. Does not belong here: the shop's own orders (woocommerce.py).
"""

import json
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from demo_company import behaviour as b
from demo_company import company
from demo_company.arrow import built, money, money_text, padded, reference, table, text, uuids
from demo_company.cards import ERP, RECEIPT, Cards, full_names, phone_texts, write
from demo_company.clock import DAY, MOSCOW, NOW, OPENED, seconds
from demo_company.draws import Ints, Texts, chance, either, filled, texts, unique_numbers
from demo_company.names import places, products
from demo_company.people import NONE
from demo_company.truth import Evidence, person_entities
from demo_company.world import World

# res_country's and res_currency's own numbers.
RUSSIA, ROUBLE = 188, 34
COMPANY_PARTNER, FIRST_EMPLOYEE, ONLINE_PARTNER, FIRST_COMPANY = 1, 2, 90, 101
FIRST_USER = 2
COMPANY, LOYALTY_PROGRAM, FIRST_STORE, FIRST_PRODUCT = 1, 1, 1, 1
CENTRAL, COURIER, PICK_UP = 1, 1, 2  # a warehouse and two ways of delivery
_FOUNDED = OPENED - 100 * DAY


def loyalty_codes(world: World) -> Texts:
    """The code of the loyalty card of each person's partner, null where it has none."""
    partners = len(world.presence.partner_person)
    number = unique_numbers(world.stream("loyalty"), 10_000_000_000, 99_999_999_999, partners)
    return either(
        world.presence.partner_loyalty, texts(("77" + pd.Series(number).astype(str)).tolist()), None
    )


def build(world: World, web_ids: Ints) -> tuple[dict[str, pa.Table], list[Evidence]]:
    """The tables, and the cards with their truth. `web_ids` are the shop's numbers of the web orders."""
    partners, partner_ids, evidence = _partners(world)
    tables = _company_tables() | {"res_partner": partners}
    sales, sale_ids, mirror_ids = _sale_orders(world, web_ids, partner_ids)
    tables |= sales
    tables["stock_picking"] = _pickings(world, sale_ids, mirror_ids, partner_ids, web_ids)
    till, receipts = _till(world, partner_ids, mirror_ids)
    tables |= till
    tables |= _loyalty(world, partner_ids, mirror_ids)
    return tables, [evidence, receipts]


def _company_tables() -> dict[str, pa.Table]:
    listed = products()
    employees, stores = len(company.EMPLOYEES), len(company.STORES)
    founded = {"create_date": np.datetime64(_FOUNDED), "write_date": np.datetime64(_FOUNDED)}
    stamps = lambda count: {name: np.full(count, at) for name, at in founded.items()}  # noqa: E731
    categories = pd.factorize(listed.category)[0] + 1
    price = listed.price.to_numpy() * 100
    methods = len(company.PAYMENT_METHODS)
    warehouses = 1 + stores
    return {
        "res_users": table(
            employees,
            id=FIRST_USER + np.arange(employees),
            login=[e[0] for e in company.EMPLOYEES],
            partner_id=FIRST_EMPLOYEE + np.arange(employees),
            share=False,
            active=True,
            **stamps(employees),
        ),
        "res_company": table(
            1, id=COMPANY, name=company.COMPANY, partner_id=COMPANY_PARTNER, currency_id=ROUBLE, **stamps(1)
        ),
        "res_currency": table(1, id=ROUBLE, name="RUB", active=True, **stamps(1)),
        "res_country": table(1, id=RUSSIA, code="RU", name=_translated(["Россия"]), **stamps(1)),
        "product_template": table(
            len(listed),
            id=FIRST_PRODUCT + np.arange(len(listed)),
            name=_translated(listed.name),
            type="consu",
            categ_id=categories,
            list_price=money(price),
            active=True,
            **stamps(len(listed)),
        ),
        "product_product": table(
            len(listed),
            id=FIRST_PRODUCT + np.arange(len(listed)),
            product_tmpl_id=FIRST_PRODUCT + np.arange(len(listed)),
            default_code=list(listed.sku),
            barcode=built("460", padded(7_000_001 + np.arange(len(listed)) * 17, 10)),
            standard_price=built(
                '{"1": ', money_text(price * (52 + np.arange(len(listed)) % 17) // 100), "}"
            ),
            active=True,
            **stamps(len(listed)),
        ),
        "stock_warehouse": table(
            warehouses,
            id=CENTRAL + np.arange(warehouses),
            name=[company.CENTRAL_WAREHOUSE, *company.STORES],
            code=built("WH", text(np.arange(warehouses))),
            active=True,
            **stamps(warehouses),
        ),
        # Of each warehouse what leaves it, then of each store what its till sells.
        "stock_picking_type": table(
            warehouses + stores,
            id=1 + np.arange(warehouses + stores),
            name=_translated(["Отгрузка"] * warehouses + ["Касса"] * stores),
            code="outgoing",
            warehouse_id=np.concatenate([CENTRAL + np.arange(warehouses), CENTRAL + 1 + np.arange(stores)]),
            active=True,
            **stamps(warehouses + stores),
        ),
        "delivery_carrier": table(
            2,
            id=np.array([COURIER, PICK_UP]),
            name=_translated(["Курьер", "Самовывоз"]),
            delivery_type=["fixed", "in_store"],
            active=True,
            **stamps(2),
        ),
        "pos_config": table(
            stores,
            id=FIRST_STORE + np.arange(stores),
            name=company.STORES,
            picking_type_id=1 + warehouses + np.arange(stores),
            company_id=COMPANY,
            active=True,
            **stamps(stores),
        ),
        "pos_payment_method": table(
            methods,
            id=1 + np.arange(methods),
            name=_translated(company.PAYMENT_METHODS),
            is_cash_count=np.arange(methods) == 0,
            active=True,
            **stamps(methods),
        ),
        "loyalty_program": table(
            1,
            id=LOYALTY_PROGRAM,
            name=_translated(["Уютный клуб"]),
            program_type="loyalty",
            active=True,
            **stamps(1),
        ),
    }


def _translated(names: Iterable[str]) -> list[str]:
    return [json.dumps({"ru_RU": name}, ensure_ascii=False) for name in names]


# -- partners ---------------------------------------------------------------------------------


def _partners(world: World) -> tuple[pa.Table, "_PartnerIds", Evidence]:
    rng, people, presence = world.stream("odoo partners"), world.people, world.presence
    persons = len(presence.partner_person)
    cards = write(people, presence.partner_person, presence.partner_at, ERP, rng, world.noise)
    # Delivery addresses are children of their partner.
    has_child = chance(rng, persons, 0.08)
    parent = np.flatnonzero(has_child)
    child_at = np.minimum(
        presence.partner_at[parent] + seconds(rng.uniform(1, 400, len(parent)) * 86400), NOW
    )
    child_style = ERP.__class__(**(vars(ERP) | {"address": 1.0, "birth": 0.0, "email": 0.1, "phone": 0.6}))
    children = write(people, presence.partner_person[parent], child_at, child_style, rng, world.noise)
    # Contact persons of companies, under their company.
    staff = np.flatnonzero((people.company != NONE) & (rng.random(len(people)) < 0.55))
    staff_at = OPENED + seconds(rng.random(len(staff)) * (NOW - OPENED).astype(int))
    contacts = write(people, staff, staff_at, ERP, rng, world.noise)
    employer = people.company[staff]
    switchboard = phone_texts(people.companies.switchboard[employer], rng.integers(0, 8, len(staff)))
    contact_phone = np.where(rng.random(len(staff)) < 0.6, switchboard, contacts.phone)
    contact_email = np.where(rng.random(len(staff)) < 0.6, people.work_email[staff], contacts.email)

    whole = _concatenated(cards, children, contacts)
    groups = np.repeat([0, 1, 2], [persons, len(parent), len(staff)])
    order = np.argsort(whole.at, kind="stable")
    companies = len(people.companies.name)
    first_person = FIRST_COMPANY + companies
    number = np.empty(len(whole), dtype=np.int64)
    number[order] = first_person + np.arange(len(whole))
    ids = _PartnerIds(number[:persons], FIRST_COMPANY + np.arange(companies))
    ids.contact_of = np.full(len(people), NONE)
    ids.contact_of[staff] = number[persons + len(parent) :]

    phone = np.concatenate([cards.phone, children.phone, contact_phone])
    email = np.concatenate([cards.email, children.email, contact_email])
    # Where a mobile column is filled besides: a few have both.
    second = people.second_mobile[whole.person]
    also = (second > 0) & (rng.random(len(whole)) < 0.2)
    mobile = either(also, phone_texts(second, 2), None)
    names = full_names(whole, rng)
    parent_id = np.concatenate([np.full(persons, NONE), number[parent], FIRST_COMPANY + employer])
    changed = np.minimum(whole.at + seconds(rng.exponential(200 * 86400, len(whole))), NOW)
    written = table(
        len(whole),
        id=number,
        name=names,
        complete_name=names,
        parent_id=pa.array(parent_id, mask=parent_id == NONE),
        is_company=False,
        type=np.array(["contact", "delivery", "contact"], dtype=object)[groups],
        email=email,
        email_normalized=_lower(email),
        phone=phone,
        mobile=mobile,
        phone_sanitized=_sanitized(phone),
        vat=pa.nulls(len(whole), pa.string()),
        ref=pa.nulls(len(whole), pa.string()),
        street=whole.street,
        street2=pa.nulls(len(whole), pa.string()),
        zip=whole.postcode,
        city=whole.city,
        country_id=RUSSIA,
        lang="ru_RU",
        birthdate_date=whole.birth_date,
        company_id=1,
        active=np.concatenate([presence.partner_active, np.ones(len(parent) + len(staff), dtype=bool)]),
        create_date=whole.at,
        write_date=changed,
    ).take(pa.array(order))
    fixed = _fixed_partners(world)
    result = pa.concat_tables([fixed, written.select(fixed.column_names).cast(fixed.schema)])

    codes = loyalty_codes(world)
    fixed_ids = fixed["id"].to_numpy()
    offset = len(fixed_ids)
    rows_ = np.arange(len(whole))
    evidence = Evidence(
        source="odoo",
        record_id=texts(built("partner:", text(np.concatenate([number, fixed_ids]))).to_pylist()),
        entity=np.concatenate(
            [person_entities(whole.person), texts(built("company:", text(fixed_ids)).to_pylist())]
        ),
        person=np.concatenate([whole.person, np.full(offset, NONE)]),
        is_live=np.ones(len(whole) + offset, dtype=bool),
        cards=whole,
        identifiers=[
            (rows_, "phone", phone),
            (rows_, "phone", mobile),
            (rows_, "email", email),
            (rows_[:persons], "loyalty_card", codes),
        ],
        parents=[(persons + np.arange(len(parent)), parent)],
    )
    return result, ids, evidence


class _PartnerIds:
    """res_partner numbers: of presence's partners, of companies, of people as companies' contacts."""

    def __init__(self, partner: Ints, company_: Ints) -> None:
        self.partner = partner
        self.company = company_
        self.contact_of: Ints = np.zeros(0, dtype=np.int64)


def _concatenated(*parts: Cards) -> Cards:
    return Cards(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])})


def _lower(emails: Texts) -> Texts:
    return texts([v and v.lower() for v in emails])


def _sanitized(phones: Texts) -> Texts:
    # Odoo's phone validation: E.164 where the number is a possible one, else empty.
    digits = pd.Series(phones, dtype="str").str.replace(r"\D", "", regex=True)
    local = digits.str[-10:]
    is_russian = ((digits.str.len() == 11) & digits.str[0].isin(["7", "8"])) | (digits.str.len() == 10)
    sanitized = ("+7" + local).where(is_russian, "+" + digits).where(digits.str.len() >= 10)
    return either(sanitized.isna().to_numpy(), None, sanitized)


def _fixed_partners(world: World) -> pa.Table:
    """The company itself, its employees, the generic shop customer, client companies."""
    companies, book, known = world.people.companies, world.people.addresses, places()
    employees, clients = len(company.EMPLOYEES), len(companies.name)
    names = [company.COMPANY, *(f"{family} {given}" for _, given, family, _ in company.EMPLOYEES)]
    names += [company.ONLINE_PARTNER, *companies.name]
    count = len(names)
    none: list = [None]
    emails = [company.COMPANY_EMAIL, *(f"{e[0]}@{company.EMPLOYEE_EMAIL_DOMAIN}" for e in company.EMPLOYEES)]
    emails += [company.COMPANY_EMAIL, *("info@" + companies.domain)]
    phones = [company.COMPANY_PHONE, *none * employees, company.COMPANY_PHONE]
    phones += list(phone_texts(companies.switchboard, 0))
    seat = companies.address
    streets = known.street_kind[book.street[seat]] + " " + known.street[book.street[seat]]
    house = texts(book.house[seat].astype(str))
    rest = none * (employees + 2)
    created = np.full(count, _FOUNDED)
    rng = world.stream("odoo companies")
    created[-clients:] = OPENED + seconds(rng.uniform(0, 0.2, clients) * (NOW - OPENED).astype(int))
    return table(
        count,
        id=np.concatenate([[COMPANY_PARTNER], FIRST_EMPLOYEE + np.arange(employees), [ONLINE_PARTNER],
                           FIRST_COMPANY + np.arange(clients)]),
        name=texts(names),
        complete_name=texts(names),
        parent_id=pa.array([None] + [COMPANY_PARTNER] * employees + [None] * (clients + 1), pa.int64()),
        is_company=np.array([True] + [False] * employees + [True] * (clients + 1)),
        type="contact",
        email=texts(emails),
        email_normalized=texts(emails),
        phone=texts(phones),
        mobile=pa.nulls(count, pa.string()),
        phone_sanitized=_sanitized(texts(phones)),
        vat=texts([*rest, *companies.tax_id]),
        ref=pa.nulls(count, pa.string()),
        street=texts([*rest, *(streets + ", д. " + house)]),
        street2=pa.nulls(count, pa.string()),
        zip=texts([*rest, *book.postcode[seat]]),
        city=texts([*rest, *known.city[book.city[seat]]]),
        country_id=RUSSIA,
        lang="ru_RU",
        birthdate_date=np.full(count, np.datetime64("NaT", "D")),
        company_id=1,
        active=True,
        create_date=created,
        write_date=created,
    )  # fmt: skip


# -- orders -----------------------------------------------------------------------------------


def _sale_orders(
    world: World, web_ids: Ints, partner_ids: _PartnerIds
) -> tuple[dict[str, pa.Table], Ints, Ints]:
    """sale_order and its lines; the ids of `sales`, and of each web order's copy (NONE: not copied)."""
    web, sales = world.history.web_orders, world.history.sales
    mirrored = np.flatnonzero(web["mirrored"])
    at = np.concatenate([web["at"].to_numpy()[mirrored] + seconds(np.full(len(mirrored), 420)), sales["at"]])
    at = np.minimum(at, NOW)
    number = np.empty(len(at), dtype=np.int64)
    number[np.argsort(at, kind="stable")] = 1 + np.arange(len(at))
    mirror_ids = np.full(len(web), NONE)
    mirror_ids[mirrored], sale_ids = number[: len(mirrored)], number[len(mirrored) :]

    goods = web["goods"].to_numpy() + web["shipping"].to_numpy()
    total = np.concatenate([goods[mirrored], sales["goods"]])
    tax = b.tax_in(total)
    cancelled = web["status"].to_numpy()[mirrored] == b.CANCELLED
    done = web["done_at"].to_numpy()[mirrored]
    state = np.concatenate([either(cancelled, "cancel", "sale"), sales["state"].to_numpy(object)])
    contact = partner_ids.contact_of[sales["person"]]
    client = partner_ids.company[sales["company"]]
    partner = np.concatenate(
        [np.full(len(mirrored), ONLINE_PARTNER), np.where(contact == NONE, client, contact)]
    )
    bill_to = np.concatenate([np.full(len(mirrored), ONLINE_PARTNER), client])
    is_web = np.arange(len(at)) < len(mirrored)
    done_at = np.concatenate([done, np.where(sales["state"] == "sale", sales["done_at"], b.NEVER)])
    is_done = ~np.isnat(done_at)
    updated = np.concatenate([web["updated_at"].to_numpy()[mirrored], sales["done_at"].to_numpy()])
    at_store = np.concatenate([web["store"].to_numpy()[mirrored], np.full(len(sales), NONE)])
    seller = np.concatenate([np.full(len(mirrored), NONE), FIRST_USER + sales["seller"].to_numpy()])
    reference_text = np.full(len(at), None, dtype=object)
    reference_text[: len(mirrored)] = text(web_ids[mirrored]).to_pylist()
    orders = table(
        len(at),
        id=number,
        name=built("S", padded(number, 6)),
        partner_id=partner,
        partner_invoice_id=bill_to,
        partner_shipping_id=partner,
        date_order=at,
        state=state,
        amount_untaxed=money(total - tax),
        amount_tax=money(tax),
        amount_total=money(total),
        currency_id=ROUBLE,
        currency_rate=money(np.full(len(at), 100)),
        company_id=COMPANY,
        client_order_ref=reference_text,
        origin=either(is_web, "WooCommerce", None),
        user_id=pa.array(seller, mask=seller == NONE),
        team_id=np.where(is_web, 2, 1),
        campaign_id=pa.nulls(len(at), pa.int32()),
        medium_id=pa.nulls(len(at), pa.int32()),
        source_id=pa.nulls(len(at), pa.int32()),
        invoice_status=np.where(is_done, "invoiced", np.where(state == "sale", "to invoice", "no")).astype(
            object
        ),
        carrier_id=pa.array(np.where(at_store == NONE, COURIER, PICK_UP), mask=~is_web),
        warehouse_id=CENTRAL + 1 + at_store,
        create_date=at,
        write_date=np.maximum(updated, at),
    ).sort_by("id")

    lines = world.history.web_items
    lines = lines[web["mirrored"].to_numpy()[lines["order"]]]
    parts = [
        lines.assign(sale=mirror_ids[lines["order"]]),
        world.history.sale_items.assign(sale=sale_ids[world.history.sale_items["order"]]),
    ]
    shipped = mirrored[web["shipping"].to_numpy()[mirrored] > 0]
    delivery = pd.DataFrame({"sale": mirror_ids[shipped], "product": NONE, "quantity": 1, "discount": 0})
    delivery["price"] = web["shipping"].to_numpy()[shipped]
    whole = pd.concat([*parts, delivery], ignore_index=True).sort_values(
        "sale", kind="stable", ignore_index=True
    )
    place = np.zeros(len(at) + 1, dtype=np.int64)
    place[number] = np.arange(len(at))
    position = place[whole["sale"]]
    amount = b.amounts(whole)
    listed = products()
    names = texts([*listed.name, "Доставка"])
    order_lines = table(
        len(whole),
        id=1 + np.arange(len(whole)),
        order_id=whole["sale"].to_numpy(),
        product_id=reference(FIRST_PRODUCT + np.arange(len(listed)), whole["product"].to_numpy()),
        name=names[whole["product"]],
        display_type=pa.nulls(len(whole), pa.string()),
        is_downpayment=False,
        is_delivery=whole["product"].to_numpy() == NONE,
        product_uom_qty=whole["quantity"].to_numpy(),
        qty_delivered=np.where(is_done[position], whole["quantity"], 0),
        price_unit=money(whole["price"].to_numpy()),
        discount=whole["discount"].to_numpy(),
        price_subtotal=money(amount - b.tax_in(amount)),
        price_tax=b.tax_in(amount) / 100,
        price_total=money(amount),
        create_date=at[position],
        write_date=np.maximum(updated, at)[position],
    )
    return {"sale_order": orders, "sale_order_line": order_lines}, sale_ids, mirror_ids


def _pickings(
    world: World, sale_ids: Ints, mirror_ids: Ints, partner_ids: _PartnerIds, web_ids: Ints
) -> pa.Table:
    """One outgoing transfer a copied or confirmed order; of pick-ups it leaves the store when handed over."""
    web, sales = world.history.web_orders, world.history.sales
    mirrored = np.flatnonzero(mirror_ids != NONE)
    sold = np.flatnonzero((sales["state"] == "sale").to_numpy())
    chosen = web.iloc[mirrored]
    cancelled = chosen["status"].to_numpy() == b.CANCELLED
    store = np.concatenate([chosen["store"].to_numpy(), np.full(len(sold), NONE)])
    sale = np.concatenate([mirror_ids[mirrored], sale_ids[sold]])
    created = np.concatenate([chosen["at"].to_numpy(), sales["at"].to_numpy()[sold]])
    ready = np.concatenate([chosen["ready_at"].to_numpy(), sales["done_at"].to_numpy()[sold]])
    done = np.concatenate([chosen["done_at"].to_numpy(), sales["done_at"].to_numpy()[sold]])
    off = np.concatenate([cancelled, np.zeros(len(sold), dtype=bool)])
    client = partner_ids.company[sales["company"].to_numpy()[sold]]
    partner = np.concatenate([np.full(len(mirrored), ONLINE_PARTNER), client])
    is_ready = ~np.isnat(ready)
    state = np.where(
        off, "cancel", np.where(~np.isnat(done), "done", np.where(is_ready, "assigned", "confirmed"))
    )
    expected = np.where(is_ready, ready, np.minimum(created + DAY, NOW + 3 * DAY))
    count = len(sale)
    updated = np.fmax(
        np.fmax(created, np.where(is_ready, ready, created)), np.where(np.isnat(done), created, done)
    )
    return table(
        count,
        id=1 + np.arange(count),
        name=built("WH/OUT/", padded(1 + np.arange(count), 6)),
        sale_id=sale,
        origin=built("S", padded(sale, 6)),
        partner_id=partner,
        state=texts(state),
        scheduled_date=expected,
        date_done=np.where(off, b.NEVER, done),
        picking_type_id=CENTRAL + 1 + store,
        company_id=COMPANY,
        carrier_id=pa.array(
            np.where(store == NONE, COURIER, PICK_UP), mask=np.arange(count) >= len(mirrored)
        ),
        create_date=created,
        write_date=np.minimum(updated, NOW),
    )


# -- tills ------------------------------------------------------------------------------------


def _till(world: World, partner_ids: _PartnerIds, mirror_ids: Ints) -> tuple[dict[str, pa.Table], Evidence]:
    rng, people, till = world.stream("odoo till"), world.people, world.history.till
    items, count = world.history.till_items, len(till)
    at, store, person = till["at"].to_numpy(), till["store"].to_numpy(), till["person"].to_numpy()
    number = np.empty(count, dtype=np.int64)
    order = np.argsort(at, kind="stable")
    number[order] = 1 + np.arange(count)
    sessions, session_of = _sessions(at, store)

    contact = till["contact"].to_numpy()
    written = write(people, person, at, RECEIPT, rng, world.noise)
    phone = either(contact == 1, written.phone, None)
    email = either(contact == 2, written.email, None)
    goods, is_refund = till["goods"].to_numpy(), till["is_refund"].to_numpy()
    cancelled = till["is_cancelled"].to_numpy()
    state = either(cancelled, "cancel", either(at < NOW - DAY, "done", "paid"))
    seller = FIRST_USER + np.array(list(company.SELLERS))[store]
    sequence = padded(number, 6)
    kind = either(is_refund, " ВОЗВРАТ", "")
    orders = table(
        count,
        id=number,
        name=built(text(texts(company.STORES)[store]), "/", sequence, text(kind)),
        pos_reference=built("Заказ ", padded(store + 1, 5), "-", sequence),
        uuid=uuids(rng, count),
        partner_id=reference(partner_ids.partner, till["partner"].to_numpy()),
        session_id=session_of,
        config_id=FIRST_STORE + store,
        user_id=seller,
        date_order=at,
        amount_tax=money(b.tax_in(goods)),
        amount_total=money(goods),
        amount_paid=money(np.where(cancelled, 0, goods)),
        currency_rate=money(np.full(count, 100)),
        company_id=COMPANY,
        state=state,
        email=email,
        mobile=phone,
        shipping_date=np.full(count, np.datetime64("NaT", "D")),
        create_date=at,
        write_date=np.minimum(at + seconds(rng.integers(30, 43200, count)), NOW),
    ).sort_by("id")

    line_id = np.empty(len(items), dtype=np.int64)
    line_order = np.argsort(number[items["order"]], kind="stable")
    line_id[line_order] = 1 + np.arange(len(items))
    amount, listed = b.amounts(items), products()
    web_order = till["web_order"].to_numpy()
    origin = np.where(web_order == NONE, NONE, mirror_ids[web_order])
    lines = table(
        len(items),
        id=line_id,
        order_id=number[items["order"]],
        product_id=FIRST_PRODUCT + items["product"].to_numpy(),
        full_product_name=texts(list(listed.name))[items["product"]],
        qty=items["quantity"].to_numpy(),
        price_unit=money(items["price"].to_numpy()),
        discount=items["discount"].to_numpy(),
        price_subtotal=money(amount - b.tax_in(amount)),
        price_subtotal_incl=money(amount),
        refunded_orderline_id=reference(line_id, items["refunds"].to_numpy()),
        sale_order_origin_id=pa.array(origin[items["order"]], mask=origin[items["order"]] == NONE),
        sale_order_line_id=pa.nulls(len(items), pa.int32()),
        create_date=at[items["order"]],
        write_date=at[items["order"]],
    ).sort_by("id")

    paid = np.flatnonzero(~cancelled)
    method = rng.choice(3, count, p=[0.2, 0.6, 0.2])[paid]
    payments = table(
        len(paid),
        id=1 + np.arange(len(paid)),
        pos_order_id=number[paid],
        amount=money(goods[paid]),
        payment_method_id=1 + method,
        payment_date=at[paid],
        card_type=either(method == 1, "МИР", None),
        transaction_id=either(method > 0, uuids(rng, len(paid)), None),
        is_change=False,
        create_date=at[paid],
        write_date=at[paid],
    )
    tables = {"pos_session": sessions, "pos_order": orders, "pos_order_line": lines, "pos_payment": payments}

    cards = np.flatnonzero((till["partner"].to_numpy() == NONE) & (filled(phone) | filled(email)))
    row = np.arange(len(cards))
    receipts = Evidence(
        source="odoo",
        record_id=texts(built("receipt:", text(number[cards])).to_pylist()),
        entity=person_entities(person[cards]),
        person=person[cards],
        is_live=~cancelled[cards],
        cards=None,
        identifiers=[(row, "phone", phone[cards]), (row, "email", email[cards])],
    )
    return tables, receipts


def _sessions(at: np.ndarray, store: Ints) -> tuple[pa.Table, Ints]:
    """One session a store and day (Moscow time), and the session of each order."""
    day = (at + MOSCOW).astype("datetime64[D]")
    key = day.astype(int) * len(company.STORES) + store
    known, position = np.unique(key, return_inverse=True)
    of_store = known % len(company.STORES)
    morning = (known // len(company.STORES)).astype("datetime64[D]").astype("datetime64[s]") - MOSCOW
    start, stop = (
        morning + seconds(np.full(len(known), 8 * 3600 + 1800)),
        morning + seconds(np.full(len(known), 23 * 3600)),
    )
    is_open = np.asarray(stop > NOW)
    ids = 1 + np.arange(len(known))
    sessions = table(
        len(known),
        id=ids,
        name=built("POS/", padded(ids, 5)),
        config_id=FIRST_STORE + of_store,
        user_id=FIRST_USER + np.array(list(company.SELLERS))[of_store],
        start_at=start,
        stop_at=np.where(is_open, b.NEVER, stop),
        state=either(is_open, "opened", "closed"),
        create_date=start,
        write_date=np.where(is_open, start, stop),
    )
    return sessions, ids[position]


# -- loyalty ----------------------------------------------------------------------------------


def _loyalty(world: World, partner_ids: _PartnerIds, mirror_ids: Ints) -> dict[str, pa.Table]:
    """A card a loyal partner; 5 % of purchases come as points, some purchases spend 20."""
    rng, presence = world.stream("odoo loyalty"), world.presence
    web, till = world.history.web_orders, world.history.till
    bearer = np.flatnonzero(presence.partner_loyalty)
    card_of = np.full(len(presence.partner_person), NONE)
    card_of[bearer] = 1 + np.arange(len(bearer))
    till_order = np.empty(len(till), dtype=np.int64)
    till_order[np.argsort(till["at"].to_numpy(), kind="stable")] = 1 + np.arange(len(till))

    bought = till[(till["partner"] != NONE) & ~till["is_refund"] & ~till["is_cancelled"]]
    bought = bought[card_of[bought["partner"]] != NONE]
    online = web[(web["loyalty_partner"] != NONE) & (web["status"] == b.COMPLETED)]
    history = pd.concat(
        [
            pd.DataFrame(
                {
                    "card": card_of[bought["partner"]],
                    "goods": bought["goods"].to_numpy(),
                    "at": bought["at"].to_numpy(),
                    "model": "pos.order",
                    "order": till_order[bought.index],
                }
            ),
            pd.DataFrame(
                {
                    "card": card_of[online["loyalty_partner"]],
                    "goods": online["goods"].to_numpy(),
                    "at": online["done_at"].to_numpy(),
                    "model": "sale.order",
                    "order": mirror_ids[online.index],
                }
            ),
        ]
    ).sort_values("at", kind="stable", ignore_index=True)
    issued = history["goods"].to_numpy() // 2000 * 100  # whole points
    before = pd.Series(issued).groupby(history["card"]).cumsum().to_numpy() - issued
    used = np.where((before >= 4000) & (rng.random(len(history)) < 0.12), 2000, 0)
    # Points spent never exceed what was issued before.
    spent = pd.Series(used).groupby(history["card"]).cumsum().to_numpy()
    used = np.where(spent <= before, used, 0)
    at = history["at"].to_numpy().astype("datetime64[s]")
    points = np.bincount(history["card"], weights=issued - used, minlength=len(bearer) + 1)[1:]
    last = presence.partner_at[bearer].copy()
    np.maximum.at(last, history["card"].to_numpy() - 1, at)
    created = presence.partner_at[bearer]
    return {
        "loyalty_card": table(
            len(bearer),
            id=1 + np.arange(len(bearer)),
            program_id=LOYALTY_PROGRAM,
            partner_id=partner_ids.partner[bearer],
            points=points / 100,
            code=loyalty_codes(world)[bearer],
            expiration_date=np.full(len(bearer), np.datetime64("NaT", "D")),
            active=True,
            create_date=created,
            write_date=last,
        ),
        "loyalty_history": table(
            len(history),
            id=1 + np.arange(len(history)),
            card_id=history["card"].to_numpy(),
            description="Покупка",
            issued=issued / 100,
            used=used / 100,
            order_model=history["model"].to_numpy(object),
            order_id=history["order"].to_numpy(),
            create_date=at,
            write_date=at,
        ),
    }
