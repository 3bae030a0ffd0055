"""What customers wrote to the company: who in which channel, the conversations, their messages, the CSAT answers.

Belongs here: the events, as data frames of numbers and moments. Does not belong here: the tables that the contact
centre's system makes of them (systems/chatwoot.py).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from demo_company import company
from demo_company.behaviour import CART, NEVER
from demo_company.clock import HOUR, NOW, Moments, moments, seconds, spread, to_office_hours
from demo_company.draws import Flags, Ints, chance, stream
from demo_company.people import NONE, People
from demo_company.presence import Presence

# Channels; two Telegram bots know a person by one account.
TELEGRAM, TELEGRAM_SERVICE, WHATSAPP, WIDGET, EMAIL, VK = range(6)
_USE = [0.42, 0.16, 0.34, 0.40, 0.24, 0.12]
# What a message is.
ASKED, REPLIED, REMARK, ACTIVITY, GREETING, SURVEY = range(6)
TOPICS = 5


@dataclass(frozen=True)
class Chats:
    """Data frames, each with a fresh 0… index that others refer to; NONE where there is nothing to refer to.

    channels: person, inbox, at, user (logged in to the shop as), is_known (gave a name), contact (the channel whose
    contact it belongs to since contacts were merged; mostly itself). conversations: channel, person, inbox, at,
    agent, web_order, topic, replied_at, closed_at, rating (0: asked in vain; NONE: not asked), rated_at. messages:
    conversation, at, kind.
    """

    channels: pd.DataFrame
    conversations: pd.DataFrame
    messages: pd.DataFrame


def make_chats(people: People, presence: Presence, web: pd.DataFrame, seed: int) -> Chats:
    rng = stream(seed, "chats")
    channels = _channels(people, rng)
    conversations = _conversations(channels, web, rng)
    messages, conversations = _messages(conversations, rng)
    channels["at"] = conversations.groupby("channel")["at"].min().to_numpy()
    return Chats(_known(channels, presence, rng), conversations, messages)


def _channels(people: People, rng: np.random.Generator) -> pd.DataFrame:
    writers = np.flatnonzero(chance(rng, len(people), 0.34))
    uses = rng.random((len(writers), len(_USE))) < _USE
    uses[~uses.any(axis=1), TELEGRAM] = True
    writer, inbox = np.nonzero(uses)
    return pd.DataFrame({"person": writers[writer], "inbox": inbox})


def _conversations(channels: pd.DataFrame, web: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    channel = np.repeat(np.arange(len(channels)), 1 + rng.poisson(0.6, len(channels)))
    count = len(channel)
    person = channels["person"].to_numpy()[channel]
    at = moments(rng, count)
    # Many ask about one of their web orders while it is on its way.
    order = _any_order(web, person, rng)
    order = np.where(rng.random(count) < 0.45, order, NONE)
    asked, begun = order != NONE, web["at"].to_numpy()[order]
    over = web["done_at"].fillna(web["updated_at"]).to_numpy()[order]
    at = np.where(asked, begun + seconds(rng.random(count) * (over - begun).astype(int)), at)
    at = np.minimum(at, NOW - HOUR)
    inbox = channels["inbox"].to_numpy()[channel]
    frame = pd.DataFrame({"channel": channel, "person": person, "inbox": inbox, "at": at, "web_order": order})
    frame["agent"] = rng.choice(list(company.AGENTS), count)
    frame["topic"] = np.where(
        asked, rng.choice([0, 1, 2], count, p=[0.7, 0.2, 0.1]), rng.integers(0, TOPICS, count)
    )
    return frame.sort_values("at", kind="stable", ignore_index=True)


def _any_order(web: pd.DataFrame, person: Ints, rng: np.random.Generator) -> Ints:
    # One of each person's web orders, NONE where there is none.
    placed = np.flatnonzero((web["status"] != CART).to_numpy())
    placed = placed[np.argsort(web["person"].to_numpy()[placed], kind="stable")]
    owner = web["person"].to_numpy()[placed]
    first, last = np.searchsorted(owner, person), np.searchsorted(owner, person, side="right")
    chosen = first + (rng.random(len(person)) * (last - first)).astype(np.int64)
    if not len(placed):
        return np.full(len(person), NONE)
    return np.where(last > first, placed[np.minimum(chosen, len(placed) - 1)], NONE)


def _messages(conversations: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The messages, and the conversations with what came of them."""
    count = len(conversations)
    at = conversations["at"].to_numpy().astype("datetime64[s]")
    is_slow = conversations["inbox"].to_numpy() == EMAIL
    is_answered = ~chance(rng, count, 0.06)
    turns = np.where(is_answered, 1 + np.minimum(rng.poisson(1.0, count), 4), 1)
    talk = np.repeat(np.arange(count), turns)
    turn = np.arange(len(talk)) - np.repeat(np.cumsum(turns) - turns, turns)
    pace = np.where(is_slow[talk], 60.0, 1.0)
    wait = (rng.exponential(55, len(talk)) * pace).astype(np.int64) + 20
    pause = np.where(turn == 0, 0, (rng.exponential(90, len(talk)) * pace).astype(np.int64) + 5)
    passed = pd.Series(wait + pause).groupby(talk).cumsum().to_numpy()
    # Nobody answers at night: everything after the first words waits for the morning.
    first_reply = at + seconds(wait[turn == 0])
    morning = to_office_hours(rng, first_reply) - first_reply
    later = np.where(turn == 0, np.timedelta64(0, "s"), morning[talk])
    asked_at: Moments = at[talk] + seconds(passed - wait) + later
    replied_at: Moments = at[talk] + seconds(passed) + morning[talk]
    again = chance(rng, len(talk), 0.35)

    last = np.full(count, NEVER)
    last[talk] = replied_at  # turns follow each other: the last one stays
    closed = last + spread(rng, count, 0.4)
    is_closed = is_answered & (closed < NOW) & ~chance(rng, count, 0.05)
    replied: Moments = np.where(is_answered & (replied_at[turn == 0] < NOW), replied_at[turn == 0], NEVER)
    is_asked = (
        is_closed & np.isin(conversations["inbox"], [TELEGRAM, WHATSAPP, WIDGET]) & chance(rng, count, 0.8)
    )
    rated_at = closed + spread(rng, count, 1)
    is_rated = is_asked & (rated_at < NOW) & chance(rng, count, 0.42)
    rating = rng.choice([1, 2, 3, 4, 5], count, p=[0.06, 0.05, 0.10, 0.27, 0.52])
    conversations = conversations.assign(
        replied_at=replied,
        closed_at=np.where(is_closed, closed, NEVER),
        rating=np.where(is_rated, rating, np.where(is_asked, 0, NONE)),
        rated_at=np.where(is_rated, rated_at, NEVER),
    )
    everyone = np.arange(count)
    answered = is_answered[talk]
    second = seconds(np.ones(count))
    remarked = is_answered & chance(rng, count, 0.12)
    parts = [
        _part(talk, asked_at, ASKED),
        _part(talk[again], asked_at[again] + seconds(np.full(again.sum(), 11)), ASKED),
        _part(talk[answered], replied_at[answered], REPLIED),
        _part(everyone[remarked], replied[remarked] + second[remarked], REMARK),
        _part(everyone, at + second, GREETING, conversations["inbox"].to_numpy() == WIDGET),
        _part(everyone, replied - second, ACTIVITY, is_answered),
        _part(everyone, closed, ACTIVITY, is_closed),
        _part(everyone, closed + second, SURVEY, is_asked),
    ]
    messages = pd.concat(parts, ignore_index=True).dropna(subset="at")
    messages = messages[messages["at"] <= NOW]
    return messages.sort_values(
        ["at", "conversation", "kind"], kind="stable", ignore_index=True
    ), conversations


