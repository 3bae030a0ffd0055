"""What people and clerks write on a card, rightly and wrongly.

Belongs here: from a person and a moment to the name, phone, e-mail, birth date and address as written.
Does not belong here: which cards exist (presence.py), and the tables they lie in (systems/).
"""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo_company.clock import Moments
from demo_company.draws import Flags, Ints, Texts, chance, either, filled, texts
from demo_company.names import given_names, places, surnames, without_yo
from demo_company.noise import PLACEHOLDER_DATES, PLACEHOLDER_EMAILS, PLACEHOLDER_PHONES, slip, wrong_layout
from demo_company.people import NONE, People
from demo_company.translit import PASSPORT, latin

NO_DATE = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Style:
    """How one channel writes. Shares of cards; those marked * are errors, scaled by the noise."""

    latin: float = 0.0
    short: float = 0.0  # *
    middle: float = 0.0
    no_family: float = 0.0  # *
    swapped: float = 0.0  # *
    one_field: float = 0.0  # *
    slips: float = 0.0  # * of each name
    layout: float = 0.0  # *
    lower: float = 0.0  # *
    phone: float = 0.0
    family_phone: float = 0.0  # *
    phone_slips: float = 0.0  # *
    phone_placeholder: float = 0.0  # *
    email: float = 0.0
    email_variant: float = 0.15  # *
    email_slips: float = 0.0  # *
    email_placeholder: float = 0.0  # *
    birth: float = 0.0
    birth_wrong: float = 0.0  # * day and month swapped, or a slip
    birth_placeholder: float = 0.0  # *
    address: float = 0.0
    address_slips: float = 0.0  # *


CRM = Style(
    latin=0.02, short=0.08, middle=0.25, swapped=0.04, one_field=0.04, slips=0.035, layout=0.004, lower=0.03,
    phone=0.48, family_phone=0.10, phone_slips=0.05, phone_placeholder=0.035,
    email=0.36, email_variant=0.2, email_slips=0.03, email_placeholder=0.025,
    birth=0.78, birth_wrong=0.025, birth_placeholder=0.03, address=0.66, address_slips=0.03,
)  # fmt: skip
LEAD = replace(CRM, latin=0.10, short=0.2, middle=0.05, phone=0.7, email=0.6, birth=0.22, address=0.2)
ERP = Style(
    latin=0.02, short=0.06, middle=0.6, swapped=0.3, slips=0.03, layout=0.004, lower=0.02,
    phone=0.4, family_phone=0.10, phone_slips=0.045, phone_placeholder=0.035,
    email=0.25, email_variant=0.2, email_slips=0.03, email_placeholder=0.025,
    birth=0.76, birth_wrong=0.02, birth_placeholder=0.03, address=0.64, address_slips=0.03,
)  # fmt: skip
SHOP = Style(
    latin=0.18, short=0.14, middle=0.04, no_family=0.02, swapped=0.04, one_field=0.03, slips=0.03,
    layout=0.004, lower=0.09, phone=0.8, family_phone=0.06, phone_slips=0.03, phone_placeholder=0.025,
    email=1.0, email_variant=0.5, email_slips=0.03, email_placeholder=0.015, address=1.0, address_slips=0.02,
)  # fmt: skip
CHAT = Style(
    latin=0.22, short=0.3, no_family=0.3, slips=0.02, lower=0.1,
    email=1.0, email_variant=0.3, email_slips=0.02, email_placeholder=0.01,
)  # fmt: skip
RECEIPT = Style(phone=1.0, phone_slips=0.02, phone_placeholder=0.015, email=1.0, email_slips=0.03)


