"""Which country a phone without a country code is from, as phonenumbers calls it (ISO 3166, two letters).

Belongs here: from a country as sources write it to a region, and a region's own numbers as SQL. Does not belong here:
which region a record's phone has (standardise.py) and how numbers are read (identifiers.py).
"""

import csv
import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from babel import Locale
from babel.core import get_global
from phonenumbers import SUPPORTED_REGIONS, PhoneMetadata

from dagster_project.identity.engine import DATA, literal

# Country names of these languages are known; the list is read only for what is no code.
_LANGUAGES = (
    *(
        "en",
        "ru",
        "de",
        "fr",
        "es",
        "pt",
        "it",
        "nl",
        "pl",
        "uk",
        "be",
        "kk",
        "tr",
        "cs",
        "sk",
        "hu",
        "ro",
        "bg",
        "sr",
    ),
    *(
        "hr",
        "sl",
        "el",
        "fi",
        "sv",
        "da",
        "nb",
        "et",
        "lv",
        "lt",
        "ka",
        "hy",
        "az",
        "uz",
        "ky",
        "tg",
        "ar",
        "he",
        "fa",
    ),
    *("hi", "zh", "ja", "ko", "vi", "th", "id"),
)
# The kinds of numbers that phonenumbers' is_valid_number knows.
_KINDS = (
    *(
        "fixed_line",
        "mobile",
        "toll_free",
        "premium_rate",
        "shared_cost",
        "personal_number",
        "voip",
        "pager",
        "uan",
    ),
    "voicemail",
)


def region_of(country: str) -> str | None:
    """`country` (a code of two or three letters, a number or a name in a common language) as a region, or None."""
    key = _key(country)
    found = _codes().get(key) or _usual_names().get(key) or _names().get(key)
    return found if found in SUPPORTED_REGIONS else None


def _key(country: str) -> str:
    """Letters and digits alone, without case and accents."""
    plain = unicodedata.normalize("NFKD", country.casefold().replace("й", "и").replace("ё", "е"))
    return "".join(sign for sign in plain if sign.isalnum())


@cache
def _codes() -> dict[str, str]:
    """ISO codes of two letters, three letters and three digits."""
    aliases = {
        _key(code): regions[0]
        for code, regions in get_global("territory_aliases").items()
        if len(regions) == 1
    }
    return aliases | {_key(region): region for region in SUPPORTED_REGIONS}


@cache
def _usual_names() -> dict[str, str]:
    """Names and abbreviations in use that no standard has."""
    with (DATA / "countries.csv").open(encoding="utf-8") as file:
        return {_key(row["name"]): row["region"] for row in csv.DictReader(file)}


@cache
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for language in _LANGUAGES:
        for region, name in Locale(language).territories.items():
            if region in SUPPORTED_REGIONS:
                names.setdefault(_key(name), region)
    return names


def in_sql(region: str, digits: str, is_international: str) -> str | None:
    """SQL: `digits` in E.164 if they are a number of `region`, else null; None: its rules cannot be said in SQL.

    A number with its country code is read too.
    """
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.national_prefix_transform_rule is not None:
        return None
    prefix = metadata.national_prefix_for_parsing or ""
    if not re.fullmatch(r"[0-9]*", prefix):
        return None
    patterns = [getattr(metadata, kind).national_number_pattern for kind in _KINDS if getattr(metadata, kind)]
    number = "|".join(f"(?:{pattern})" for pattern in patterns if pattern and pattern != "NA")
    code = f"+{metadata.country_code}"

    def matches(text: str) -> str:
        return f"regexp_full_match({text}, {literal(number)})"

    own = f"{digits}[{len(prefix) + 1}:]"
    full = f"(00)?{metadata.country_code}({number})"
    return (
        f"case when {is_international} then case when regexp_full_match({digits}, {literal(full)})"
        f" then '+' || regexp_replace({digits}, '^00', '') end"
        + (
            f" when starts_with({digits}, '{prefix}') and {matches(own)} then '{code}' || {own}"
            if prefix
            else ""
        )
        + f" when {matches(digits)} then '{code}' || {digits} end"
    )


def known(countries: Iterable[str]) -> dict[str, str]:
    """Of `countries` those that are one, as regions."""
    return {country: region for country in countries if (region := region_of(country))}
