"""Which card is whose, and whether a linker can know it.

Belongs here: the truth of the demo company. Does not belong here: anything that the pipeline may read.

`is_linkable` is true where a card holds evidence that a good linker can use:
- Only live cards of persons count: deleted cards, company cards and the company's own are not linkable.
- Two cards of a person are joined by evidence if they share
  a phone, e-mail mailbox, loyalty card, messenger account or the shop's account or order, written rightly, that
  only this person's cards bear;
  or one that several persons' cards bear (a family's phone, a switchboard, a recycled number) and a
  recognisable given name; or a recognisable full name (diminutives, other scripts and single slips are
  recognisable, the wrong keyboard layout is not) with the true birth date or the same true address; or
  given name, patronymic and birth date; or where the source itself says so (a converted lead, a
  delivery address).
- A card is linkable if it lies in the largest group of its person's cards so joined. A person with a single
  live card is linkable (it must stay alone) if the card holds a full name or a true identifier.
So numbers and receipts without a name whose phone several people use are not linkable, nor are cards that hold
nothing but a bare name or placeholders.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from demo_company.cards import Cards
from demo_company.draws import Flags, Ints, Texts, texts
from demo_company.people import NONE, People


@dataclass(frozen=True)
class Evidence:
    """The cards of one source. `entity` names whose card it is; `person` is NONE where nobody's we model.

    `identifiers` holds (row of the card, kind phone/email/loyalty_card/messenger/account, value as written); `parents` pairs of
    rows that the source itself joins. Without `cards` (nameless cards) only identifiers are evidence.
    """

    source: str
    record_id: Texts
    entity: Texts
    person: Ints
    is_live: Flags
    cards: Cards | None
    identifiers: list[tuple[Ints, str, Texts]]
    parents: list[tuple[Ints, Ints]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.record_id)


def person_entities(person: Ints) -> Texts:
    return np.array(
        pc.binary_join_element_wise("person:", pa.array(person).cast(pa.string()), "").to_pylist(), object
    )


def record_entities(people: People, parts: list[Evidence]) -> pa.Table:
    """source_system, source_record_id, entity_id, is_linkable for every card of `parts`."""
    start = np.cumsum([0, *map(len, parts)])
    person = np.concatenate([part.person for part in parts])
    live = np.concatenate([part.is_live for part in parts]) & (person != NONE)
    entity = np.concatenate([part.entity for part in parts])

    identifiers = _identifiers(people, parts, start, person, live)
    named = _attributes(people, parts, start)
    identifiers["given"] = named["given"].to_numpy()[identifiers["card"]]
    bearers = identifiers.groupby("value")["person"].transform("nunique")
    shared = (bearers > 1).to_numpy()
    usable = ~shared | (identifiers["given"] != NONE).to_numpy()

    keys = [
        identifiers[usable].assign(kind="identifier")[["kind", "person", "value", "card"]],
        *_name_keys(named, live, person),
    ]
    for part, offset in zip(parts, start, strict=False):
        for child, parent in part.parents:
            pairs = pd.DataFrame(
                {"card": np.concatenate([child, parent]) + offset, "value": np.tile(child, 2)}
            )
            pairs["kind"], pairs["person"] = "parent:" + part.source, person[pairs["card"]]
            keys.append(pairs)
    group = _groups(pd.concat(keys), live, len(person))

    cards = pd.DataFrame({"entity": entity, "group": group, "live": live})
    alive = cards[live]
    size = alive.groupby("group")["live"].transform("size").reindex(cards.index, fill_value=0)
    total = alive.groupby("entity")["live"].transform("size").reindex(cards.index, fill_value=0)
    # The largest group of each entity; of equals the one with the first card.
    best = (
        alive.assign(size=size[live])
        .sort_values(["size", "group"], ascending=[False, True])
        .drop_duplicates("entity")
        .set_index("entity")["group"]
    )
    in_best = cards["group"].to_numpy() == cards["entity"].map(best).fillna(NONE).to_numpy()
    holds_something = np.zeros(len(cards), dtype=bool)
    holds_something[identifiers["card"]] = True
    holds_something |= named["full"].to_numpy()
    alone = (total == 1) & holds_something
    stranger = np.array([e.startswith("stranger:") for e in entity]) & np.concatenate(
        [p.is_live for p in parts]
    )
    linkable = (live & in_best & ((size > 1) | alone)).to_numpy() | stranger
    return pa.table(
        {
            "source_system": pa.array(
                np.repeat([part.source for part in parts], [len(part) for part in parts])
            ),
            "source_record_id": pa.array(np.concatenate([part.record_id for part in parts]), pa.string()),
            "entity_id": pa.array(entity, pa.string()),
            "is_linkable": pa.array(linkable),
        }
    )


def phone_key(values: Texts) -> Texts:
    """The last ten digits of each phone as written."""
    digits = pd.Series(values, dtype="str").str.replace(r"\D", "", regex=True)
    return digits.str[-10:].to_numpy(dtype=object)


def email_key(values: Texts) -> Texts:
    """The mailbox behind each address: case, gmail's dots and plus, yandex's domains."""
    whole = pd.Series(values, dtype="str").str.lower()
    domain = whole.str.replace(r"^[^@]*@?", "", regex=True).replace({"ya.ru": "yandex.ru"})
    local = whole.str.replace(r"[@+].*", "", regex=True)
    local = local.mask(domain == "gmail.com", local.str.replace(".", "", regex=False))
    return (local + "@" + domain).to_numpy(dtype=object)


_KEYS = {"phone": phone_key, "email": email_key}
_ALWAYS_TRUE = ("loyalty_card:", "messenger:", "account:")  # nobody types these wrongly


def _identifiers(
    people: People, parts: list[Evidence], start: np.ndarray, person: Ints, live: Flags
) -> pd.DataFrame:
    # card, person, value of every true identifier on a live card.
    frames = []
    for part, offset in zip(parts, start, strict=False):
        for row, kind, written in part.identifiers:
            present = pd.notna(written)
            value = kind + ":" + _KEYS.get(kind, lambda values: values)(written[present])
            frames.append(pd.DataFrame({"card": row[present] + offset, "value": value}))
    found = pd.concat(frames).drop_duplicates(ignore_index=True)
    found["person"] = person[found["card"]]
    phones = [
        people.mobile,
        people.old_mobile,
        people.second_mobile,
        people.landline,
        people.companies.switchboard,
    ]
    numbers = np.unique(np.concatenate(phones))
    emails = np.concatenate([people.email, people.second_email, people.work_email])
    true = pd.Index("phone:" + phone_key(texts(numbers[numbers > 0].astype(str))))
    true = true.union(pd.Index("email:" + email_key(emails[pd.notna(emails)])))
    is_true = found["value"].isin(true) | found["value"].str.startswith(_ALWAYS_TRUE)
    return found[is_true & live[found["card"]]].reset_index(drop=True)


def _attributes(people: People, parts: list[Evidence], start: np.ndarray) -> pd.DataFrame:
    # Of every card: true given name (NONE: not recognisable), full, family, patronymic, birth, address.
    blank = {
        "given": NONE,
        "full": False,
        "family": NONE,
        "patronymic": False,
        "birth": False,
        "address": NONE,
    }
    frame = pd.DataFrame({name: np.full(start[-1], value) for name, value in blank.items()})
    for part, offset in zip(parts, start, strict=False):
        if part.cards is None:
            continue
        cards, at = part.cards, slice(offset, offset + len(part.cards) - 1)
        frame.loc[at, "given"] = np.where(cards.is_named, people.given[cards.person], NONE)
        frame.loc[at, "full"] = cards.is_fully_named
        frame.loc[at, "family"] = cards.family_index
        frame.loc[at, "patronymic"] = cards.has_patronymic
        frame.loc[at, "birth"] = cards.has_birth_date
        frame.loc[at, "address"] = cards.address_index
    return frame


def _name_keys(named: pd.DataFrame, live: Flags, person: Ints) -> list[pd.DataFrame]:
    named = named.assign(card=np.arange(len(named)), person=person)[live]
    full, birth, address = named["full"], named["birth"], named["address"] != NONE
    family = named["family"].astype(str)
    by_birth = named[full & birth].assign(kind="birth", value=family)
    by_patronymic = named[(named["given"] != NONE) & named["patronymic"] & birth].assign(
        kind="patronymic", value=""
    )
    by_address = named[full & address].assign(
        kind="address", value=family + "/" + named["address"].astype(str)
    )
    return [part[["kind", "person", "value", "card"]] for part in (by_birth, by_patronymic, by_address)]


def _groups(keys: pd.DataFrame, live: Flags, count: int) -> Ints:
    keys = keys[live[keys["card"]]]
    key = keys.groupby(["kind", "person", "value"], sort=False).ngroup().to_numpy()
    card = keys["card"].to_numpy()
    # Cards and keys are the two sides of one graph.
    size = count + (key.max() + 1 if len(key) else 0)
    graph = coo_array((np.ones(len(key), dtype=np.int8), (card, key + count)), shape=(size, size))
    return connected_components(graph, directed=False)[1][:count]
