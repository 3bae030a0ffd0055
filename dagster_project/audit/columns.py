"""Which columns of a table name a person: by their headers, and by what a sample of their values is.

Belongs here: the guess, shown with every figure so that a reader can judge it. Does not belong here: figures.
"""

import json
import re
from collections.abc import Mapping, Sequence

from dagster_project.config import DEFAULT_PHONE_REGION
from dagster_project.identity.files.columns import choose
from dagster_project.identity.identifiers import canonical_values

# What a card is told apart by, and what it is linked by.
NAMES = ("full_name", "given_name", "middle_name", "family_name")
IDENTIFIERS = ("phone", "email", "loyalty_card", "tax_id")
EMAIL_HEADER = re.compile(r"mail|почт", re.IGNORECASE)
PHONE_HEADER = re.compile(
    r"phone|mobile|tel|fax|msisdn|cell|caller|whatsapp|viber|тел|моб|^(src|dst)$", re.IGNORECASE
)
TAX_HEADER = re.compile(r"^(vat|inn|инн|tax_?(id|number))$", re.IGNORECASE)
CARD_HEADER = re.compile(r"card_?(code|number|no)$", re.IGNORECASE)
# Digits as a mobile number has them: other numbers are no phones, whatever they could be dialled as.
MOBILE = re.compile(r"\+?[78]?[\s(-]*9(?:[\s()-]*\d){9}")
# Words of letters: a receipt's or a product's number is no name.
WORDS = re.compile(r"[^\W\d_][^\d@]*")
# Phones and e-mails in one column: in plain text, or somewhere in JSON.
CONTACT, CONTACTS = "contact", "contacts"
BETWEEN = re.compile(r"[,;/|]| и | или ")
# What of JSON's texts is an e-mail or a phone: a mobile number, or one with its prefix. Others are keys and codes.
CONTACT_IN_JSON = re.compile(r"[^@\s]+@[^@\s]+|\+?[78]?[\s(-]*9([\s()-]*\d){9}|(\+|8)[\d\s()-]{10,18}")
# Shares of a sample's values that must read as what the column is taken for; of a mixed one, each kind's least.
SURE, LIKELY, SOME = 0.8, 0.3, 0.1
FEWEST = 3  # without a header that says so


def holds(
    table: str, sample: Mapping[str, Sequence[str]], regions: Sequence[str] = (DEFAULT_PHONE_REGION,)
) -> dict[str, str]:
    """Column → what it holds (one of NAMES, IDENTIFIERS, birth_date, CONTACT or CONTACTS); others are left out.

    sample: column → some of its values, as text, without nulls. regions: where a phone without a country code may be from.
    A name counts only beside an identifier or a date of
    birth: the `name` of a product or of a case is none.
    """
    found = {
        column: kind
        for column, values in sample.items()
        if (kind := _identifier(table, column, values, regions))
    }
    by_header = {
        theirs: ours for ours, theirs in choose(list(sample), {}, [], table, sample.__getitem__).taken.items()
    }
    birth = {
        c: "birth_date" for c in sample if by_header.get(c) == "birth_date" or re.search("birth", c, re.I)
    }
    if found or birth:
        found |= {
            column: kind
            for column, kind in by_header.items()
            if kind in NAMES and column not in found and _are_names(sample[column])
        }
        found |= birth
    return found


def _identifier(table: str, column: str, values: Sequence[str], regions: Sequence[str]) -> str | None:
    if not values:
        return None
    if len(values) >= FEWEST and (mixed := _mixed(values, regions)):
        return mixed
    for kind, header, name in (
        ("email", EMAIL_HEADER, column),
        ("phone", PHONE_HEADER, column),
        ("tax_id", TAX_HEADER, column),
        ("loyalty_card", CARD_HEADER, f"{table}_{column}"),
    ):
        if header.search(name) and _share(kind, values, regions) >= LIKELY:
            return kind
    if len(values) < FEWEST:
        return None
    if _share("email", values, regions) >= SURE:
        return "email"
    mobiles = sum(MOBILE.fullmatch(value) is not None for value in values)
    return "phone" if mobiles >= SURE * len(values) else None


def _mixed(values: Sequence[str], regions: Sequence[str]) -> str | None:
    """CONTACT or CONTACTS where phones and e-mails stand in one column, or either in JSON."""
    if sum(value[0] in "[{" for value in values) >= SURE * len(values):
        with_contact = sum(any(CONTACT_IN_JSON.fullmatch(t) for t in _texts_in(value)) for value in values)
        return CONTACTS if with_contact >= LIKELY * len(values) else None
    parts = [part for value in values for part in BETWEEN.split(value) if part.strip()]
    others = [part for part in parts if "@" not in part]
    if not others or (emails := _share("email", parts, regions)) < SOME:
        return None
    phones = _share("phone", others, regions) * len(others) / len(parts)
    return CONTACT if phones >= SOME and emails + phones >= SURE else None


def _texts_in(written: str) -> list[str]:
    """Every text in a JSON document; none where it is no JSON."""
    try:
        left = [json.loads(written)]
    except ValueError:
        return []
    texts = []
    while left:
        value = left.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict | list):
            left += value.values() if isinstance(value, dict) else value
    return texts


def _are_names(values: Sequence[str]) -> bool:
    return sum(WORDS.fullmatch(value) is not None for value in values) >= SURE * len(values) > 0


def _share(kind: str, values: Sequence[str], regions: Sequence[str]) -> float:
    if kind == "email" and not any("@" in value for value in values):
        return 0.0
    return sum(value is not None for value in canonical_values(kind, values, regions)) / len(values)
