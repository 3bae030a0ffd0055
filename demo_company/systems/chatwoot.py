"""The contact centre: contacts by channel, conversations, messages, CSAT, agents.

Belongs here: Chatwoot's tables. Does not belong here: who wrote when (chats.py).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from demo_company import chats as c
from demo_company import company
from demo_company.arrow import built, reference, table, text, uuids
from demo_company.cards import CHAT, Cards, joined, write
from demo_company.clock import OPENED
from demo_company.draws import Ints, Texts, chance, choose, either, filled, texts, unique_numbers
from demo_company.people import NONE
from demo_company.systems.woocommerce import FIRST_USER
from demo_company.truth import Evidence, person_entities
from demo_company.world import World

ACCOUNT = 1
_INBOXES = [  # by channel number: type, name, whether it asks for CSAT
    ("Channel::Telegram", "Уют и Дом в Telegram", True),
    ("Channel::Telegram", "Сервис в Telegram", False),
    ("Channel::Whatsapp", "WhatsApp", True),
    ("Channel::WebWidget", "Чат на сайте", True),
    ("Channel::Email", "Почта", False),
    ("Channel::Api", "Сообщество VK", False),
]
_LABELS = ["dostavka", "vozvrat", "brak", "bonusy", "konsultatsiya"]
_QUESTIONS = [
    "Подскажите, где мой заказ?",
    "Хочу вернуть товар, как это сделать?",
    "Товар пришёл с дефектом",
    "Не начислили бонусы за покупку",
    "Есть ли этот товар в наличии?",
]
_REPLIES = [
    "Здравствуйте! Заказ в пути, привезём вовремя.",
    "Здравствуйте! Оформим возврат в любом магазине или курьером.",
    "Здравствуйте! Просим прощения. Заменим товар.",
    "Здравствуйте! Бонусы начислены, проверьте, пожалуйста.",
    "Здравствуйте! Да, есть. Отложить для вас?",
]
_COMMENTS = ["Спасибо, быстро ответили", "Долго ждал ответа", "Всё понятно", "Вопрос не решили"]
_MADE_UP = [["icy", "wild", "quiet", "bold", "misty"], ["sea", "river", "leaf", "moon", "field"]]


@dataclass(frozen=True)
class _Contacts:
    """The contacts that are left after merges; `channel` is the channel that each began with."""

    channel: Ints
    of_channel: Ints  # the contact of each channel
    cards: Cards
    is_made_up: np.ndarray
    phone: Texts
    email: Texts
    identifier: Texts
    source_id: Texts  # by channel


def build(world: World) -> tuple[dict[str, pa.Table], Evidence]:
    rng = world.stream("chatwoot")
    contacts = _contacts(world, rng)
    # Every channel made a contact; those that were merged have left a gap.
    ids = 1 + contacts.channel
    tables = {"users": _users(), "inboxes": _inboxes()}
    tables["contacts"] = _contacts_table(world, contacts, ids, rng)
    tables["contact_inboxes"] = _contact_inboxes(world, contacts, ids)
    tables["conversations"] = _conversations(world, contacts, ids, rng)
    tables |= _messages(world, contacts, ids, rng)
    tables["reporting_events"] = _events(world)
    return tables, _evidence(world, contacts, ids)


def _contacts(world: World, rng: np.random.Generator) -> _Contacts:
    people, channels = world.people, world.chats.channels
    count, person = len(channels), channels["person"].to_numpy()
    inbox, is_known = channels["inbox"].to_numpy(), channels["is_known"].to_numpy()
    written = write(people, person, channels["at"].to_numpy(), CHAT, rng, world.noise)
    accounts = texts((100_000_000 + unique_numbers(rng, 0, 900_000_000, len(people))).astype(str))
    numbers = texts(people.mobile.astype(str))
    is_telegram = np.isin(inbox, [c.TELEGRAM, c.TELEGRAM_SERVICE])
    source_id = np.select(
        [is_telegram, inbox == c.WHATSAPP, inbox == c.EMAIL],
        [accounts[person], numbers[person], people.email[person]],
        uuids(rng, count),
    )
    gave_phone = (inbox == c.WHATSAPP) | (is_known & chance(rng, count, 0.18))
    phone = either(gave_phone, built("+", text(people.mobile[person])), None)
    is_form = (inbox == c.WIDGET) & is_known
    email = either(inbox == c.EMAIL, people.email[person], either(is_form, written.email, None))
    user = channels["user"].to_numpy()
    identifier = either(user == NONE, None, text(FIRST_USER + user))

    owner = channels["contact"].to_numpy()
    channel, of_channel = np.unique(owner, return_inverse=True)

    def first(values: Texts) -> Texts:
        # A merged contact keeps its own value and takes the other's where it has none; no two contacts share one.
        series = pd.Series(np.concatenate([values[channel], values]))
        by_contact = series.groupby(np.concatenate([np.arange(len(channel)), of_channel])).first()
        kept = (
            by_contact.mask(by_contact.str.lower().duplicated()) if by_contact.notna().any() else by_contact
        )
        return texts(kept.astype(object).where(kept.notna(), None).tolist())

    cards = written.take(channel)
    is_made_up = ~is_known[channel]
    cards.is_named[is_made_up] = False
    cards.is_fully_named[is_made_up] = False
    return _Contacts(
        channel=channel,
        of_channel=of_channel,
        cards=cards,
        is_made_up=is_made_up,
        phone=first(phone),
        email=first(email),
        identifier=first(identifier),
        source_id=source_id,
    )


def _users() -> pa.Table:
    number = np.array([*company.AGENTS, *company.SALES])
    names = [f"{company.EMPLOYEES[i][1]} {company.EMPLOYEES[i][2]}" for i in number]
    logins = [f"{company.EMPLOYEES[i][0]}@{company.EMPLOYEE_EMAIL_DOMAIN}" for i in number]
    return table(
        len(number),
        id=number + 1,
        provider="email",
        encrypted_password="",
        name=names,
        display_name=names,
        email=logins,
        created_at=np.full(len(number), OPENED),
        updated_at=np.full(len(number), OPENED),
    )


def _inboxes() -> pa.Table:
    kinds, names, asks = (list(column) for column in zip(*_INBOXES, strict=True))
    count = len(kinds)
    return table(
        count,
        id=np.arange(1, count + 1),
        account_id=ACCOUNT,
        channel_id=np.arange(1, count + 1),
        channel_type=kinds,
        name=names,
        csat_survey_enabled=asks,
        created_at=np.full(count, OPENED),
        updated_at=np.full(count, OPENED),
    )


def _last_words(world: World, contacts: _Contacts) -> np.ndarray:
    talks = world.chats.conversations
    last = contacts.cards.at.copy()
    np.maximum.at(last, contacts.of_channel[talks["channel"]], talks["at"].to_numpy())
    return last


def _contacts_table(world: World, contacts: _Contacts, ids: Ints, rng: np.random.Generator) -> pa.Table:
    count, cards = len(ids), contacts.cards
    first, second = (choose(rng, words, count) for words in _MADE_UP)
    made_up = first + "-" + second + "-" + texts(rng.integers(1, 1000, count).astype(str))
    # Agents put some names in order: the surname in its own field.
    ordered = filled(cards.family) & filled(cards.given) & ~contacts.is_made_up & chance(rng, count, 0.12)
    whole = joined(cards.given, cards.family)
    reached = filled(contacts.phone) | filled(contacts.email)
    return table(
        count,
        id=ids,
        account_id=ACCOUNT,
        name=either(contacts.is_made_up, made_up, either(ordered, cards.given, whole)),
        middle_name="",
        last_name=either(ordered, cards.family, ""),
        email=contacts.email,
        phone_number=contacts.phone,
        identifier=contacts.identifier,
        contact_type=np.where(reached, 1, 0),
        country_code="",
        blocked=False,
        additional_attributes="{}",
        custom_attributes="{}",
        last_activity_at=_last_words(world, contacts),
        created_at=cards.at,
        updated_at=_last_words(world, contacts),
    )


def _contact_inboxes(world: World, contacts: _Contacts, ids: Ints) -> pa.Table:
    channels = world.chats.channels
    return table(
        len(channels),
        id=np.arange(1, len(channels) + 1),
        contact_id=ids[contacts.of_channel],
        inbox_id=1 + channels["inbox"].to_numpy(),
        source_id=contacts.source_id,
        hmac_verified=channels["user"].to_numpy() != NONE,
        created_at=channels["at"].to_numpy(),
        updated_at=channels["at"].to_numpy(),
    )


def _conversations(world: World, contacts: _Contacts, ids: Ints, rng: np.random.Generator) -> pa.Table:
    talks, messages = world.chats.conversations, world.chats.messages
    count, closed = len(talks), talks["closed_at"].to_numpy()
    last = talks["at"].to_numpy().copy()
    np.maximum.at(last, messages["conversation"].to_numpy(), messages["at"].to_numpy())
    rated = talks["rated_at"].to_numpy()
    unsettled = rng.choice([0, 2, 3], count, p=[0.7, 0.15, 0.15])
    replied = talks["replied_at"].to_numpy()
    labels = texts(_LABELS)[talks["topic"]]
    return table(
        count,
        id=np.arange(1, count + 1),
        account_id=ACCOUNT,
        display_id=np.arange(1, count + 1),
        uuid=uuids(rng, count),
        inbox_id=1 + talks["inbox"].to_numpy(),
        contact_id=ids[contacts.of_channel[talks["channel"]]],
        contact_inbox_id=1 + talks["channel"].to_numpy(),
        status=np.where(np.isnat(closed), unsettled, 1),
        priority=pa.array(rng.integers(0, 4, count), mask=rng.random(count) < 0.8),
        assignee_id=reference(np.arange(1, len(company.EMPLOYEES) + 1), np.where(np.isnat(replied), NONE, talks["agent"])),
        team_id=pa.nulls(count, pa.int64()),
        cached_label_list=either(rng.random(count) < 0.7, labels, None),
        first_reply_created_at=replied,
        waiting_since=np.where(np.isnat(replied), talks["at"].to_numpy(), c.NEVER),
        last_activity_at=last,
        additional_attributes="{}",
        created_at=talks["at"].to_numpy(),
        updated_at=np.where(np.isnat(rated), last, np.maximum(last, rated)),
    )  # fmt: skip


def _messages(world: World, contacts: _Contacts, ids: Ints, rng: np.random.Generator) -> dict[str, pa.Table]:
    talks, messages = world.chats.conversations, world.chats.messages
    count, kind = len(messages), messages["kind"].to_numpy()
    talk = messages["conversation"].to_numpy()
    topic, agent = talks["topic"].to_numpy()[talk], 1 + talks["agent"].to_numpy()[talk]
    contact = ids[contacts.of_channel[talks["channel"].to_numpy()[talk]]]
    is_agent = np.isin(kind, [c.REPLIED, c.REMARK])
    is_survey = kind == c.SURVEY
    content = np.select(
        [kind == c.ASKED, kind == c.REPLIED, kind == c.REMARK, kind == c.GREETING, is_survey],
        [texts(_QUESTIONS)[topic], texts(_REPLIES)[topic], texts(["Уточнить на складе"] * count),
         texts(["Здравствуйте! Чем помочь?"] * count), texts(["Оцените, пожалуйста, разговор"] * count)],
        texts(["Состояние разговора изменено"] * count),
    )  # fmt: skip
    sender = either(kind == c.ASKED, "Contact", either(is_agent, "User", None))
    at = messages["at"].to_numpy()
    number = np.arange(1, count + 1)
    tables = {
        "messages": table(
            count,
            id=number,
            account_id=ACCOUNT,
            inbox_id=1 + talks["inbox"].to_numpy()[talk],
            conversation_id=1 + talk,
            message_type=np.select(
                [kind == c.ASKED, is_agent, kind == c.ACTIVITY], [0, 1, 2], 3
            ),
            content_type=np.where(is_survey, 9, 0),
            content=content,
            private=kind == c.REMARK,
            status=np.where(is_agent, rng.choice([1, 2], count), 0),
            sender_type=sender,
            sender_id=pa.array(np.where(is_agent, agent, contact), mask=~filled(sender)),
            source_id=pa.nulls(count, pa.string()),
            created_at=at,
            updated_at=at,
        )
    }  # fmt: skip
    asked = np.flatnonzero(is_survey & (talks["rating"].to_numpy()[talk] > 0))
    answered = talks.iloc[talk[asked]]
    tables["csat_survey_responses"] = table(
        len(asked),
        id=np.arange(1, len(asked) + 1),
        account_id=ACCOUNT,
        conversation_id=1 + talk[asked],
        message_id=number[asked],
        contact_id=contact[asked],
        assigned_agent_id=agent[asked],
        rating=answered["rating"].to_numpy(),
        feedback_message=either(rng.random(len(asked)) < 0.3, choose(rng, _COMMENTS, len(asked)), None),
        created_at=answered["rated_at"].to_numpy(),
        updated_at=answered["rated_at"].to_numpy(),
    )
    return tables


def _events(world: World) -> pa.Table:
    talks = world.chats.conversations
    closed = np.flatnonzero(~np.isnat(talks["closed_at"].to_numpy()))
    chosen = talks.iloc[closed]
    end, start = chosen["closed_at"].to_numpy(), chosen["at"].to_numpy()
    return table(
        len(closed),
        id=np.arange(1, len(closed) + 1),
        account_id=ACCOUNT,
        inbox_id=1 + chosen["inbox"].to_numpy(),
        user_id=1 + chosen["agent"].to_numpy(),
        conversation_id=1 + closed,
        name="conversation_resolved",
        value=(end - start).astype("timedelta64[s]").astype(np.float64),
        event_start_time=start,
        event_end_time=end,
        created_at=end,
        updated_at=end,
    )


def _evidence(world: World, contacts: _Contacts, ids: Ints) -> Evidence:
    """The contacts that are cards: all but the widget's nameless visitors who left nothing."""
    inbox = world.chats.channels["inbox"].to_numpy()
    by_account = np.flatnonzero(np.isin(inbox, [c.TELEGRAM, c.TELEGRAM_SERVICE, c.WHATSAPP]))
    kind = either(inbox == c.WHATSAPP, "whatsapp:", "telegram:")
    numbers, mails = np.flatnonzero(inbox == c.WHATSAPP), np.flatnonzero(inbox == c.EMAIL)
    account = either(filled(contacts.identifier), built("woocommerce:user:", text(contacts.identifier)), None)
    is_card = ~contacts.is_made_up | filled(contacts.phone) | filled(contacts.email) | filled(account)
    is_card[contacts.of_channel[by_account]] = True
    place = np.where(is_card, np.cumsum(is_card) - 1, NONE)
    of_channel = place[contacts.of_channel]
    everyone, kept = place[is_card], np.flatnonzero(is_card)
    cards = contacts.cards.take(kept)
    return Evidence(
        source="chatwoot",
        record_id=texts(built("contact:", text(ids[kept])).to_pylist()),
        entity=person_entities(cards.person),
        person=cards.person,
        is_live=np.ones(len(kept), dtype=bool),
        cards=cards,
        identifiers=[
            (everyone, "phone", contacts.phone[kept]),
            (everyone, "email", contacts.email[kept]),
            (everyone, "account", account[kept]),
            (of_channel[numbers], "phone", contacts.source_id[numbers]),
            (of_channel[mails], "email", contacts.source_id[mails]),
            (of_channel[by_account], "messenger", kind[by_account] + contacts.source_id[by_account]),
        ],
    )
