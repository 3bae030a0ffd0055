"""Visits to the site and the app: who came from where, in which browser, logged in or not, and what came of it.

Belongs here: the events, as one data frame. Does not belong here: the tables that the web analytics make of them
(systems/matomo.py).
"""

import numpy as np
import pandas as pd

from demo_company.behaviour import CART
from demo_company.chats import WIDGET, Chats
from demo_company.clock import NOW, moments, seconds
from demo_company.draws import Ints, chance, stream
from demo_company.people import NONE, People
from demo_company.presence import Presence


def make_visits(
    people: People, presence: Presence, web: pd.DataFrame, chats: Chats, seed: int
) -> pd.DataFrame:
    """One row a visit, by time: person (NONE: a stranger), browser (its number), at, seconds, user (NONE: not logged
    in), has_logged_in (during the visit), web_order (an order or a cart), actions, campaign, is_app, is_mobile."""
    rng = stream(seed, "visits")
    parts = []

    def add(person: Ints, at: np.ndarray, before: Ints | int, order: Ints | int = NONE) -> None:
        lead = seconds(np.broadcast_to(before, len(person)))
        parts.append(pd.DataFrame({"person": person, "at": at - lead, "lead": lead, "web_order": order}))

    # Trackers are blocked here and there.
    seen = np.flatnonzero(chance(rng, len(web), 0.9))
    add(web["person"].to_numpy()[seen], web["at"].to_numpy()[seen], rng.integers(120, 2400, len(seen)), seen)
    widget = chats.conversations[chats.conversations["inbox"] == WIDGET]
    add(widget["person"].to_numpy(), widget["at"].to_numpy(), rng.integers(30, 1200, len(widget)))
    looks = chance(rng, len(people), 0.35)
    looks[web["person"]] = True
    person = np.repeat(np.arange(len(people)), np.where(looks, rng.poisson(2.2, len(people)), 0))
    add(person, moments(rng, len(person)), 0)
    strangers = max(2, len(people) // 2)
    add(np.full(strangers, NONE), moments(rng, strangers), 0)

    visits = pd.concat(parts, ignore_index=True)
    count, person = len(visits), visits["person"].to_numpy()
    order = visits["web_order"].to_numpy()
    account = np.full(len(people), NONE)
    account[presence.user_person[::-1]] = np.arange(len(presence.user_person))[::-1]
    user = np.where(person == NONE, NONE, account[person])
    user = np.where((user != NONE) & (presence.user_at[user] < visits["at"].to_numpy()), user, NONE)
    # Whoever orders with an account is logged in; others look around logged in now and then.
    logged_in = np.where(order != NONE, web["user"].to_numpy()[order] != NONE, rng.random(count) < 0.4)
    user = np.where(
        (order != NONE) & logged_in, web["user"].to_numpy()[order], np.where(logged_in, user, NONE)
    )
    is_app = (user != NONE) & (order == NONE) & chance(rng, count, 0.2)
    # A computer and a phone each; some use the family's. Strangers come once.
    device = rng.integers(0, 2, count)
    keeper = np.where(chance(rng, len(people), 0.08), people.head, np.arange(len(people)))
    browser = np.where(is_app, 2 * len(people) + person, 2 * keeper[person] + device)
    browser = np.where(person == NONE, 3 * len(people) + np.arange(count), browser)
    stay = np.minimum(rng.gamma(1.5, 160, count).astype(np.int64), 5400)
    length = np.maximum(visits.pop("lead").dt.total_seconds().to_numpy().astype(np.int64) + 20, stay)
    visits = visits.assign(
        browser=browser,
        seconds=np.minimum(length, (NOW - visits["at"].to_numpy()).astype("timedelta64[s]").astype(np.int64)),
        user=user,
        has_logged_in=(user != NONE) & ~is_app & chance(rng, count, 0.5),
        actions=1 + rng.geometric(0.45, count),
        campaign=np.where(order == NONE, rng.integers(0, 6, count), web["campaign"].to_numpy()[order]),
        is_cart=(order != NONE) & (web["status"].to_numpy()[order] == CART),
        is_app=is_app,
        is_mobile=is_app | (device == 1),
    )
    return visits.sort_values("at", kind="stable", ignore_index=True)
