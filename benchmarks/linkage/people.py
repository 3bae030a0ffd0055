"""Invented people with the difficulty that a benchmark is about, and the cards that are kept of them. Seeded.

Belongs here: the household trap and the historical register. Does not belong here: the demo company
(demo_company/) and published sets (sets.py).
"""

import numpy as np
import pyarrow as pa

from demo_company.cards import PHONE_STYLES, phone_texts
from demo_company.draws import Ints, Texts, chance, either, stream, unique_numbers, zipf_choice
from demo_company.names import given_names, places, surnames
from demo_company.noise import slip
from demo_company.translit import PASSPORT, latin

PLACEHOLDER = "+7 (999) 999-99-99"

_GIVEN = {
    "m": "john william thomas george james charles henry robert joseph edward samuel richard alfred frederick "
    "walter arthur david albert harry francis benjamin peter daniel edwin ernest hugh philip ralph isaac abraham",
    "f": "mary elizabeth sarah ann jane margaret alice annie ellen emma florence hannah martha harriet emily "
    "charlotte louisa eliza catherine edith caroline rebecca agnes ada frances maria susannah isabella lucy grace",
}
_SHORT = {
    **{
        "william": "wm",
        "thomas": "thos",
        "george": "geo",
        "james": "jas",
        "charles": "chas",
        "robert": "robt",
    },
    **{
        "joseph": "jos",
        "edward": "ted",
        "samuel": "saml",
        "richard": "dick",
        "frederick": "fred",
        "henry": "harry",
    },
    **{"benjamin": "ben", "elizabeth": "lizzie", "margaret": "maggie", "mary": "polly", "catherine": "kate"},
    **{"hannah": "nan", "martha": "patty", "charlotte": "lottie", "frances": "fanny", "isabella": "bella"},
}
_FIRST_PARTS = (
    "ash bar beck black brad bur cart clay cole craw dal dun east elling fair farn green hal ham har hart hath "
    "hol horn hunt kel kirk lang law lin marsh mel mid mor nor oak pem pres rad raven red rich rose row rush "
    "sal sand shel stan sten sut thorn wal ward wat wel west whit wil win wood"
)
_LAST_PARTS = (
    "ton ley ford field ham wood worth man by son well den er combe dale stock bourne land ridge croft"
)
_PLACES = (
    "leeds york hull bath derby truro ripon wells exeter durham lincoln norwich ipswich oxford reading dover "
    "bristol preston carlisle chester bolton oldham rochdale halifax keighley bradford wakefield barnsley "
    "doncaster rotherham whitby scarborough grantham stamford boston spalding louth newark mansfield"
)
_TRADES = (
    "weaver spinner farmer carter miner clerk cooper baker butcher tailor mason joiner blacksmith shoemaker "
    "sailor teacher draper printer gardener servant dressmaker washerwoman innkeeper miller saddler"
)


