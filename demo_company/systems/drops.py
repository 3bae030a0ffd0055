"""What comes as files: advertising, surveys, the marketing platform, tablets in the stores.

Belongs here: the rows of those files, as texts, and whose they are. Does not belong here: files (load.py).
Each system knows a person by one contact as written there once; the same contact is one card.
"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from demo_company import behaviour as b
from demo_company import company
from demo_company.arrow import table
from demo_company.cards import SHOP, Style, full_names, write
from demo_company.clock import DAY, MOSCOW, NOW, START, Moments, moments, seconds, spread, to_office_hours
from demo_company.draws import Ints, Texts, chance, choose, either, filled, texts
from demo_company.people import NONE
from demo_company.systems.odoo import loyalty_codes
from demo_company.truth import Evidence, person_entities
from demo_company.world import World

_FORM = replace(SHOP, email=0.55, phone=0.55, phone_slips=0.05, address=0.0)
_TABLET = Style(phone=1.0, phone_slips=0.02)
_VK = 3  # the shop's orders that came from VK: woocommerce._CAMPAIGNS
_CAMPAIGNS = [("1001", "uyut-osen", 9.0), ("1002", "novosely", 5.0), ("1003", "shtory", 3.0)]
_OFFERS = [("welcome10", "Скидка 10 % на первый заказ"), ("tekstil", "Второй плед за полцены")]
_OFFERS += [("club500", "500 баллов в клубе")]
_COMMENTS = [
    "Всё понравилось",
    "Долго везли",
    "Курьер вежливый",
    "Не дозвонилась с первого раза",
    None,
    None,
    None,
]

SYSTEMS = ("ads", "surveys", "marketing", "events")
Drops = dict[str, dict[str, pa.Table]]


@dataclass(frozen=True)
class _Audience:
    """The persons whom a system knows: `row` is each person's place in the columns, NONE where unknown."""

    row: Ints
    columns: dict[str, Texts]
    evidence: Evidence

    def contact(self, person: Ints) -> dict[str, Texts]:
        """The contact columns of each row of a file; null where the person is unknown."""
        at = self.row[person]
        return {
            name: either((at == NONE) | (person == NONE), None, values[at])
            for name, values in self.columns.items()
        }


def build(world: World, web_ids: Ints) -> tuple[Drops, list[Evidence]]:
    """source → table → rows, and the cards. `web_ids` are the shop's numbers of the web orders."""
    made = {
        "ads": _ads(world),
        "surveys": _surveys(world, web_ids),
        "marketing": _marketing(world, web_ids),
        "events": _events(world),
    }
    return {source: tables for source, (tables, _) in made.items()}, [card for _, card in made.values()]


def _audience(world: World, source: str, persons: Ints, style: Style, with_names: bool = True) -> _Audience:
    rng, people = world.stream(f"{source} contacts"), world.people
    persons = np.unique(persons[persons != NONE])
    cards = write(people, persons, np.full(len(persons), NOW), style, rng, world.noise)
    code = np.full(len(people), None, dtype=object)
    code[world.presence.partner_person] = loyalty_codes(world)
    shows_card = with_names & chance(rng, len(persons), 0.2)
    columns = {
        "phone": cards.phone,
        "email": cards.email,
        "loyalty_card": either(shows_card, code[persons], None),
    }
    key = texts(
        [
            hashlib.md5("|".join("~" if v is None else v for v in row).encode()).hexdigest()
            for row in zip(*columns.values(), strict=True)
        ]
    )
    known = np.logical_or.reduce([filled(values) for values in columns.values()])
    # A household's shared contact is one card: whoever wrote it first is its bearer.
    kept = np.flatnonzero(known & ~pd.Series(key).duplicated().to_numpy())
    row = np.full(len(people), NONE)
    row[persons[kept]] = np.arange(len(kept))
    columns = {name: values[kept] for name, values in columns.items()}
    cards = cards.take(kept)
    evidence = Evidence(
        source=source,
        record_id=texts(["respondent:" + value for value in key[kept]]),
        entity=person_entities(persons[kept]),
        person=persons[kept],
        is_live=np.ones(len(kept), dtype=bool),
        cards=cards if with_names else None,
        identifiers=[(np.arange(len(kept)), kind, values) for kind, values in columns.items()],
    )
    if with_names:
        columns = {"name": full_names(cards, rng), **columns}
    return _Audience(row, columns, evidence)


def _only_known(audience: _Audience, person: Ints) -> np.ndarray:
    return np.flatnonzero(audience.row[person] != NONE)


