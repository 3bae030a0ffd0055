"""What the customers did in a year: carts, orders, till purchases, returns, calls, cases — one coherent story.

Belongs here: the events, as data frames of numbers and moments. Does not belong here: the tables that each
system makes of them (systems/). Money is in kopecks; prices include 20 % tax.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from demo_company import company
from demo_company.clock import DAY, HOUR, NOW, START, moments, seconds, spread, to_office_hours
from demo_company.draws import Ints, chance, stream
from demo_company.names import products
from demo_company.people import NONE, People
from demo_company.presence import Presence

NEVER = np.datetime64("NaT", "s")
CART, PENDING, PROCESSING, ON_HOLD, COMPLETED, CANCELLED, REFUNDED, FAILED, TRASH = range(9)
# How a call went.
ANSWERED, TRANSFERRED, ABANDONED, TIMED_OUT, MENU_ONLY, OUT_ANSWERED, OUT_UNANSWERED, INTERNAL = range(8)


@dataclass(frozen=True)
class History:
    """Data frames, each with a fresh 0… index that others refer to; NONE where there is nothing to refer to.

    web_orders: person, user, at, status, is_pickup, store, payment, paid_at, ready_at, done_at, updated_at,
    shipping, mirrored, campaign, loyalty_partner, goods. web_items: order, product, quantity, price, discount.
    web_refunds: order, at, amount, item. sales (B2B and by phone): person, company, at, seller, state.
    sale_items. till: person, partner, contact (0 nothing, 1 phone, 2 e-mail), store, at, is_refund, refunds
    (till order), web_order. till_items: order, product, quantity, price, discount, refunds (till item).
    calls: person (NONE: nobody we know), stranger, at, outcome, agent, second_agent, wait, talk, queue,
    is_anonymous, order (web). cases: call, web_order, person, at, closed_at, agent, topic.
    """

    web_orders: pd.DataFrame
    web_items: pd.DataFrame
    web_refunds: pd.DataFrame
    sales: pd.DataFrame
    sale_items: pd.DataFrame
    till: pd.DataFrame
    till_items: pd.DataFrame
    calls: pd.DataFrame
    cases: pd.DataFrame


def make_history(people: People, presence: Presence, seed: int) -> History:
    web, web_items = _web_orders(people, presence, stream(seed, "web"))
    refunds = _web_refunds(web, web_items, stream(seed, "refunds"))
    sales, sale_items = _sales(people, stream(seed, "sales"))
    till, till_items = _till(people, presence, web, web_items, stream(seed, "till"))
    calls = _calls(people, presence, web, till, stream(seed, "calls"))
    cases = _cases(calls, stream(seed, "cases"))
    return History(web, web_items, refunds, sales, sale_items, till, till_items, calls, cases)


def _items(rng: np.random.Generator, orders: int, more: float) -> pd.DataFrame:
    """1 or more lines of different products for each of `orders`."""
    lines = np.minimum(rng.geometric(more, orders), 6)
    order = np.repeat(np.arange(orders), lines)
    listed = products()
    weights = 1 / (np.arange(len(listed))[::-1] + 8.0)
    product = rng.choice(len(listed), len(order), p=weights / weights.sum())
    items = pd.DataFrame({"order": order, "product": product}).drop_duplicates(ignore_index=True)
    cheap = listed.price.to_numpy()[items["product"]] < 800
    items["quantity"] = np.where(cheap, rng.integers(1, 5, len(items)), 1)
    items["price"] = listed.price.to_numpy()[items["product"]] * 100
    reduced = np.where(rng.random(orders) < 0.18, rng.choice([5, 10, 15], orders), 0)
    items["discount"] = reduced[items["order"]]  # per cent
    return items


def amounts(items: pd.DataFrame) -> Ints:
    """What a line costs after discount, in kopecks."""
    gross = (items["price"] * items["quantity"]).to_numpy()
    return gross - gross * items["discount"].to_numpy() // 100


def order_amounts(items: pd.DataFrame, orders: int) -> Ints:
    return np.bincount(items["order"], weights=amounts(items), minlength=orders).astype(np.int64)


def tax_in(amount: Ints) -> Ints:
    """The 20 % tax that an amount contains."""
    return np.round(np.asarray(amount) / 6).astype(np.int64)


def _nearest_store(people: People, person: Ints, rng: np.random.Generator) -> Ints:
    store_of_city = np.full(64, NONE)
    store_of_city[company.STORE_CITIES] = np.arange(len(company.STORES))
    own = store_of_city[people.addresses.city[people.address[person]]]
    other = rng.integers(0, len(company.STORES), len(person))
    return np.where((own == NONE) | (rng.random(len(person)) < 0.12), other, own)


def _web_orders(
    people: People, presence: Presence, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    users = np.arange(len(presence.user_person))
    bought = rng.negative_binomial(1.1, 0.21, len(users))
    guests = np.flatnonzero(presence.is_guest)
    guest_orders = 1 + rng.poisson(0.55, len(guests))
    user = np.concatenate([np.repeat(users, bought), np.full(guest_orders.sum(), NONE)])
    person = np.concatenate([presence.user_person[np.repeat(users, bought)], np.repeat(guests, guest_orders)])
    at = moments(rng, len(person))
    # An account's orders come after the account.
    begun = presence.user_at[user]
    late = (user != NONE) & (at < begun)
    at = np.where(late, begun + seconds(rng.random(len(at)) * (NOW - begun).astype(int)), at)
    # Some forget to log in.
    user = np.where((user != NONE) & (rng.random(len(user)) < 0.06), NONE, user)
    frame = pd.DataFrame({"person": person, "user": user, "at": at})
    frame["is_cart"] = rng.random(len(frame)) < 0.14
    # A third of the carts left behind comes back as an order, a day or so later.
    back = frame[frame.is_cart & (rng.random(len(frame)) < 0.35)].copy()
    back["at"] = np.minimum(back["at"].to_numpy() + spread(rng, len(back), 18), NOW)
    back["is_cart"] = False
    frame = pd.concat([frame, back]).sort_values("at", kind="stable", ignore_index=True)

    count, at = len(frame), frame["at"].to_numpy()
    status = rng.choice([COMPLETED, CANCELLED, FAILED, TRASH], count, p=[0.91, 0.06, 0.024, 0.006])
    is_pickup = rng.random(count) < 0.42
    ready_at = at + spread(rng, count, 20)
    done_at = ready_at + np.where(is_pickup, spread(rng, count, 30), spread(rng, count, 60))
    done_at = np.where(is_pickup, to_office_hours(rng, done_at), done_at)
    status = np.where((status == COMPLETED) & (rng.random(count) < 0.03), REFUNDED, status)
    open_status = rng.choice([PENDING, PROCESSING, ON_HOLD], count, p=[0.15, 0.75, 0.10])
    is_open = np.isin(status, [COMPLETED, REFUNDED]) & (done_at > NOW)
    status = np.where(is_open, open_status, status)
    status = np.where(frame["is_cart"], CART, status)
    is_done = np.isin(status, [COMPLETED, REFUNDED])
    prepaid = rng.random(count) < 0.7
    paid_at = np.where(prepaid, np.minimum(at + spread(rng, count, 0.1), NOW), done_at)
    is_paid = is_done | ((status == PROCESSING) & prepaid)
    paid_at = np.where(is_paid, paid_at, NEVER)
    is_ready = is_done | ((status == PROCESSING) & (ready_at <= NOW))
    last = np.where(is_done, done_at, np.minimum(at + spread(rng, count, 8), NOW))
    frame = frame.drop(columns="is_cart").assign(
        status=status,
        is_pickup=is_pickup,
        store=np.where(is_pickup, _nearest_store(people, frame["person"].to_numpy(), rng), NONE),
        payment=np.where(prepaid, 0, 1),
        paid_at=paid_at,
        ready_at=np.where(is_ready, ready_at, NEVER),
        done_at=np.where(is_done, done_at, NEVER),
        updated_at=last,
        shipping=np.where(is_pickup | (status == CART), 0, rng.choice([0, 29900, 39900, 49900], count)),
        mirrored=~np.isin(status, [CART, FAILED, TRASH, PENDING]),
        campaign=rng.integers(0, 6, count),
        loyalty_partner=_cards_shown(presence, frame, rng),
    )
    items = _items(rng, count, 0.45)
    frame["goods"] = order_amounts(items, count)
    return frame, items


def _cards_shown(presence: Presence, orders: pd.DataFrame, rng: np.random.Generator) -> Ints:
    # The partner whose loyalty card the customer typed at the checkout: some people mostly do, others never.
    card_of = np.full(1 + max(presence.partner_person.max(), orders["person"].max()), NONE)
    bearing = np.flatnonzero(presence.partner_loyalty)[::-1]
    card_of[presence.partner_person[bearing]] = bearing
    person = orders["person"].to_numpy()
    has_habit = rng.random(len(card_of)) < 0.5
    partner = card_of[person]
    shown = has_habit[person] & (rng.random(len(person)) < 0.8)
    return np.where(shown & (presence.partner_at[partner] < orders["at"].to_numpy()), partner, NONE)


def _web_refunds(web: pd.DataFrame, items: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    # A refund row a refunded line; a refunded order gives back every line, others one.
    line = items.assign(amount=amounts(items), status=web["status"].to_numpy()[items["order"]])
    line["item"] = line.index
    whole = line[line.status == REFUNDED]
    part = line[(line.status == COMPLETED) & (rng.random(len(line)) < 0.012)].drop_duplicates("order")
    refunds = pd.concat([whole, part])
    done = web["done_at"].to_numpy()[refunds["order"]]
    wait = spread(np.random.default_rng(rng.integers(2**32)), len(web), 120)[refunds["order"]]
    refunds = refunds.assign(at=np.minimum(done + wait, NOW))
    keep = ["order", "item", "product", "quantity", "amount", "at"]
    return refunds[keep].sort_values(["at", "order"], kind="stable", ignore_index=True)


def _sales(people: People, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    # Orders that sellers enter in the ERP: companies' and those given by phone.
    employees = np.flatnonzero(people.company != NONE)
    count = max(len(employees), 4)
    person = np.sort(rng.choice(employees, count)) if len(employees) else np.zeros(0, dtype=np.int64)
    frame = pd.DataFrame({"person": person, "company": people.company[person]})
    frame["at"] = moments(rng, len(frame), office=True)
    frame = frame.sort_values("at", kind="stable", ignore_index=True)
    state = rng.choice(["draft", "sent", "sale", "cancel"], len(frame), p=[0.08, 0.08, 0.76, 0.08])
    frame["state"] = state
    frame["seller"] = rng.choice(list(company.SALES), len(frame))
    frame["done_at"] = np.minimum(frame["at"].to_numpy() + spread(rng, len(frame), 72), NOW)
    items = _items(rng, len(frame), 0.35)
    items["quantity"] *= 4
    frame["goods"] = order_amounts(items, len(frame))
    return frame, items


def _till(
    people: People, presence: Presence, web: pd.DataFrame, web_items: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    count = len(people)
    rate = rng.gamma(1.2, 3.1, count)
    person = np.repeat(np.arange(count), rng.poisson(rate))
    at = to_office_hours(rng, moments(rng, len(person), office=True))
    # The cards of each person: where there are two, either is scanned.
    cards = pd.Series(np.arange(len(presence.partner_person))).groupby(presence.partner_person)
    first, last = (np.full(count, NONE) for _ in range(2))
    first[cards.first().index], last[cards.last().index] = cards.first(), cards.last()
    partner = np.where(rng.random(len(person)) < 0.3, last[person], first[person])
    known = (partner != NONE) & (presence.partner_at[partner] < at) & (rng.random(len(person)) < 0.8)
    contact = np.where(known, 0, rng.choice([0, 1, 2], len(person), p=[0.73, 0.17, 0.10]))
    till = pd.DataFrame(
        {
            "person": person,
            "partner": np.where(known, partner, NONE),
            "contact": contact,
            "store": _nearest_store(people, person, rng),
            "at": np.minimum(at, NOW),
        }
    ).sort_values("at", kind="stable", ignore_index=True)
    items = _items(rng, len(till), 0.5)

    # Returns of till purchases, a quarter of them in another store.
    refunds = _till_returns(till, items, rng)
    web_returns = _store_returns(people, web, web_items, first, rng)
    whole = pd.concat([till, refunds[0], web_returns[0]], ignore_index=True)
    defaults = {"refunds": NONE, "web_order": NONE, "is_refund": False, "is_cancelled": False}
    for column, value in defaults.items():
        whole[column] = whole[column].fillna(value).astype(type(value)) if column in whole else value
    whole.loc[: len(till) - 1, "is_cancelled"] = rng.random(len(till)) < 0.004
    refunds[1]["order"] += len(till)
    web_returns[1]["order"] += len(till) + len(refunds[0])
    lines = pd.concat([items, refunds[1], web_returns[1]], ignore_index=True)
    for column in ("refunds", "web_item"):
        lines[column] = lines[column].fillna(NONE).astype(np.int64)
    whole["goods"] = order_amounts(lines, len(whole))
    return whole, lines


def _till_returns(
    till: pd.DataFrame, items: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    chosen = np.flatnonzero(chance(rng, len(till), 0.03))
    returned = till.iloc[chosen].copy()
    returned["at"] = to_office_hours(rng, returned["at"].to_numpy() + spread(rng, len(chosen), 150))
    returned["refunds"] = chosen
    elsewhere = rng.random(len(chosen)) < 0.25
    returned["store"] = np.where(
        elsewhere, rng.integers(0, len(company.STORES), len(chosen)), returned["store"]
    )
    returned = returned[returned["at"] <= NOW].assign(is_refund=True).reset_index(drop=True)
    place = np.full(len(till), NONE)
    place[returned["refunds"]] = np.arange(len(returned))
    lines = items.assign(refunds=np.arange(len(items)))
    lines["order"] = place[items["order"]]
    lines = lines[lines["order"] != NONE]
    # Mostly one of the things bought comes back, sometimes all.
    everything = rng.random(len(returned)) < 0.3
    is_first = ~lines["order"].duplicated().to_numpy()
    lines = lines[is_first | everything[lines["order"]]].copy()
    lines["quantity"] = -lines["quantity"]
    return returned, lines


def _store_returns(
    people: People, web: pd.DataFrame, web_items: pd.DataFrame, partner: Ints, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    chosen = np.flatnonzero((web["status"] == COMPLETED).to_numpy() & chance(rng, len(web), 0.035))
    bought = web.iloc[chosen]
    person = bought["person"].to_numpy()
    at = to_office_hours(rng, bought["done_at"].to_numpy() + spread(rng, len(chosen), 140))
    known = (partner[person] != NONE) & (rng.random(len(chosen)) < 0.5)
    returned = pd.DataFrame(
        {
            "person": person,
            "partner": np.where(known, partner[person], NONE),
            "contact": np.where(known, 0, rng.choice([0, 1, 2], len(chosen), p=[0.5, 0.35, 0.15])),
            "store": _nearest_store(people, person, rng),
            "at": at,
            "web_order": chosen,
            "is_refund": True,
        }
    )
    returned = returned[returned["at"] <= NOW].reset_index(drop=True)
    place = np.full(len(web), NONE)
    place[returned["web_order"]] = np.arange(len(returned))
    lines = web_items.assign(web_item=np.arange(len(web_items)))
    lines["order"] = place[web_items["order"]]
    lines = lines[lines["order"] != NONE].drop_duplicates("order").copy()
    lines["quantity"] = -lines["quantity"]
    return returned, lines


def _calls(
    people: People, presence: Presence, web: pd.DataFrame, till: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Calls of customers and to them, of strangers, and between extensions."""
    parts = []

    def add(person: Ints, at: np.ndarray, kind: str, order: Ints | int = NONE) -> None:
        parts.append(pd.DataFrame({"person": person, "at": at, "kind": kind, "order": order}))

    placed = np.flatnonzero((web["status"] != CART).to_numpy() & chance(rng, len(web), 0.14))
    end = web["done_at"].fillna(web["updated_at"]).to_numpy()[placed]
    begin = web["at"].to_numpy()[placed]
    asked = begin + seconds(rng.random(len(placed)) * (end - begin).astype(int))
    add(web["person"].to_numpy()[placed], asked, "in", placed)
    returned = np.flatnonzero(till["is_refund"].to_numpy() & chance(rng, len(till), 0.3))
    after = till["at"].to_numpy()[returned] + spread(rng, len(returned), 30)
    add(till["person"].to_numpy()[returned], after, "in", till["web_order"].to_numpy()[returned])
    confirmed = np.flatnonzero((web["status"] != CART).to_numpy() & chance(rng, len(web), 0.08))
    add(web["person"].to_numpy()[confirmed], web["at"].to_numpy()[confirmed] + HOUR, "out", confirmed)
    callers = np.flatnonzero(presence.is_caller)
    person = np.repeat(callers, rng.poisson(2.1, len(callers)))
    add(person, moments(rng, len(person), office=True), "in")
    leads = presence.lead_person[presence.lead_at > START]
    add(leads, presence.lead_at[presence.lead_at > START] + DAY, "out")
    person = presence.contact_person[chance(rng, len(presence.contact_person), 0.4)]
    add(person, moments(rng, len(person), office=True), "out")
    strangers = max(2, len(people) // 8)
    add(np.full(strangers, NONE), moments(rng, strangers, office=True), "in")
    between = max(2, len(people) // 5)
    add(np.full(between, NONE), moments(rng, between, office=True), "internal")

    calls = pd.concat(parts, ignore_index=True)
    # About a third of the contacts is repeated within days: the question was not settled.
    again = calls[(calls["kind"] == "in") & (calls["person"] != NONE) & (rng.random(len(calls)) < 0.3)].copy()
    again["at"] = again["at"].to_numpy() + spread(rng, len(again), 40)
    calls = pd.concat([calls, again], ignore_index=True)
    calls["at"] = to_office_hours(rng, calls["at"].to_numpy().astype("datetime64[s]"))
    calls = calls[(calls["at"] < NOW - HOUR) & (calls["at"] >= START)]
    calls = calls.sort_values("at", kind="stable", ignore_index=True)

    count = len(calls)
    kind = calls.pop("kind").to_numpy()
    outcome = rng.choice(
        [ANSWERED, TRANSFERRED, ABANDONED, TIMED_OUT, MENU_ONLY], count, p=[0.68, 0.06, 0.12, 0.02, 0.12]
    )
    out = rng.choice([OUT_ANSWERED, OUT_UNANSWERED], count, p=[0.66, 0.34])
    outcome = np.where(kind == "out", out, np.where(kind == "internal", INTERNAL, outcome))
    agent = rng.choice(list(company.AGENTS), count)
    return calls.assign(
        stranger=np.where(
            (calls["person"] == NONE) & (kind == "in"), rng.integers(0, strangers, count), NONE
        ),
        outcome=outcome,
        agent=np.where(kind == "out", rng.choice(list(company.SALES) + list(company.AGENTS), count), agent),
        second_agent=rng.choice(list(company.SALES), count),
        wait=np.minimum(rng.exponential(35, count), 600).astype(np.int64) + 3,
        talk=np.minimum(rng.gamma(2.0, 90, count), 2400).astype(np.int64) + 8,
        queue=np.where(calls["order"] != NONE, 0, rng.integers(0, 2, count)),
        is_anonymous=(kind == "in") & (rng.random(count) < 0.045),
    )


def _cases(calls: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    handled = (
        calls["outcome"].isin([ANSWERED, TRANSFERRED]) & (calls["person"] != NONE) & ~calls["is_anonymous"]
    )
    opened = np.flatnonzero(handled.to_numpy() & chance(rng, len(calls), 0.14))
    call = calls.iloc[opened]
    at = call["at"].to_numpy() + seconds(call["talk"].to_numpy())
    closed = at + spread(rng, len(call), 40)
    return pd.DataFrame(
        {
            "call": opened,
            "person": call["person"].to_numpy(),
            "web_order": call["order"].to_numpy(),
            "at": at,
            "closed_at": np.where((closed <= NOW) & (rng.random(len(call)) < 0.96), closed, NEVER),
            "agent": call["agent"].to_numpy(),
            "topic": rng.integers(0, 5, len(call)),
        }
    )