def household_trap(
    people_in_pairs: int = 8000, alone: int = 4000, seed: int = 360
) -> tuple[pa.Table, pa.Table]:
    """Records and truth: two or three cards a person; pairs of people share phone and address.

    With the defaults 28,000 records and 4,000 such pairs; 3 % of the cards hold one placeholder phone.
    """
    people, rng = people_in_pairs + alone, stream(seed, "household")
    pairs = people_in_pairs // 2
    homes = np.concatenate([np.repeat(np.arange(pairs), 2), np.arange(pairs, pairs + alone)])
    home_count = pairs + alone
    is_second = np.arange(people) % 2 == 1
    woman = np.where(
        np.arange(people) < people_in_pairs, is_second ^ chance(rng, people, 0.1), rng.random(people) < 0.5
    )
    names, families, known = given_names(), surnames(), places()
    by_gender = [np.flatnonzero(~names.is_female), np.flatnonzero(names.is_female)]
    given = np.where(
        woman,
        by_gender[1][zipf_choice(rng, len(by_gender[1]), people)],
        by_gender[0][zipf_choice(rng, len(by_gender[0]), people)],
    )
    home_family = zipf_choice(rng, len(families.name), home_count)
    own_family = zipf_choice(rng, len(families.name), people)
    family = np.where(chance(rng, people, 0.8), home_family[homes], own_family)
    born = np.datetime64("1950-01-01") + rng.integers(0, 20_000, people)
    phone = (79_000_000_000 + unique_numbers(rng, 0, 999_999_999, home_count))[homes]
    street = (known.street_kind + " " + known.street)[zipf_choice(rng, len(known.street), home_count)]
    street = street + ", д. " + rng.integers(1, 120, home_count).astype(str).astype(object)
    street = (street + ", кв. " + rng.integers(1, 200, home_count).astype(str).astype(object))[homes]
    city = known.city[rng.choice(len(known.city), home_count, p=known.weight)][homes]
    words = zip(names.name[given], families.name[family, 0], strict=True)
    mailbox = np.array([f"{latin(g, PASSPORT)}.{latin(f, PASSPORT)}".lower() for g, f in words], dtype=object)
    mailbox = mailbox + rng.integers(1, 9999, people).astype(str).astype(object) + "@mail.ru"

    third = rng.permutation(people)[: people // 3]
    person = np.sort(np.concatenate([np.tile(np.arange(people), 2), third]))
    count = len(person)
    gender = woman[person].astype(int)
    is_short = chance(rng, count, 0.05)
    written = phone_texts(phone[person], rng.integers(0, PHONE_STYLES, count))
    day = born[person].astype("datetime64[D]").astype(str).astype(object)
    first = either(is_short, names.short[given[person], 0], names.name[given[person]])
    columns = {
        "given_name": slip(rng, first, chance(rng, count, 0.03)),
        "family_name": slip(rng, families.name[family[person], gender], chance(rng, count, 0.03)),
        "birth_date": either(chance(rng, count, 0.8), day, None),
        "phone": either(chance(rng, count, 0.03), PLACEHOLDER, written),
        "email": either(chance(rng, count, 0.3), mailbox[person], None),
        "street": street[person],
        "city": city[person],
    }
    return _shuffled(columns, person, rng)


def historical_register(people: int = 4000, seed: int = 360) -> tuple[pa.Table, pa.Table]:
    """Records and truth: one to five entries a person over a lifetime; names, dates, places and trades, much of it
    miswritten, shortened or missing."""
    rng = stream(seed, "historical")
    surnames_ = np.array([a + b for a in _FIRST_PARTS.split() for b in _LAST_PARTS.split()], dtype=object)
    surnames_ = rng.permutation(surnames_)
    woman = rng.random(people) < 0.5
    given = np.where(
        woman,
        np.array(_GIVEN["f"].split(), dtype=object)[zipf_choice(rng, 30, people)],
        np.array(_GIVEN["m"].split(), dtype=object)[zipf_choice(rng, 30, people)],
    )
    family = surnames_[zipf_choice(rng, len(surnames_), people, 1.0)]
    married = either(
        woman & chance(rng, people, 0.3), surnames_[zipf_choice(rng, len(surnames_), people, 1.0)], family
    )
    born = np.datetime64("1840-01-01") + rng.integers(0, 15_000, people)
    place = np.array(_PLACES.split(), dtype=object)[zipf_choice(rng, len(_PLACES.split()), people)]
    parish = np.array(
        [f"{p[:2]}{n}" for p, n in zip(place, rng.integers(1, 12, people), strict=True)], dtype=object
    )
    trade = np.array(_TRADES.split(), dtype=object)[zipf_choice(rng, len(_TRADES.split()), people)]

    person = np.repeat(np.arange(people), rng.choice([1, 2, 3, 4, 5], people, p=[0.2, 0.3, 0.25, 0.15, 0.1]))
    count = len(person)
    first = given[person]
    first = either(
        chance(rng, count, 0.1), np.array([_SHORT.get(name, name) for name in first], dtype=object), first
    )
    second = np.array(_GIVEN["m"].split() + _GIVEN["f"].split(), dtype=object)[person % 60]
    first = either(chance(rng, count, 0.12), first + " " + second, first)
    last = either(chance(rng, count, 0.5), married[person], family[person])
    years_off = np.where(chance(rng, count, 0.12), rng.integers(-2, 3, count), 0)
    day = (born[person] + years_off * 365).astype("datetime64[D]").astype(str).astype(object)
    year_only = np.array([text[:4] + "-01-01" for text in day], dtype=object)
    columns = {
        "first_name": either(chance(rng, count, 0.04), None, slip(rng, first, chance(rng, count, 0.12))),
        "surname": either(chance(rng, count, 0.03), None, slip(rng, last, chance(rng, count, 0.12))),
        "dob": either(chance(rng, count, 0.1), None, either(chance(rng, count, 0.2), year_only, day)),
        "birth_place": either(
            chance(rng, count, 0.2), None, slip(rng, place[person], chance(rng, count, 0.05))
        ),
        "parish": either(chance(rng, count, 0.25), None, parish[person]),
        "gender": either(chance(rng, count, 0.15), None, np.where(woman, "f", "m").astype(object)[person]),
        "occupation": either(chance(rng, count, 0.4), None, trade[person]),
    }
    return _shuffled(columns, person, rng)


def _shuffled(columns: dict[str, Texts], person: Ints, rng: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    """In random order, with IDs that give nothing away."""
    order, count = rng.permutation(len(person)), len(person)
    ids = pa.array([f"{n:x}" for n in unique_numbers(rng, 1 << 40, 1 << 44, count).tolist()])
    records = {
        name: pa.array(values[order], pa.string(), from_pandas=True) for name, values in columns.items()
    }
    truth = pa.table(
        {
            "source_system": pa.array(["file"] * count),
            "source_record_id": ids,
            "entity_id": pa.array([f"e{n}" for n in person[order].tolist()]),
        }
    )
    return pa.table({"source_record_id": ids, **records}), truth
