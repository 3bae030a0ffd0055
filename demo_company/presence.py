"""Who has which card where: the cards of people in CRM, ERP and shop, with duplicates, merges, conversions.

Belongs here: which cards exist, since when, and what became of them. Does not belong here: what is written
on them (cards.py).
"""

from dataclasses import dataclass

import numpy as np

from demo_company.clock import NOW, OPENED, Moments, seconds, to_office_hours
from demo_company.draws import Flags, Ints, chance, stream
from demo_company.people import NONE, People


@dataclass(frozen=True)
class Presence:
    """Cards as parallel arrays, sorted by when they were made; `…_person` indexes People."""

    contact_person: Ints
    contact_at: Moments
    contact_deleted: Flags  # soft-deleted: mostly the loser of a merge
    lead_person: Ints
    lead_at: Moments
    lead_contact: Ints  # the contact it was converted to, or NONE
    lead_deleted: Flags
    partner_person: Ints
    partner_at: Moments
    partner_active: Flags
    partner_loyalty: Flags  # bears a loyalty card
    user_person: Ints
    user_at: Moments
    is_guest: Flags  # of a person: buys in the shop without an account
    is_caller: Flags  # of a person


def _since(rng: np.random.Generator, count: int) -> Moments:
    span = int((NOW - OPENED) // np.timedelta64(1, "s"))
    # More cards of late: the company grows.
    return np.minimum(to_office_hours(rng, OPENED + seconds(rng.beta(1.6, 1.0, count) * span)), NOW)


def _with_duplicates(
    rng: np.random.Generator, person: Ints, at: Moments, rate: float
) -> tuple[Ints, Moments, Flags]:
    # Second cards of `rate` of the persons, made later; the flags say which cards are second ones.
    again = chance(rng, len(person), rate)
    later = at[again] + seconds(rng.uniform(0.1, 1, int(again.sum())) * (NOW - at[again]).astype(int))
    person, at = np.concatenate([person, person[again]]), np.concatenate([at, later])
    is_second = np.arange(len(person)) >= len(again)
    order = np.argsort(at, kind="stable")
    return person[order], at[order], is_second[order]


def make_presence(people: People, seed: int, noise: float) -> Presence:
    rng = stream(seed, "presence")
    count = len(people)
    in_crm = rng.random(count) < np.where(people.company != NONE, 0.7, 0.38)
    in_leads = chance(rng, count, 0.16)
    in_erp = chance(rng, count, 0.64)
    is_user = chance(rng, count, 0.38)
    is_guest = chance(rng, count, 0.30)
    in_erp |= ~(in_crm | in_leads | is_user | is_guest)

    persons = np.flatnonzero(in_crm)
    contact_person, contact_at, second = _with_duplicates(
        rng, persons, _since(rng, len(persons)), 0.08 * noise
    )
    contact_deleted = np.where(second, rng.random(len(second)) < 0.4, rng.random(len(second)) < 0.01)

    persons = np.flatnonzero(in_leads)
    lead_person, lead_at, _ = _with_duplicates(rng, persons, _since(rng, len(persons)), 0.05 * noise)
    contact_of = np.full(count, NONE)
    contact_of[contact_person[::-1]] = np.arange(len(contact_person))[::-1]
    lead_contact = np.where(rng.random(len(lead_person)) < 0.75, contact_of[lead_person], NONE)
    # A lead comes before the contact that it became.
    made = contact_at[lead_contact]
    before = np.maximum(made - seconds(rng.uniform(0.5, 20, len(made)) * 86400), OPENED)
    lead_at = np.where(lead_contact != NONE, before, lead_at)
    order = np.argsort(lead_at, kind="stable")
    lead_person, lead_at, lead_contact = lead_person[order], lead_at[order], lead_contact[order]

    persons = np.flatnonzero(in_erp)
    partner_person, partner_at, second = _with_duplicates(
        rng, persons, _since(rng, len(persons)), 0.06 * noise
    )
    persons = np.flatnonzero(is_user)
    user_person, user_at, _ = _with_duplicates(rng, persons, _since(rng, len(persons)), 0.02 * noise)
    return Presence(
        contact_person=contact_person,
        contact_at=contact_at,
        contact_deleted=contact_deleted,
        lead_person=lead_person,
        lead_at=lead_at,
        lead_contact=lead_contact,
        lead_deleted=rng.random(len(lead_person)) < 0.02,
        partner_person=partner_person,
        partner_at=partner_at,
        partner_active=~np.where(second, rng.random(len(second)) < 0.3, rng.random(len(second)) < 0.015),
        partner_loyalty=rng.random(len(partner_person)) < 0.66,
        user_person=user_person,
        user_at=user_at,
        is_guest=is_guest,
        is_caller=rng.random(count) < 0.58,
    )
