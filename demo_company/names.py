"""Vocabularies of names and places, with every spelling a person may use.

Belongs here: reading data/*.csv and deriving spellings, once a vocabulary entry. Does not belong here:
who bears which name (people.py) and who spells it how (cards.py).
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from demo_company.draws import Texts, texts
from demo_company.translit import CASUAL, PASSPORT, latin

DATA = Path(__file__).parent / "data"
ORIGINS = ("ru", "ta", "am", "ge", "uz", "kz", "da", "xx")  # xx: from abroad
ORIGIN_WEIGHTS = np.array([0.79, 0.06, 0.025, 0.02, 0.035, 0.015, 0.02, 0.035])


@dataclass(frozen=True)
class Given:
    """Given names; every array has one entry a name. `latin` and `short` are name × variant."""

    name: Texts
    is_female: np.ndarray
    origin: np.ndarray
    patronymic: Texts  # name × (male, female); None for names that women bear
    short: Texts
    latin: Texts
    latin_short: Texts


@dataclass(frozen=True)
class Surnames:
    """Surnames: `name` and `latin[…]` by gender: surname × (male, female) [× variant]."""

    name: Texts
    origin: np.ndarray
    latin: Texts


@dataclass(frozen=True)
class Places:
    city: Texts
    city_latin: Texts
    region: Texts
    postcode_prefix: np.ndarray
    area_code: np.ndarray
    weight: np.ndarray
    street: Texts
    street_latin: Texts
    street_kind: Texts


VARIANTS = 3


def without_yo(vocabulary: Texts) -> Texts:
    """The vocabulary as most people type it: е for ё."""
    plain = [v and v.replace("ё", "е").replace("Ё", "Е") for v in vocabulary.ravel()]
    return texts(plain).reshape(vocabulary.shape)


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / f"{name}.csv", keep_default_na=False)


def _spellings(listed: str, name: str) -> list[str]:
    # The first is the passport's, or what the file lists; the list is repeated up to VARIANTS.
    found = listed.split("|") if listed else list(dict.fromkeys([latin(name, PASSPORT), latin(name, CASUAL)]))
    return (found * VARIANTS)[:VARIANTS]


@lru_cache
def given_names() -> Given:
    table = _read("given_names")
    short = [(listed.split("|") * VARIANTS)[:VARIANTS] for listed in table.diminutives]
    return Given(
        name=texts(list(table.name)),
        is_female=(table.gender == "f").to_numpy(),
        origin=table.origin.map(ORIGINS.index).to_numpy(),
        patronymic=np.array(
            [[m or None, f or None] for m, f in zip(table.patronymic_m, table.patronymic_f, strict=True)],
            dtype=object,
        ),
        short=np.array(short, dtype=object),
        latin=np.array([_spellings(*row) for row in zip(table.latin, table.name, strict=True)], dtype=object),
        latin_short=np.array([[latin(s, CASUAL) for s in row] for row in short], dtype=object),
    )


@lru_cache
def surnames() -> Surnames:
    table = _read("surnames")
    both = list(zip(table.masculine, table.feminine, table.latin, strict=True))
    return Surnames(
        name=np.array([[m, f] for m, f, _ in both], dtype=object),
        origin=table.origin.map(ORIGINS.index).to_numpy(),
        latin=np.array(
            [[_spellings(listed, m), _spellings(listed, f)] for m, f, listed in both], dtype=object
        ),
    )


@lru_cache
def places() -> Places:
    cities, streets = _read("cities"), _read("streets")
    return Places(
        city=texts(list(cities.city)),
        city_latin=texts(list(cities.latin)),
        region=texts(list(cities.region)),
        postcode_prefix=cities.postcode_prefix.to_numpy(),
        area_code=cities.area_code.to_numpy(),
        weight=(cities.weight / cities.weight.sum()).to_numpy(),
        street=texts(list(streets.street)),
        street_latin=texts([latin(s, PASSPORT) for s in streets.street]),
        street_kind=texts(list(streets.kind)),
    )


@lru_cache
def products() -> pd.DataFrame:
    """sku, name, category, price (roubles)."""
    return _read("products")