def _part(conversation: Ints, at: Moments, kind: int, where: npt.NDArray | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"conversation": conversation, "at": at, "kind": kind})
    return frame if where is None else frame[where]


def _known(channels: pd.DataFrame, presence: Presence, rng: np.random.Generator) -> pd.DataFrame:
    """Who of the widget's visitors gave a name or was logged in, and whose contacts were merged."""
    count = len(channels)
    person, inbox = channels["person"].to_numpy(), channels["inbox"].to_numpy()
    at = channels["at"].to_numpy()
    account = np.full(1 + max(person.max(initial=0), presence.user_person.max(initial=0)), NONE)
    account[presence.user_person[::-1]] = np.arange(len(presence.user_person))[::-1]
    user = account[person]
    had_one = (
        (user != NONE) & (presence.user_at[user] < at) if len(presence.user_person) else np.zeros(count, bool)
    )
    logged_in: Flags = (inbox == WIDGET) & had_one & chance(rng, count, 0.6)
    is_known = (inbox != WIDGET) | logged_in | chance(rng, count, 0.6)
    order = np.argsort(at, kind="stable")
    first = np.full(len(account), NONE)
    first[person[order[::-1]]] = order[::-1]  # each person's first channel
    # An agent merges two contacts of one person; of mail and widget the system does by itself, by the address.
    merged = chance(rng, count, 0.2)
    contact = np.where(merged, first[person], np.arange(count))
    mail = np.full(len(account), NONE)
    mail[person[inbox == EMAIL]] = contact[inbox == EMAIL]
    contact = np.where((inbox == WIDGET) & is_known & (mail[person] != NONE), mail[person], contact)
    # Who was merged into a contact that was merged itself belongs to where that went.
    contact = contact[contact]
    return channels.assign(user=np.where(logged_in, user, NONE), is_known=is_known, contact=contact[contact])