def _ads(world: World) -> tuple[dict[str, pa.Table], Evidence]:
    rng, web = world.stream("ads"), world.history.web_orders
    bought = np.flatnonzero((web["campaign"] == _VK).to_numpy() & (web["status"] != b.CART).to_numpy())
    buyers = web["person"].to_numpy()[bought]
    others = rng.choice(len(world.people), max(3, len(world.people) // 25))
    person = np.concatenate([buyers, others, np.full(len(bought), NONE)])
    at = np.concatenate(
        [
            web["at"].to_numpy()[bought] - seconds(rng.integers(60, 7200, len(bought))),
            moments(rng, len(others) + len(bought)),
        ]
    )
    campaign = np.where(
        np.arange(len(person)) < len(bought), 0, rng.integers(0, len(_CAMPAIGNS), len(person))
    )
    # A third of the clicks leaves a contact: in a lead form, or by a matched visit.
    leaves = chance(rng, len(person), 0.3) & (person != NONE)
    person = np.where(leaves, person, NONE)
    audience = _audience(world, "ads", person, _FORM)
    order = np.argsort(at, kind="stable")
    person, at, campaign = person[order], np.maximum(at[order], START), campaign[order]
    count = len(person)
    number = texts([one for one, *_ in _CAMPAIGNS])
    name = texts([one for _, one, _ in _CAMPAIGNS])
    touches = table(
        count,
        click_id=texts([f"vk-{i:07d}" for i in range(1, count + 1)]),
        clicked_at=_zoned(at),
        campaign_id=number[campaign],
        campaign=name[campaign],
        ad_group_id=texts((campaign * 10 + 1).astype(str)),
        **audience.contact(person),
    )
    return {"spend": _spend(rng, at, campaign), "touches": touches}, audience.evidence


def _spend(rng: np.random.Generator, at: Moments, campaign: Ints) -> pa.Table:
    """A row a day and campaign: no fewer clicks than were seen."""
    days = np.arange(START.astype("datetime64[D]"), NOW.astype("datetime64[D]") + 1)
    seen = np.zeros((len(days), len(_CAMPAIGNS)), dtype=np.int64)
    np.add.at(seen, ((at + MOSCOW).astype("datetime64[D]").astype(int) - days[0].astype(int), campaign), 1)
    clicks = seen + rng.poisson([weight for *_, weight in _CAMPAIGNS], seen.shape)
    impressions = clicks * rng.integers(40, 90, seen.shape) + 100
    kopecks = clicks * rng.integers(1800, 4200, seen.shape)
    day, which = (part.ravel() for part in np.indices(seen.shape))
    return table(
        seen.size,
        day=texts(days[day].astype(str)),
        campaign_id=texts([_CAMPAIGNS[i][0] for i in which]),
        campaign=texts([_CAMPAIGNS[i][1] for i in which]),
        ad_group_id=texts((which * 10 + 1).astype(str)),
        impressions=texts(impressions.ravel().astype(str)),
        clicks=texts(clicks.ravel().astype(str)),
        cost=texts([f"{value // 100},{value % 100:02d}" for value in kopecks.ravel()]),
    )


def _surveys(world: World, web_ids: Ints) -> tuple[dict[str, pa.Table], Evidence]:
    rng, web = world.stream("surveys"), world.history.web_orders
    done = web["done_at"].to_numpy()
    asked = np.flatnonzero((done < NOW - 2 * DAY) & chance(rng, len(web), 0.06))
    audience = _audience(world, "surveys", web["person"].to_numpy()[asked], _FORM)
    asked = asked[_only_known(audience, web["person"].to_numpy()[asked])]
    sent = done[asked] + DAY + seconds(rng.integers(0, 3600, len(asked)))
    answered = sent + spread(rng, len(asked), 9)
    has_answered = chance(rng, len(asked), 0.38) & (answered < NOW)
    score = rng.choice(11, len(asked), p=[0.03, 0.01, 0.02, 0.02, 0.03, 0.05, 0.05, 0.1, 0.18, 0.21, 0.3])
    nps = table(
        len(asked),
        id=texts([f"nps-{number}" for number in web_ids[asked]]),
        sent_at=_zoned(sent),
        answered_at=either(has_answered, _zoned(answered), None),
        score=pa.array(score, mask=~has_answered),
        comment=either(has_answered, choose(rng, _COMMENTS, len(asked)), None),
        order_number=texts(web_ids[asked].astype(str)),
        **audience.contact(web["person"].to_numpy()[asked]),
    )
    return {"nps": nps}, audience.evidence


def _marketing(world: World, web_ids: Ints) -> tuple[dict[str, pa.Table], Evidence]:
    rng, presence, web = world.stream("marketing"), world.presence, world.history.web_orders
    users = np.flatnonzero(chance(rng, len(presence.user_person), 0.3))
    person, since = presence.user_person[users], presence.user_at[users]
    audience = _audience(world, "marketing", person, _FORM)
    known = _only_known(audience, person)
    person, since = person[known], since[known]
    consents = pd.concat(
        [
            pd.DataFrame(
                {"person": person[given], "at": since[given], "channel": channel, "status": "granted"}
            )
            for channel, share in (("email", 1.0), ("phone", 0.5), ("messenger", 0.25))
            for given in [np.flatnonzero(chance(rng, len(person), share))]
        ],
        ignore_index=True,
    )
    gone = consents[chance(rng, len(consents), 0.12)].copy()
    gone["at"] = gone["at"].to_numpy() + seconds(
        rng.random(len(gone)) * (NOW - gone["at"].to_numpy().astype("datetime64[s]")).astype(int)
    )
    consents = pd.concat([consents, gone.assign(status="withdrawn")]).sort_values("at", kind="stable")
    is_given = (consents["status"] == "granted").to_numpy()
    given = table(
        len(consents),
        event_id=texts([f"c-{i}" for i in range(1, len(consents) + 1)]),
        occurred_at=_zoned(consents["at"].to_numpy().astype("datetime64[s]")),
        purpose="marketing",
        channel=texts(consents["channel"].to_numpy()),
        status=texts(consents["status"].to_numpy()),
        proof=either(is_given, "форма регистрации, отметка v3", "ссылка отписки"),
        **audience.contact(consents["person"].to_numpy()),
    )

    shown = rng.choice(person, 2 * len(person)) if len(person) else person
    bought = np.flatnonzero(
        (web["status"] == b.COMPLETED).to_numpy()
        & (audience.row[web["person"].to_numpy()] != NONE)
        & chance(rng, len(web), 0.1)
    )
    offer = rng.integers(0, len(_OFFERS), len(shown) + len(bought))
    at = np.concatenate([moments(rng, len(shown)), web["at"].to_numpy()[bought]])
    is_shown = np.arange(len(at)) < len(shown)
    order_number = np.concatenate(
        [np.full(len(shown), None, dtype=object), texts(web_ids[bought].astype(str))]
    )
    who = np.concatenate([shown, web["person"].to_numpy()[bought]])
    by_time = np.argsort(at, kind="stable")
    offers = table(
        len(at),
        event_id=texts([f"o-{i}" for i in range(1, len(at) + 1)]),
        occurred_at=_zoned(at[by_time]),
        offer_id=texts([_OFFERS[i][0] for i in offer[by_time]]),
        offer_name=texts([_OFFERS[i][1] for i in offer[by_time]]),
        channel=either(is_shown[by_time], choose(rng, ["email", "messenger", "app"], len(at)), "web"),
        kind=either(is_shown[by_time], "shown", "redeemed"),
        campaign=either(is_shown[by_time], "skidki-nedeli", None),
        shop_order=order_number[by_time],
        **audience.contact(who[by_time]),
    )
    return {"consents": given, "offers": offers}, audience.evidence


def _events(world: World) -> tuple[dict[str, pa.Table], Evidence]:
    """Consultations that sellers note on a tablet: a phone, no name; some before a web order."""
    rng, web = world.stream("events"), world.history.web_orders
    advised = np.flatnonzero((web["status"] == b.COMPLETED).to_numpy() & chance(rng, len(web), 0.04))
    others = rng.choice(len(world.people), max(3, len(world.people) // 20))
    person = np.concatenate([web["person"].to_numpy()[advised], others])
    at = np.concatenate(
        [
            web["at"].to_numpy()[advised] - spread(rng, len(advised), 60),
            moments(rng, len(others), office=True),
        ]
    )
    at = to_office_hours(rng, np.maximum(at, START))
    # Some do not give their number.
    person = np.where(chance(rng, len(person), 0.2), NONE, person)
    audience = _audience(world, "events", person, _TABLET, with_names=False)
    order = np.argsort(at, kind="stable")
    person, at, count = person[order], at[order], len(person)
    seller = rng.choice(list(company.SELLERS), count)
    length = np.minimum(rng.exponential(420, count), 3000).astype(np.int64) + 60
    rows = table(
        count,
        event_id=texts([f"tablet-{i}" for i in range(1, count + 1)]),
        occurred_at=_zoned(at),
        ended_at=_zoned(np.minimum(at + seconds(length), NOW)),
        channel="store",
        kind="visit",
        direction="in",
        subject=choose(rng, ["подбор штор", "свет в гостиную", "посуда в подарок"], count),
        employee_id=texts(seller.astype(str)),
        employee_name=texts([" ".join(company.EMPLOYEES[i][1:3]) for i in seller]),
        payload=pa.array(
            [{"store": company.STORES[i - company.SELLERS[0]], "tablet": int(i)} for i in seller]
        ),
        **audience.contact(person),
    )
    return {"events": rows}, audience.evidence


def _zoned(at: Moments) -> Texts:
    """Moscow time with its offset, as such systems write it."""
    local = (at + MOSCOW).astype("datetime64[s]")
    return texts([f"{text}+03:00" for text in local.astype(str)])
