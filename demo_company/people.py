"""Who the customers are: persons, their households, the companies they work for, and what identifies them.

Belongs here: the truth about people, all arrays with one entry a person. Does not belong here: what any
system wrote about them (cards.py) and what they did (behaviour.py).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from demo_company.clock import NOW, OPENED, Moments, seconds
from demo_company.draws import (
    Flags,
    Ints,
    Texts,
    chance,
    choose,
    either,
    stream,
    texts,
    unique_numbers,
    zipf_choice,
)
from demo_company.names import ORIGIN_WEIGHTS, ORIGINS, given_names, places, surnames

NONE = -1
_HOUSEHOLD_SIZES = {1: 0.58, 2: 0.24, 3: 0.11, 4: 0.07}
_ABROAD = ORIGINS.index("xx")
_MAIL = {"mail.ru": 27, "yandex.ru": 24, "ya.ru": 4, "gmail.com": 26, "bk.ru": 5, "list.ru": 4, "inbox.ru": 4}
_MAIL |= {"rambler.ru": 3, "icloud.com": 2, "outlook.com": 1}
_TRADES = ["Строй", "Пром", "Тех", "Агро", "Авто", "Мед", "Эко", "Транс", "Энерго", "Инвест", "Спец", "Дом"]
_SUFFIXES = ["ресурс", "сервис", "торг", "монтаж", "снаб", "альянс", "групп", "проект", "комплект", "центр"]


@dataclass(frozen=True)
class Addresses:
    """One entry an address; `postcode` is text, `flat` 0 for a house without flats."""

    city: Ints
    street: Ints
    house: Ints
    flat: Ints
    postcode: Texts


@dataclass(frozen=True)
class Companies:
    name: Texts
    domain: Texts
    tax_id: Texts
    switchboard: Ints
    address: Ints


@dataclass(frozen=True)
class People:
    """Phones are E.164 digits as integers, 0 where there is none; e-mails are as their owner writes them.

    What changed has a moment: before it, `old_…` was true. NaT: never changed.
    """

    is_female: Flags
    origin: Ints
    given: Ints
    patronymic: Ints  # the father's given name; NONE where the culture has none
    family: Ints
    old_family: Ints
    married_at: Moments
    birth_date: np.ndarray
    household: Ints
    head: Ints  # the person whose phone the household gives
    address: Ints
    old_address: Ints
    moved_at: Moments
    mobile: Ints
    old_mobile: Ints
    mobile_changed_at: Moments
    second_mobile: Ints
    landline: Ints
    email: Texts
    second_email: Texts
    work_email: Texts
    shares_email: Flags  # uses the head's e-mail
    company: Ints
    addresses: Addresses
    companies: Companies

    def __len__(self) -> int:
        return len(self.given)

    def mobile_at(self, person: Ints, at: Moments) -> Ints:
        return np.where(at < self.mobile_changed_at[person], self.old_mobile[person], self.mobile[person])

    def family_at(self, person: Ints, at: Moments) -> Ints:
        return np.where(at < self.married_at[person], self.old_family[person], self.family[person])

    def address_at(self, person: Ints, at: Moments) -> Ints:
        return np.where(at < self.moved_at[person], self.old_address[person], self.address[person])


def _households(rng: np.random.Generator, count: int) -> tuple[Ints, Ints]:
    # Household and place in it (0 head, 1 spouse, 2+ child) of each of `count` persons.
    sizes = rng.choice(list(_HOUSEHOLD_SIZES), count, p=list(_HOUSEHOLD_SIZES.values()))
    household = np.repeat(np.arange(count), sizes)[:count]
    first = np.concatenate([[0], np.flatnonzero(np.diff(household)) + 1])
    place = np.arange(count) - np.repeat(first, np.diff(np.append(first, count)))
    return household, place


def _by_origin(rng: np.random.Generator, origin: Ints, groups: list[Ints]) -> Ints:
    # For each person an index out of its origin's group, commonest first.
    result = np.empty(len(origin), dtype=np.int64)
    for number, group in enumerate(groups):
        rows = np.flatnonzero(origin == number)
        if len(rows):
            result[rows] = group[zipf_choice(rng, len(group), len(rows))]
    return result


def _given(rng: np.random.Generator, is_female: Flags, origin: Ints) -> Ints:
    names = given_names()
    result = np.empty(len(origin), dtype=np.int64)
    for female in (False, True):
        groups = []
        for number in range(len(ORIGINS)):
            own = np.flatnonzero((names.is_female == female) & (names.origin == number))
            russian = np.flatnonzero((names.is_female == female) & (names.origin == 0))[:12]
            groups.append(own if number in (0, _ABROAD) else np.concatenate([own, russian]))
        rows = is_female == female
        result[rows] = _by_origin(rng, origin[rows], groups)
    return result


def _addresses(rng: np.random.Generator, count: int) -> Addresses:
    known = places()
    city = rng.choice(len(known.city), count, p=known.weight)
    street = zipf_choice(rng, len(known.street), count, 0.6)
    house = 1 + np.minimum(rng.exponential(30, count), 180).astype(np.int64)
    flat = np.where(rng.random(count) < 0.88, rng.integers(1, 240, count), 0)
    # A postcode serves a few streets of a city: stable, so that it agrees wherever it is written.
    post = known.postcode_prefix[city] * 1000 + 1 + (street * 7 + house // 40 * 13 + city) % 180
    return Addresses(city, street, house, flat, texts(list(post.astype(str))))


def _mobiles(rng: np.random.Generator, count: int) -> Ints:
    codes = np.array(
        [903, 905, 906, 909, 910, 911, 912, 915, 916, 917, 920, 921, 922, 925, 926, 950, 951, 960]
    )
    codes = np.concatenate([codes, [961, 962, 963, 964, 965, 977, 978, 980, 981, 985, 987, 988, 989, 995]])
    number = unique_numbers(rng, 0, len(codes) * 9_000_000, count)
    return 7_000_000_0000 + codes[number // 9_000_000] * 10_000_000 + 1_000_000 + number % 9_000_000


def _emails(rng: np.random.Generator, people: dict[str, np.ndarray], count: int, avoid: set[str]) -> Texts:
    # Local parts from Latin names and birth years; a number is added wherever the canonical form is taken.
    names, families = given_names(), surnames()
    gender = people["is_female"].astype(int)
    given = texts([v.lower() for v in names.latin[people["given"], 1]])
    short = texts([v.lower() for v in names.latin_short[people["given"], 0]])
    family = texts([v.lower() for v in families.latin[people["family"], gender, 1]])
    year = texts([str(y) for y in people["birth_date"].astype("datetime64[Y]").astype(int) + 1970])
    shape = rng.integers(0, 6, count)
    options = [given + "." + family, family + "." + given, short + family, short + year, family + year]
    options.append(texts([v[:1] for v in given]) + "." + family)
    local = np.choose(shape, options)
    local = texts(
        ["".join(c for c in v if c.isascii() and (c.isalnum() or c == ".")) or "user" for v in local]
    )
    domain = choose(rng, list(_MAIL), count, list(_MAIL.values()))
    # ya.ru and yandex.ru are one mailbox, gmail ignores dots: uniqueness is that of the mailbox.
    mailbox = pd.Series(texts([v.replace(".", "") for v in local]))
    repeat = mailbox.groupby(mailbox).cumcount().to_numpy()
    suffix = np.where(repeat > 0, texts((repeat + rng.integers(2, 9)).astype(str)), "")
    clash = np.fromiter((v in avoid for v in mailbox + suffix), dtype=bool, count=count)
    suffix = suffix + np.where(clash, texts(("x" + pd.Series(np.arange(count)).astype(str)).tolist()), "")
    avoid.update(mailbox + suffix)
    return local + suffix + "@" + domain


def _companies(rng: np.random.Generator, count: int, first_address: int) -> Companies:
    word = choose(rng, _TRADES, count) + choose(rng, _SUFFIXES, count)
    number = texts((np.arange(count) + 1).astype(str))
    form = choose(rng, ["ООО", "АО", "ИП"], count, [8, 1.5, 0])
    area = np.array([495, 812])[rng.choice(2, count, p=[0.7, 0.3])]
    local = unique_numbers(rng, 2_000_000, 7_900_000, count)
    return Companies(
        name=form + " «" + word + "-" + number + "»",
        domain="firma" + number + ".example",
        tax_id=texts(unique_numbers(rng, 7_701_000_000, 7_899_000_000, count).astype(str)),
        switchboard=7_000_000_0000 + area * 10_000_000 + local,
        address=first_address + np.arange(count),
    )


def make_people(count: int, seed: int, noise: float) -> People:
    """`count` persons (and about 4 % as many companies). `noise` scales what people share and change."""
    rng = stream(seed, "people")
    household, place = _households(rng, count)
    head = np.searchsorted(household, household)  # the first of each household
    is_spouse, is_child = place == 1, place >= 2

    origin = rng.choice(len(ORIGINS), count, p=ORIGIN_WEIGHTS)[head]
    is_female = rng.random(count) < 0.52
    is_female = np.where(is_spouse, ~is_female[head], is_female)
    age = np.clip(rng.normal(43, 13, count), 19, 85)
    has_children = np.isin(household, household[is_child])
    age = np.where(has_children, np.maximum(age, 44), age)
    age = np.where(is_spouse, np.clip(age[head] + rng.normal(0, 4, count), 19, 88), age)
    age = np.where(is_child, age[head] - rng.uniform(21, 26, count), age)
    birth = NOW.astype("datetime64[D]") - (age * 365.25).astype(int) - rng.integers(0, 365, count)
    given = _given(rng, is_female, origin)
    # Siblings do not bear one name: the later one gets another draw.
    same = pd.Series(given).groupby([household, given]).cumcount().to_numpy() > 0
    given[same] = _given(rng, is_female[same], origin[same])

    fathers = _given(rng, np.zeros(count, dtype=bool), np.where(origin == _ABROAD, 0, origin))
    spouse = np.minimum(head + 1, count - 1)
    father = np.where(is_female[head], spouse, head)
    has_father = is_child & (household[father] == household) & ~is_female[father]
    patronymic = np.where(has_father, given[father], fathers)
    patronymic = np.where(origin == _ABROAD, NONE, patronymic)

    groups = [np.flatnonzero(surnames().origin == number) for number in range(len(ORIGINS))]
    own_family = _by_origin(rng, origin, groups)
    keeps_own = is_spouse & (rng.random(count) < 0.15)
    family = np.where(keeps_own, own_family, own_family[head])
    # Women who married since the first cards were made: their older cards bear the maiden name.
    married = is_female & (age < 50) & chance(rng, count, 0.07 * noise)
    span = int((NOW - OPENED) // np.timedelta64(1, "s"))
    never = np.full(count, np.datetime64("NaT"), dtype="datetime64[s]")
    married_at = np.where(married, OPENED + seconds(rng.uniform(0.35, 0.95, count) * span), never)
    old_family = np.where(married, _by_origin(rng, origin, groups), family)

    companies_count = max(2, round(count * 0.04))
    # Today's homes, the companies' seats, the homes that people moved from.
    addresses = _addresses(rng, 2 * count + companies_count)
    moved = chance(rng, count, 0.05 * noise)
    moved_at = np.where(moved, OPENED + seconds(rng.uniform(0.2, 0.95, count) * span), never)
    address = np.arange(count)[head]
    company = np.where(chance(rng, count, 0.10), zipf_choice(rng, companies_count, count, 0.7), NONE)
    companies = _companies(rng, companies_count, count)

    phones = _mobiles(rng, 3 * count).reshape(3, count)
    abroad = (origin == _ABROAD) & (rng.random(count) < 0.4)
    foreign = np.array([375_29, 998_90, 49_151, 90_53])[rng.integers(0, 4, count)] * 10_000_000
    mobile = np.where(abroad, foreign + unique_numbers(rng, 1_000_000, 9_999_999, count), phones[0])
    changed = chance(rng, count, 0.11 * noise)
    mobile_changed_at = np.where(changed, OPENED + seconds(rng.uniform(0.2, 0.95, count) * span), never)
    old_mobile = np.where(changed, phones[1], mobile)
    # Recycled: a number that someone gave up is another person's today.
    given_up = np.flatnonzero(changed)[: int(changed.sum() * 0.3)]
    takers = rng.choice(count, len(given_up), replace=False) if len(given_up) else given_up
    takers_keep = ~changed[takers]
    mobile[takers[takers_keep]] = old_mobile[given_up[takers_keep]]
    old_mobile = np.where(changed, old_mobile, mobile)
    city = addresses.city[address]
    land_local = unique_numbers(rng, 2_000_000, 3_990_000, count)
    landline = 7_000_000_0000 + places().area_code[city] * 10_000_000 + land_local
    landline = np.where((rng.random(count) < 0.28)[head], landline[head], 0)

    drawn = {"is_female": is_female, "given": given, "family": family, "birth_date": birth}
    taken: set[str] = set()
    email = _emails(rng, drawn, count, taken)
    second_email = either(chance(rng, count, 0.25), _emails(rng, drawn, count, taken), None)
    latin = given_names().latin[given, 0], surnames().latin[family, is_female.astype(int), 0]
    plain = [
        texts(["".join(c for c in v.lower() if c.isascii() and c.isalpha()) for v in part]) for part in latin
    ]
    at_work = plain[0] + "." + plain[1] + "@" + companies.domain[company]
    at_work = np.where(pd.Series(at_work).duplicated(), None, at_work)
    return People(
        is_female=is_female,
        origin=origin,
        given=given,
        patronymic=patronymic,
        family=family,
        old_family=old_family,
        married_at=married_at,
        birth_date=birth,
        household=household,
        head=head,
        address=address,
        old_address=np.where(moved, count + companies_count + np.arange(count), address),
        moved_at=moved_at,
        mobile=mobile,
        old_mobile=old_mobile,
        mobile_changed_at=mobile_changed_at,
        second_mobile=np.where(rng.random(count) < 0.14, phones[2], 0),
        landline=landline,
        email=email,
        second_email=second_email,
        work_email=either(company == NONE, None, at_work),
        shares_email=is_spouse & chance(rng, count, 0.12 * noise),
        company=company,
        addresses=addresses,
        companies=companies,
    )
