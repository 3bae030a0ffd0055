"""Everything that the systems' tables are made from.

Belongs here: the bundle of people, cards and history. Does not belong here: tables.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from demo_company.behaviour import History, make_history
from demo_company.chats import Chats, make_chats
from demo_company.draws import stream
from demo_company.people import People, make_people
from demo_company.presence import Presence, make_presence
from demo_company.visits import make_visits


@dataclass(frozen=True)
class World:
    people: People
    presence: Presence
    history: History
    chats: Chats
    visits: pd.DataFrame  # as visits.make_visits says
    seed: int
    noise: float

    def stream(self, topic: str) -> np.random.Generator:
        return stream(self.seed, topic)


def make_world(customers: int, seed: int, noise: float) -> World:
    people = make_people(customers, seed, noise)
    presence = make_presence(people, seed, noise)
    history = make_history(people, presence, seed)
    chats = make_chats(people, presence, history.web_orders, seed)
    visits = make_visits(people, presence, history.web_orders, chats, seed)
    return World(people, presence, history, chats, visits, seed, noise)