@dataclass(frozen=True)
class Cards:
    """Written cards, one entry a card. The last block says what of it is true, for truth.py alone."""

    person: Ints
    at: Moments
    given: Texts
    middle: Texts
    family: Texts
    phone: Texts
    email: Texts
    birth_date: np.ndarray
    street: Texts
    city: Texts
    region: Texts
    postcode: Texts
    is_latin: Flags
    family_index: Ints  # the surname borne then
    is_named: Flags  # a given name that can be recognised
    is_fully_named: Flags  # and the surname
    has_patronymic: Flags
    has_birth_date: Flags  # the true one
    address_index: Ints  # the true address, NONE where it is not written or wrong

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: np.ndarray) -> Self:
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def where(self, flags: Flags, other: Self) -> Self:
        """These cards, and `other`'s where not `flags`."""
        return type(self)(
            **{f.name: np.where(flags, getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        )


def joined(*parts: Texts, separator: str = " ") -> Texts:
    """The parts that are there, in one text; null where none is."""
    # Not binary_join_element_wise(null_handling="skip"): it loses rows whose parts are all null.
    first, *others = (pa.array(part, pa.string(), from_pandas=True) for part in parts)
    for part in others:
        first = pc.coalesce(pc.binary_join_element_wise(first, part, separator), first, part)
    return np.array(first.to_pylist(), dtype=object)


def write(
    people: People, person: Ints, at: Moments, style: Style, rng: np.random.Generator, noise: float
) -> Cards:
    """A card for each (person, moment)."""
    count = len(person)

    def error(rate: float) -> Flags:
        return chance(rng, count, rate * noise)

    is_latin = chance(rng, count, style.latin) | ((people.origin[person] == 7) & chance(rng, count, 0.6))
    given, middle, family, known = _names(people, person, at, is_latin, style, rng, noise)
    lower = error(style.lower)
    if style.lower:
        given, middle, family = (_lowered(part, lower) for part in (given, middle, family))
    has_patronymic = filled(middle)

    swapped = error(style.swapped) if style is not ERP else np.zeros(count, dtype=bool)
    given, family = np.where(swapped, family, given), np.where(swapped, given, family)
    birth = _birth_dates(people, person, style, rng, noise)
    street, city, region, postcode, address = _addresses(people, person, at, is_latin, style, rng, noise)
    return Cards(
        person=person,
        at=at,
        given=given,
        middle=middle,
        family=family,
        phone=_phones(people, person, at, style, rng, noise),
        email=_emails(people, person, style, rng, noise),
        birth_date=birth,
        street=street,
        city=city,
        region=region,
        postcode=postcode,
        is_latin=is_latin,
        family_index=people.family_at(person, at),
        is_named=known,
        is_fully_named=known & filled(family),
        has_patronymic=has_patronymic & known,
        has_birth_date=birth == people.birth_date[person],
        address_index=address,
    )


def in_one_field(cards: Cards, rng: np.random.Generator, noise: float, rate: float) -> tuple[Texts, Texts]:
    """First and last name columns as a form has them: the patronymic after the given name, and in `rate`
    of cards (scaled by noise) everything in the last name."""
    first = joined(cards.given, cards.middle)
    whole = chance(rng, len(cards), rate * noise)
    return either(whole, None, first), either(whole, joined(cards.family, first), cards.family)


def full_names(cards: Cards, rng: np.random.Generator) -> Texts:
    """One name field: `Фамилия Имя Отчество`, `Имя Отчество Фамилия` or `Имя Фамилия`."""
    order = rng.random(len(cards))
    family_first = joined(cards.family, cards.given, cards.middle)
    given_first = joined(cards.given, cards.middle, cards.family)
    return np.where(order < 0.65, family_first, given_first)


def phone_texts(numbers: Ints, kind: Ints | int) -> Texts:
    """E.164 digits as text in one of PHONE_STYLES styles; null for 0. Foreign ones begin with +."""
    digits = pa.array(numbers).cast(pa.string())
    code, a, b, c = (pc.utf8_slice_codeunits(digits, *cut) for cut in ((1, 4), (4, 7), (7, 9), (9, 11)))

    def made(*parts: str | pa.Array) -> Texts:
        return texts(pc.binary_join_element_wise(*parts, "").to_pylist())

    styles = [
        made("+7 (", code, ") ", a, "-", b, "-", c),
        made("8", code, a, b, c),
        made("+7", code, a, b, c),
        made("8 ", code, " ", a, " ", b, " ", c),
        made("8(", code, ")", a, "-", b, "-", c),
        made("7", code, a, b, c),
        made(code, a, b, c),
        made("+7-", code, "-", a, "-", b, "-", c),
    ]
    russian = np.choose(np.broadcast_to(kind, len(numbers)), styles)
    is_russian = numbers // 10_000_000_000 == 7
    return either(numbers == 0, None, either(is_russian, russian, made("+", digits)))


PHONE_STYLES = 8


def _names(
    people: People,
    person: Ints,
    at: Moments,
    is_latin: Flags,
    style: Style,
    rng: np.random.Generator,
    noise: float,
) -> tuple[Texts, Texts, Texts, Flags]:
    count = len(person)
    names, families = given_names(), surnames()
    gender = people.is_female[person].astype(int)
    given_index, family_index = people.given[person], people.family_at(person, at)
    # A person spells the Latin name and abbreviates it in one way, mostly.
    variant = np.where(rng.random(count) < 0.8, person % 3, rng.integers(0, 3, count))
    is_short = chance(rng, count, style.short * noise)
    typed_yo = rng.random(count) < 0.35

    def cyrillic(vocabulary: Texts, *index: Ints) -> Texts:
        return np.where(typed_yo, vocabulary[index], without_yo(vocabulary)[index])

    given = np.where(is_short, cyrillic(names.short, given_index, variant), cyrillic(names.name, given_index))
    given_latin = np.where(
        is_short, names.latin_short[given_index, variant], names.latin[given_index, variant]
    )
    given = np.where(is_latin, given_latin, given)
    family = np.where(
        is_latin, families.latin[family_index, gender, variant], cyrillic(families.name, family_index, gender)
    )
    father = people.patronymic[person]
    has_middle = chance(rng, count, style.middle) & (father != NONE) & ~is_short
    patronymic_latin = texts([v and latin(v, PASSPORT) for v in names.patronymic.ravel()]).reshape(-1, 2)
    middle = np.where(is_latin, patronymic_latin[father, gender], cyrillic(names.patronymic, father, gender))
    middle = either(has_middle, middle, None)

    given = slip(rng, given, chance(rng, count, style.slips * noise))
    family = slip(rng, family, chance(rng, count, style.slips * noise))
    middle = slip(rng, middle, chance(rng, count, style.slips * noise))
    mistyped = chance(rng, count, style.layout * noise) & ~is_latin
    given, middle, family = (wrong_layout(part, mistyped) for part in (given, middle, family))
    family = either(chance(rng, count, style.no_family * noise), None, family)
    return given, middle, family, ~mistyped


def _lowered(values: Texts, where: Flags) -> Texts:
    result = values.copy()
    result[where] = [v and v.lower() for v in values[where]]
    return result


def _phones(
    people: People, person: Ints, at: Moments, style: Style, rng: np.random.Generator, noise: float
) -> Texts:
    count = len(person)
    number = people.mobile_at(person, at)
    second = people.second_mobile[person]
    number = np.where((second > 0) & (rng.random(count) < 0.25), second, number)
    landline, heads = people.landline[person], people.mobile_at(people.head[person], at)
    of_family = chance(rng, count, style.family_phone * noise)
    number = np.where(of_family, np.where(landline > 0, landline, heads), number)
    number = np.where(chance(rng, count, style.phone), number, 0)
    # Clerks and browsers have their habits: half of the cards are in the two commonest styles.
    kind = rng.choice(PHONE_STYLES, count, p=[0.26, 0.26, 0.18, 0.08, 0.08, 0.05, 0.05, 0.04])
    written = slip(rng, phone_texts(number, kind), chance(rng, count, style.phone_slips * noise))
    placeholder = np.array(PLACEHOLDER_PHONES, dtype=object)[
        rng.choice(len(PLACEHOLDER_PHONES), count, p=[0.55, 0.25, 0.12, 0.08])
    ]
    return np.where(chance(rng, count, style.phone_placeholder * noise), placeholder, written)


def _emails(people: People, person: Ints, style: Style, rng: np.random.Generator, noise: float) -> Texts:
    count = len(person)
    second = people.second_email[person]
    email = np.where(filled(second) & (rng.random(count) < 0.3), second, people.email[person])
    shared = people.shares_email[person] & (rng.random(count) < 0.8)
    email = np.where(shared, people.email[people.head[person]], email)
    email = _mailbox_variants(email, chance(rng, count, style.email_variant * noise), rng)
    email = slip(rng, email, chance(rng, count, style.email_slips * noise))
    placeholder = np.array(PLACEHOLDER_EMAILS, dtype=object)[
        rng.choice(len(PLACEHOLDER_EMAILS), count, p=[0.5, 0.25, 0.1, 0.15])
    ]
    email = np.where(chance(rng, count, style.email_placeholder * noise), placeholder, email)
    return either(chance(rng, count, style.email), email, None)


def _mailbox_variants(emails: Texts, where: Flags, rng: np.random.Generator) -> Texts:
    # The same mailbox written otherwise: gmail's dots and plus, yandex's domains, capitals.
    rows = np.flatnonzero(where)
    kind = rng.integers(0, 2, len(rows))
    changed = emails.copy()
    changed[rows] = [_other_form(email, bool(k)) for email, k in zip(emails[rows], kind, strict=True)]
    return changed


def _other_form(email: str, second: bool) -> str:
    local, _, domain = email.partition("@")
    if domain == "gmail.com":
        return f"{local}+shop@{domain}" if second else f"{local[:2]}.{local[2:].replace('.', '')}@{domain}"
    if domain in ("yandex.ru", "ya.ru"):
        return f"{local}@{'ya.ru' if domain == 'yandex.ru' else 'yandex.ru'}"
    return email.capitalize() if second else email.upper()


def _birth_dates(
    people: People, person: Ints, style: Style, rng: np.random.Generator, noise: float
) -> np.ndarray:
    count = len(person)
    true = people.birth_date[person]
    month = true.astype("datetime64[M]")
    day = (true - month.astype("datetime64[D]")).astype(int)  # from 0
    month_number = month.astype(int) % 12
    swapped = (month - month_number + np.minimum(day, 11)).astype("datetime64[D]") + month_number
    wrong = chance(rng, count, style.birth_wrong * noise)
    written = np.where(wrong, np.where(day < 12, swapped, true + 1), true)
    placeholder = np.array(PLACEHOLDER_DATES)[rng.integers(0, 2, count)]
    written = np.where(chance(rng, count, style.birth_placeholder * noise), placeholder, written)
    return np.where(chance(rng, count, style.birth), written, NO_DATE)


def _addresses(
    people: People,
    person: Ints,
    at: Moments,
    is_latin: Flags,
    style: Style,
    rng: np.random.Generator,
    noise: float,
) -> tuple[Texts, Texts, Texts, Texts, Ints]:
    count = len(person)
    known, book = places(), people.addresses
    index = people.address_at(person, at)
    city_index, street_index = book.city[index], book.street[index]
    house, flat = texts(book.house[index].astype(str)), texts(book.flat[index].astype(str))
    flat = either(book.flat[index] == 0, None, flat)
    street, kind = known.street[street_index], known.street_kind[street_index]
    styles = [
        joined(kind + " " + street + ", д. " + house, _prefixed("кв. ", flat), separator=", "),
        joined(street + " " + house, flat, separator="-"),
        joined(street + " дом " + house, _prefixed("квартира ", flat)),
        joined(kind + street + " " + house, _prefixed("кв", flat), separator=", "),
    ]
    written = np.choose(rng.choice(4, count, p=[0.5, 0.2, 0.15, 0.15]), styles)
    street_latin = known.street_latin[street_index]
    written = np.where(
        is_latin, joined(street_latin + " " + house, _prefixed("kv. ", flat), separator=", "), written
    )
    city = np.where(rng.random(count) < 0.12, "г. " + known.city[city_index], known.city[city_index])
    city = np.where((city == "Санкт-Петербург") & (rng.random(count) < 0.25), "СПб", city)
    city = np.where(is_latin, known.city_latin[city_index], city)

    present = chance(rng, count, style.address)
    # A wrong house or flat number: another address, so no evidence.
    wrong = chance(rng, count, style.address_slips * noise)
    written = np.where(wrong, written + "1", written)
    has_postcode = present & (rng.random(count) < 0.8)
    return (
        either(present, written, None),
        either(present, city, None),
        either(present, known.region[city_index], None),
        either(has_postcode, book.postcode[index], None),
        np.where(present & ~wrong, index, NONE),
    )


def _prefixed(prefix: str, values: Texts) -> Texts:
    return either(filled(values), prefix + either(filled(values), values, ""), None)
