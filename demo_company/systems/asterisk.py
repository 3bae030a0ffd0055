"""The telephone exchange: call detail records and the queues' log, in Moscow time.

Belongs here: Asterisk's tables. Does not belong here: what colleagues enter about a call (suitecrm.py).
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from demo_company import behaviour as b
from demo_company import company
from demo_company.arrow import built, padded, rows, table, text
from demo_company.clock import MOSCOW, Moments, seconds
from demo_company.draws import Flags, Texts, chance, either, filled, texts, unique_numbers
from demo_company.names import given_names, surnames
from demo_company.people import NONE
from demo_company.truth import Evidence
from demo_company.world import World

_MENU_SECONDS = 12


def build(world: World) -> tuple[dict[str, pa.Table], Evidence]:
    rng, calls = world.stream("asterisk"), world.history.calls
    number, clid = _numbers(world, rng)
    legs = _Calls(calls, number, clid, rng)
    return {"cdr": legs.cdr(), "queue_log": legs.queue_log()}, _evidence(calls, number)


def _numbers(world: World, rng: np.random.Generator) -> tuple[Texts, Texts]:
    """The outside number of each call as the exchange writes it (null: anonymous or internal), and its name."""
    people, calls = world.people, world.history.calls
    person, at, count = calls["person"].to_numpy(), calls["at"].to_numpy(), len(calls)
    outcome = calls["outcome"].to_numpy()
    known = person != NONE
    number = np.where(known, people.mobile_at(person, at), 0)
    second, landline = people.second_mobile[person], people.landline[person]
    number = np.where((second > 0) & (rng.random(count) < 0.25), second, number)
    number = np.where((landline > 0) & (rng.random(count) < 0.15), landline, number)
    board = people.companies.switchboard[people.company[person]]
    number = np.where((people.company[person] != NONE) & (rng.random(count) < 0.35), board, number)
    strangers = 7_940_000_0000 + unique_numbers(rng, 1_000_000, 9_999_999, len(people) // 8 + 2)
    stranger = calls["stranger"].to_numpy()
    number = np.where(stranger != NONE, strangers[stranger], np.where(known, number, 0))

    # Each trunk writes numbers in its own way; a caller mostly dials one of our numbers, and colleagues
    # mostly call back from the list of calls.
    is_out = np.isin(outcome, [b.OUT_ANSWERED, b.OUT_UNANSWERED])
    plus = (number % 2 == 0) ^ (rng.random(count) < 0.04)
    is_dialled = is_out & (rng.random(count) < 0.2)
    digits = text(number)
    russian = number // 10_000_000_000 == 7
    national = np.where(
        russian, built("8", pa.array([d[1:] for d in digits.to_pylist()])), built("810", digits)
    )
    written = either(is_dialled | ~plus, national, built("+", digits))
    written = either((number == 0) | calls["is_anonymous"] | (outcome == b.INTERNAL), None, written)

    given, family = given_names().latin[people.given[person], 0], surnames().latin
    family = family[people.family[person], people.is_female[person].astype(int), 0]
    has_name = known & ~is_out & (rng.random(count) < 0.1) & filled(written)
    name = np.where(has_name, texts([v.upper() for v in given + " " + family]), written)
    shown = text(either(filled(written), name, "Anonymous"))
    clid = built('"', shown, '" <', text(either(filled(written), written, "anonymous")), ">")
    return written, texts(clid.to_pylist())


class _Calls:
    """The calls with their channels and moments, from which both logs are written."""

    def __init__(self, calls: pd.DataFrame, number: Texts, clid: Texts, rng: np.random.Generator) -> None:
        self.calls, self.number, self.rng, self.count = calls, number, rng, len(calls)
        self.outcome = calls["outcome"].to_numpy()
        self.start: Moments = calls["at"].to_numpy().astype("datetime64[s]") + MOSCOW
        self.is_out: Flags = np.isin(self.outcome, [b.OUT_ANSWERED, b.OUT_UNANSWERED])
        self.is_internal: Flags = self.outcome == b.INTERNAL
        self.is_in: Flags = ~self.is_out & ~self.is_internal
        self.wait, self.talk = calls["wait"].to_numpy(), calls["talk"].to_numpy()
        agent = company.FIRST_EXTENSION + calls["agent"].to_numpy()
        other = company.FIRST_EXTENSION + calls["second_agent"].to_numpy()
        self.agent, self.other = text(agent), text(other)
        # Channels are numbered as they come; each call takes up to four numbers.
        self.uniqueid = self._channel(0)
        self.agent_uniqueid = self._channel(1)
        self.clid = either(self.is_in, clid, built('"', self.agent, '" <', self.agent, ">"))
        trunk = texts(company.TRUNKS)[calls["agent"].to_numpy() % 2]
        suffix = padded(np.arange(self.count) % 0xFFFFFF, 8)
        outside = built("PJSIP/", text(trunk), "-", suffix)
        inside = built("PJSIP/", self.agent, "-", suffix)
        self.channel = either(self.is_in, outside, inside)
        self.other_channel = either(self.is_in, inside, outside)
        self.inner_channel = texts(built("PJSIP/", self.other, "-", suffix).to_pylist())
        self.queue = texts(list(company.QUEUES))[calls["queue"]]
        self.queue_name = texts(list(company.QUEUES.values()))[calls["queue"]]
        self.is_queued: Flags = np.isin(self.outcome, [b.ANSWERED, b.TRANSFERRED, b.ABANDONED, b.TIMED_OUT])
        self.is_served: Flags = np.isin(self.outcome, [b.ANSWERED, b.TRANSFERRED])
        self.missed_ring: Flags = self.is_served & chance(rng, self.count, 0.2)
        self.queued_at: Moments = self.start + seconds(np.full(self.count, _MENU_SECONDS))
        self.connected_at: Moments = self.queued_at + seconds(self.wait)
        # Of a transferred call the first colleague takes a third.
        self.first_talk = np.where(self.outcome == b.TRANSFERRED, self.talk // 3, self.talk)
        self.end: Moments = self._ends()

    def _channel(self, step: int) -> pa.Array:
        epoch = text((self.start - MOSCOW).astype(np.int64) + step)
        return built(epoch, ".", text(np.arange(self.count) * 4 + step + 1))

    def _ends(self) -> Moments:
        served = self.connected_at + seconds(self.first_talk)
        left = self.connected_at
        menu = self.start + seconds(_MENU_SECONDS + self.talk % 40)
        outgoing = self.start + seconds(
            np.where(self.outcome == b.OUT_ANSWERED, self.wait % 25 + self.talk, 35)
        )
        inside = self.start + seconds(self.talk // 2 + 5)
        cases = [self.is_served, self.is_queued, self.outcome == b.MENU_ONLY, self.is_out]
        return np.select(cases, [served, left, menu, outgoing], inside)

    def cdr(self) -> pa.Table:
        outcome = self.outcome
        failed = self.rng.choice(["NO ANSWER", "BUSY", "FAILED"], self.count, p=[0.7, 0.22, 0.08])
        disposition = either(outcome == b.OUT_UNANSWERED, failed, "ANSWERED")
        ring = seconds(np.where(self.is_in, 1, np.where(self.is_out, self.wait % 25, 4)))
        # Those who dial the company reach the menu first, and that is an answer to Asterisk.
        answer = np.where(outcome == b.OUT_UNANSWERED, b.NEVER, self.start + ring)
        reached = self.is_served | self.is_out | self.is_internal
        far = np.where(self.is_internal, self.inner_channel, self.other_channel)
        source = either(self.is_in, either(filled(self.number), self.number, "anonymous"), self.agent)
        internal = np.where(self.is_internal, self.other, self.number)
        queued = np.where(self.is_queued, self.queue, "s")
        app = either(self.is_queued, "Queue", either(self.is_in, "BackGround", "Dial"))
        main = self._rows(
            src=source,
            dst=np.where(self.is_in, queued, internal),
            dcontext=either(self.is_in, "from-trunk", "from-internal"),
            clid=self.clid,
            channel=self.channel,
            dstchannel=either(reached, far, ""),
            lastapp=app,
            lastdata=either(self.is_queued, self.queue_name, ""),
            start=self.start,
            answer=answer,
            end=self.end,
            disposition=disposition,
            uniqueid=self.uniqueid,
            sequence=np.arange(self.count) * 4 + 1,
        )
        # A colleague who did not pick up leaves a row of the same channel.
        missed = self._rows(
            src=source,
            dst=queued,
            dcontext="from-queue",
            clid=self.clid,
            channel=self.channel,
            dstchannel=self.inner_channel,
            lastapp="Queue",
            lastdata=self.queue_name,
            start=self.queued_at,
            answer=np.full(self.count, b.NEVER),
            end=self.connected_at,
            disposition=texts(["NO ANSWER"] * self.count),
            uniqueid=self.uniqueid,
            sequence=np.arange(self.count) * 4 + 2,
        )
        # A transfer goes on as a channel of its own under the same linkedid.
        transferred = self._rows(
            src=source,
            dst=self.other,
            dcontext="from-internal-xfer",
            clid=self.clid,
            channel=self.channel,
            dstchannel=self.inner_channel,
            lastapp="Dial",
            lastdata="",
            start=self.end,
            answer=self.end + seconds(np.full(self.count, 4)),
            end=self.end + seconds(4 + self.talk - self.first_talk),
            disposition=texts(["ANSWERED"] * self.count),
            uniqueid=self._channel(2),
            sequence=np.arange(self.count) * 4 + 3,
        )
        parts = [main, rows(missed, self.missed_ring), rows(transferred, outcome == b.TRANSFERRED)]
        return pa.concat_tables(parts).sort_by([("sequence", "ascending")])

    def _rows(self, **columns) -> pa.Table:
        start, answer, end = columns["start"], columns["answer"], columns["end"]
        return table(
            self.count,
            accountcode="",
            **columns,
            duration=(end - start).astype(np.int64),
            billsec=np.where(
                np.isnat(answer), 0, (end - np.where(np.isnat(answer), end, answer)).astype(np.int64)
            ),
            amaflags=3,
            userfield="",
            linkedid=self.uniqueid,
            peeraccount="",
        )

    def queue_log(self) -> pa.Table:
        outcome = self.outcome
        caller = either(filled(self.number), self.number, "anonymous")
        position = text(1 + self.wait // 120)
        wait, talk, ring = text(self.wait), text(self.first_talk), text(self.wait % 9 + 1)
        agent = built("PJSIP/", self.agent)
        by_caller = chance(self.rng, self.count, 0.6)
        blank = texts([""] * self.count)
        gone = self.connected_at
        done = gone + seconds(self.first_talk)
        events = [
            (self.is_queued, self.queued_at, "NONE", "ENTERQUEUE", (blank, caller, position, blank, blank)),
            (self.missed_ring, self.queued_at + seconds(np.minimum(self.wait, 15)), built("PJSIP/", self.other),
             "RINGNOANSWER", (built(text(np.minimum(self.wait, 15)), "000"), blank, blank, blank, blank)),
            (self.is_served, gone, agent, "CONNECT", (wait, self.agent_uniqueid, ring, blank, blank)),
            (self.outcome == b.ANSWERED, done, agent,
             either(by_caller, "COMPLETECALLER", "COMPLETEAGENT"), (wait, talk, position, blank, blank)),
            (outcome == b.TRANSFERRED, done, agent, "BLINDTRANSFER",
             (self.other, texts(["from-internal-xfer"] * self.count), wait, talk, position)),
            (outcome == b.ABANDONED, gone, "NONE", "ABANDON", (position, position, wait, blank, blank)),
            (outcome == b.TIMED_OUT, gone, "NONE", "EXITWITHTIMEOUT", (position, position, wait, blank, blank)),
        ]  # fmt: skip
        parts = []
        for happened, at, who, event, data in events:
            part = table(
                self.count,
                time=at,
                callid=self.uniqueid,
                queuename=self.queue_name,
                agent=who,
                event=event,
                **{f"data{i}": value for i, value in enumerate(data, 1)},
            )
            parts.append(rows(part, happened))
        whole = pa.concat_tables(parts)
        order = np.argsort(whole["time"].to_numpy(), kind="stable")
        whole = whole.take(pa.array(order))
        return whole.add_column(0, "id", pa.array(np.arange(1, len(whole) + 1)))


def _evidence(calls: pd.DataFrame, number: Texts) -> Evidence:
    """A card a number as written; whoever used it first is taken for its owner."""
    there = np.flatnonzero(filled(number))
    first = there[~pd.Series(number[there]).duplicated().to_numpy()]
    person, stranger = calls["person"].to_numpy()[first], calls["stranger"].to_numpy()[first]
    label = either(person == NONE, built("stranger:", text(stranger)), built("person:", text(person)))
    card_of = pd.Series(np.arange(len(first)), index=number[first])
    # Everyone who called from it counts as its bearer: a number that several use is nobody's.
    users = pd.DataFrame(
        {"card": card_of[number[there]].to_numpy(), "person": calls["person"].to_numpy()[there]}
    )
    shared = users.groupby("card")["person"].nunique().to_numpy() > 1
    return Evidence(
        source="asterisk",
        record_id=texts(("number:" + pd.Series(number[first], dtype="str")).tolist()),
        entity=label,
        person=person,
        is_live=~shared,
        cards=None,
        identifiers=[(np.arange(len(first)), "phone", number[first])],
    )
