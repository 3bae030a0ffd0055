"""The CRM: contacts, leads, accounts, their e-mail addresses, calls, cases, colleagues' notes.

Belongs here: SuiteCRM's tables. Does not belong here: the telephone exchange's own log (asterisk.py).
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from demo_company import behaviour as b
from demo_company import company
from demo_company.arrow import built, reference, table, text, uuids
from demo_company.cards import CRM, LEAD, Cards, in_one_field, phone_texts, write
from demo_company.clock import NOW, OPENED, Moments, seconds
from demo_company.draws import Flags, Ints, Texts, chance, choose, either, filled, texts
from demo_company.names import places
from demo_company.people import NONE
from demo_company.truth import Evidence, person_entities
from demo_company.world import World

TOPICS = ["Где мой заказ", "Возврат товара", "Брак", "Вопрос по бонусам", "Консультация по товару"]
_RESOLUTIONS = [
    "Сообщили срок доставки",
    "Оформлен возврат",
    "Товар заменён",
    "Бонусы начислены",
    "Проконсультировали",
]
_NOTES = ["Просит звонить после 18:00", "Постоянный покупатель", "Говорит тихо, плохо слышит",
          "Интересуется садовой мебелью", "Недоволен сроком доставки", "Предпочитает переписку"]  # fmt: skip
_SOURCES = ["Web Site", "Call", "Self Generated", "Word of mouth", "Email", "Campaign"]


def build(world: World) -> tuple[dict[str, pa.Table], Evidence]:
    rng, people = world.stream("suitecrm"), world.people
    user_ids = uuids(rng, len(company.EMPLOYEES))
    account_ids = uuids(rng, len(people.companies.name))
    contact_ids = uuids(rng, len(world.presence.contact_person))
    lead_ids = uuids(rng, len(world.presence.lead_person))
    contacts = _Written(world, "contacts", rng)
    leads = _Written(world, "leads", rng)
    tables = {"users": _users(user_ids), "accounts": _accounts(world, account_ids, user_ids, rng)}
    tables["contacts"] = _contacts(world, contacts, contact_ids, user_ids, rng)
    tables["leads"] = _leads(world, leads, lead_ids, contact_ids, account_ids, user_ids, rng)
    owners = [("Contacts", contact_ids, contacts), ("Leads", lead_ids, leads)]
    tables |= _emails(world, owners, account_ids, rng)
    tables |= _activities(world, contact_ids, user_ids, rng)
    return tables, _evidence(world, contacts, leads, contact_ids, lead_ids)


class _Written:
    """The cards of contacts or leads, with their phones by column and e-mails by rank."""

    def __init__(self, world: World, which: str, rng: np.random.Generator) -> None:
        people, presence = world.people, world.presence
        is_contacts = which == "contacts"
        self.person = presence.contact_person if is_contacts else presence.lead_person
        at = presence.contact_at if is_contacts else presence.lead_at
        count = len(self.person)
        self.cards: Cards = write(people, self.person, at, CRM if is_contacts else LEAD, rng, world.noise)
        self.first, self.last = in_one_field(self.cards, rng, world.noise, CRM.one_field)
        self.deleted: Flags = presence.contact_deleted if is_contacts else presence.lead_deleted
        phone = self.cards.phone
        column = rng.choice(3, count, p=[0.86, 0.09, 0.05])
        home = either(column == 1, phone, None)
        landline = people.landline[self.person]
        has_home = ~filled(home) & (landline > 0) & (rng.random(count) < 0.2)
        employer = people.company[self.person]
        has_work = (employer != NONE) & (rng.random(count) < (0.8 if is_contacts else 0.3))
        board = phone_texts(people.companies.switchboard[employer], rng.integers(0, 8, count))
        self.phones: dict[str, Texts] = {
            "phone_home": np.where(has_home, phone_texts(landline, 0), home),
            "phone_mobile": either(column == 0, phone, None),
            "phone_work": either(has_work, board, None),
            "phone_other": either(column == 2, phone, None),
        }
        second = either(has_work & (rng.random(count) < 0.6), people.work_email[self.person], None)
        also = chance(rng, count, 0.08)
        second = np.where(~filled(second) & also, people.second_email[self.person], second)
        self.emails: list[Texts] = [self.cards.email, second]
        self.is_staff: Flags = has_work
        self.changed: Moments = np.minimum(at + seconds(rng.exponential(250 * 86400, count)), NOW)


def _users(user_ids: Texts) -> pa.Table:
    count = len(user_ids)
    names, given, family, department = (list(column) for column in zip(*company.EMPLOYEES, strict=True))
    return table(
        count,
        id=user_ids,
        user_name=names,
        first_name=given,
        last_name=family,
        title="Специалист",
        department=department,
        phone_work=text(company.FIRST_EXTENSION + np.arange(count)),
        status="Active",
        is_admin=0,
        date_entered=np.full(count, OPENED),
        date_modified=np.full(count, OPENED),
        deleted=0,
    )


def _accounts(world: World, ids: Texts, user_ids: Texts, rng: np.random.Generator) -> pa.Table:
    companies, book, known = world.people.companies, world.people.addresses, places()
    count, seat = len(ids), companies.address
    entered = OPENED + seconds(rng.uniform(0, 0.3, count) * (NOW - OPENED).astype(int))
    street = known.street_kind[book.street[seat]] + " " + known.street[book.street[seat]]
    return table(
        count,
        id=ids,
        name=companies.name,
        account_type="Customer",
        industry=choose(rng, ["Construction", "Retail", "Manufacturing", "Hospitality"], count),
        phone_office=phone_texts(companies.switchboard, 0),
        phone_alternate=pa.nulls(count, pa.string()),
        website=built("https://", text(companies.domain)),
        billing_address_street=street + ", д. " + texts(book.house[seat].astype(str)),
        billing_address_city=known.city[book.city[seat]],
        billing_address_state=known.region[book.city[seat]],
        billing_address_postalcode=book.postcode[seat],
        billing_address_country="Россия",
        assigned_user_id=user_ids[rng.choice(list(company.SALES), count)],
        date_entered=entered,
        date_modified=entered,
        deleted=0,
    )


def _person_columns(written: _Written, user_ids: Texts, rng: np.random.Generator) -> dict:
    cards, count = written.cards, len(written.cards)
    agent = user_ids[rng.choice(list(company.AGENTS) + list(company.SALES), count)]
    is_female = np.array([bool(v) and v.endswith(("а", "я")) for v in cards.family])
    salutation = either(rng.random(count) < 0.3, either(is_female, "Ms.", "Mr."), None)
    known_country = either(filled(cards.city), "Россия", None)
    blank = pa.nulls(count, pa.string())
    return {
        "salutation": salutation,
        "first_name": written.first,
        "last_name": written.last,
        "title": blank,
        **written.phones,
        "phone_fax": blank,
        "primary_address_street": cards.street,
        "primary_address_city": cards.city,
        "primary_address_state": cards.region,
        "primary_address_postalcode": cards.postcode,
        "primary_address_country": known_country,
        **{f"alt_address_{part}": blank for part in ("street", "city", "state", "postalcode", "country")},
        "birthdate": cards.birth_date,
        "lead_source": choose(rng, _SOURCES, count),
        "campaign_id": blank,
        "do_not_call": chance(rng, count, 0.04).astype(np.int16),
        "lawful_basis": either(rng.random(count) < 0.6, "^consent^", None),
        "date_reviewed": np.full(count, np.datetime64("NaT", "D")),
        "description": blank,
        "assigned_user_id": agent,
        "created_by": agent,
        "date_entered": cards.at,
        "date_modified": written.changed,
        "deleted": written.deleted.astype(np.int16),
    }


def _contacts(
    world: World, written: _Written, ids: Texts, user_ids: Texts, rng: np.random.Generator
) -> pa.Table:
    columns = _person_columns(written, user_ids, rng)
    department = either(written.is_staff, "Закупки", None)
    return table(len(ids), id=ids, department=department, **columns)


def _leads(
    world: World,
    written: _Written,
    ids: Texts,
    contact_ids: Texts,
    account_ids: Texts,
    user_ids: Texts,
    rng: np.random.Generator,
) -> pa.Table:
    contact = world.presence.lead_contact
    converted = contact != NONE
    employer = np.where(written.is_staff, world.people.company[written.person], NONE)
    open_status = choose(
        rng, ["New", "Assigned", "In Process", "Recycled", "Dead"], len(ids), [3, 3, 3, 1, 2]
    )
    columns = _person_columns(written, user_ids, rng)
    changed = np.where(converted, world.presence.contact_at[contact], columns.pop("date_modified"))
    return table(
        len(ids),
        id=ids,
        status=either(converted, "Converted", open_status),
        account_name=reference(world.people.companies.name, employer),
        account_id=reference(account_ids, np.where(converted, employer, NONE)),
        contact_id=reference(contact_ids, contact),
        converted=converted.astype(np.int16),
        date_modified=changed,
        **columns,
    )


def _emails(
    world: World, owners: list[tuple[str, Texts, _Written]], account_ids: Texts, rng: np.random.Generator
) -> dict[str, pa.Table]:
    """One row an address however many bear it, and who bears it; some relations were taken back."""
    frames = []
    for module, ids, written in owners:
        for rank, email in enumerate(written.emails):
            has = pd.notna(email)
            frames.append(
                pd.DataFrame(
                    {
                        "bean": ids[has],
                        "module": module,
                        "email": email[has],
                        "is_primary": rank == 0,
                        "at": written.cards.at[has],
                        "is_gone": written.deleted[has],
                    }
                )
            )
    info = "info@" + world.people.companies.domain
    offices = pd.DataFrame({"bean": account_ids, "module": "Accounts", "email": info, "is_primary": True})
    frames.append(offices.assign(at=OPENED, is_gone=False))
    whole = pd.concat(frames, ignore_index=True)
    whole["caps"] = whole["email"].str.upper()
    code, _ = pd.factorize(whole["caps"])
    first = np.flatnonzero(~whole["caps"].duplicated().to_numpy())
    ids = uuids(rng, len(first))
    at = whole["at"].to_numpy().astype("datetime64[s]")
    addresses = table(
        len(first),
        id=ids,
        email_address=whole["email"].to_numpy(object)[first],
        email_address_caps=whole["caps"].to_numpy(object)[first],
        invalid_email=chance(rng, len(first), 0.01).astype(np.int16),
        opt_out=chance(rng, len(first), 0.06).astype(np.int16),
        confirm_opt_in=choose(rng, ["not-opt-in", "opt-in", "confirmed-opt-in"], len(first), [5, 3, 2]),
        date_created=at[first],
        date_modified=at[first],
        deleted=0,
    )
    relations = table(
        len(whole),
        id=uuids(rng, len(whole)),
        email_address_id=ids[code],
        bean_id=whole["bean"].to_numpy(object),
        bean_module=whole["module"].to_numpy(object),
        primary_address=whole["is_primary"].to_numpy().astype(np.int16),
        date_created=at,
        date_modified=at,
        deleted=whole["is_gone"].to_numpy().astype(np.int16),
    )
    return {"email_addresses": addresses, "email_addr_bean_rel": relations}


# -- what colleagues entered ------------------------------------------------------------------


def _activities(
    world: World, contact_ids: Texts, user_ids: Texts, rng: np.random.Generator
) -> dict[str, pa.Table]:
    presence, calls, cases = world.presence, world.history.calls, world.history.cases
    contact_of = np.full(len(world.people), NONE)
    live = np.flatnonzero(~presence.contact_deleted)[::-1]
    contact_of[presence.contact_person[live]] = live

    def contact_at(person: Ints, at: Moments) -> Ints:
        found = np.where(person == NONE, NONE, contact_of[person])
        return np.where(presence.contact_at[found] < at, found, NONE)

    # Calls are entered for those who have a card, by no means all of them.
    contact = contact_at(calls["person"].to_numpy(), calls["at"].to_numpy())
    outcome = calls["outcome"].to_numpy()
    spoke = np.isin(outcome, [b.ANSWERED, b.TRANSFERRED, b.OUT_ANSWERED])
    tried = outcome == b.OUT_UNANSWERED
    entered = np.flatnonzero((contact != NONE) & (spoke | tried) & chance(rng, len(calls), 0.4))
    chosen, contact = calls.iloc[entered], contact[entered]
    call_ids, at = uuids(rng, len(entered)), chosen["at"].to_numpy()
    held = spoke[entered]
    minutes = np.where(held, (chosen["talk"].to_numpy() + 59) // 60, 0)
    agent = user_ids[chosen["agent"]]
    is_out = np.isin(outcome[entered], [b.OUT_ANSWERED, b.OUT_UNANSWERED])
    ended = at + seconds(minutes * 60)
    calls_table = table(
        len(entered),
        id=call_ids,
        name=either(is_out, "Звонок клиенту", "Звонок от клиента"),
        description=pa.nulls(len(entered), pa.string()),
        date_start=at,
        date_end=ended,
        duration_hours=minutes // 60,
        duration_minutes=minutes % 60,
        status=either(held, "Held", "Not Held"),
        direction=either(is_out, "Outbound", "Inbound"),
        parent_type="Contacts",
        parent_id=contact_ids[contact],
        assigned_user_id=agent,
        created_by=agent,
        date_entered=ended,
        date_modified=ended,
        deleted=0,
    )
    calls_contacts = table(
        len(entered),
        id=uuids(rng, len(entered)),
        call_id=call_ids,
        contact_id=contact_ids[contact],
        required="1",
        accept_status="none",
        date_modified=ended,
        deleted=0,
    )
    tables = {"calls": calls_table, "calls_contacts": calls_contacts}
    tables |= _cases(
        cases, contact_at(cases["person"].to_numpy(), cases["at"].to_numpy()), contact_ids, user_ids, rng
    )
    tables["notes"] = _notes(tables, chosen, contact, contact_ids, user_ids, rng)
    return tables


def _cases(
    cases: pd.DataFrame, contact: Ints, contact_ids: Texts, user_ids: Texts, rng: np.random.Generator
) -> dict[str, pa.Table]:
    # A case without a card is entered too, now and then.
    kept = np.flatnonzero((contact != NONE) | (rng.random(len(cases)) < 0.15))
    cases, contact = cases.iloc[kept], contact[kept]
    count, closed = len(cases), cases["closed_at"].to_numpy()
    is_closed = ~np.isnat(closed)
    ids, agent = uuids(rng, count), user_ids[cases["agent"]]
    topic = cases["topic"].to_numpy()
    open_status = choose(rng, ["Open_New", "Open_Assigned", "Open_Pending Input"], count, [2, 5, 3])
    at = cases["at"].to_numpy()
    updated = np.where(is_closed, closed, at)
    case_table = table(
        count,
        id=ids,
        case_number=1 + np.arange(count),
        name=texts(TOPICS)[topic],
        description=pa.nulls(count, pa.string()),
        type=either(topic == 4, "User", "Product"),
        state=either(is_closed, "Closed", "Open"),
        status=either(is_closed, "Closed_Closed", open_status),
        priority=choose(rng, ["P1", "P2", "P3"], count, [1, 4, 3]),
        resolution=np.where(is_closed, texts(_RESOLUTIONS)[topic], None),
        account_id=pa.nulls(count, pa.string()),
        contact_created_by_id=reference(contact_ids, contact),
        assigned_user_id=agent,
        created_by=agent,
        date_entered=at,
        date_modified=updated,
        deleted=0,
    )
    linked = np.flatnonzero(contact != NONE)
    relation = table(
        len(linked),
        id=uuids(rng, len(linked)),
        contact_id=contact_ids[contact[linked]],
        case_id=ids[linked],
        contact_role="Primary Contact",
        date_modified=at[linked],
        deleted=0,
    )
    return {"cases": case_table, "contacts_cases": relation}


def _notes(
    tables: dict[str, pa.Table],
    calls: pd.DataFrame,
    contact: Ints,
    contact_ids: Texts,
    user_ids: Texts,
    rng: np.random.Generator,
) -> pa.Table:
    """Remarks after calls (on the contact) and on cases."""
    noted = np.flatnonzero(chance(rng, len(calls), 0.15))
    case_table = tables["cases"]
    on_case = np.flatnonzero(chance(rng, len(case_table), 0.4))
    case_ids = case_table["id"].to_numpy(zero_copy_only=False)
    case_at = case_table["date_entered"].to_numpy()
    case_agent = case_table["assigned_user_id"].to_numpy(zero_copy_only=False)
    case_contact = case_table["contact_created_by_id"].to_numpy(zero_copy_only=False)
    at = np.concatenate([calls["at"].to_numpy()[noted] + seconds(np.full(len(noted), 900)), case_at[on_case]])
    at = np.minimum(at, NOW)
    count = len(at)
    agent = np.concatenate([user_ids[calls["agent"].to_numpy()[noted]], case_agent[on_case]])
    on = np.repeat(np.array(["Contacts", "Cases"], dtype=object), [len(noted), len(on_case)])
    remark = choose(rng, _NOTES, count)
    return table(
        count,
        id=uuids(rng, count),
        name="Заметка",
        description=remark,
        parent_type=on,
        parent_id=np.concatenate([contact_ids[contact[noted]], case_ids[on_case]]),
        contact_id=np.concatenate([contact_ids[contact[noted]], case_contact[on_case]]),
        assigned_user_id=agent,
        created_by=agent,
        date_entered=at,
        date_modified=at,
        deleted=0,
    )


def _evidence(
    world: World, contacts: _Written, leads: _Written, contact_ids: Texts, lead_ids: Texts
) -> Evidence:
    first, second = len(contact_ids), len(lead_ids)
    row_of = [np.arange(first), first + np.arange(second)]
    identifiers = []
    for rows, written in zip(row_of, (contacts, leads), strict=True):
        identifiers += [(rows, "phone", phone) for phone in written.phones.values()]
        identifiers += [(rows, "email", email) for email in written.emails]
    both = (contacts.cards, leads.cards)
    cards = Cards(**{name: np.concatenate([getattr(c, name) for c in both]) for name in vars(both[0])})
    converted = np.flatnonzero(world.presence.lead_contact != NONE)
    return Evidence(
        source="suitecrm",
        record_id=np.concatenate(
            [texts(["contact:" + i for i in contact_ids]), texts(["lead:" + i for i in lead_ids])]
        ),
        entity=person_entities(cards.person),
        person=cards.person,
        is_live=~np.concatenate([contacts.deleted, leads.deleted]),
        cards=cards,
        identifiers=identifiers,
        parents=[(first + converted, world.presence.lead_contact[converted])],
    )
