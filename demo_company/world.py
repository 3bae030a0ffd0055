"""Everything that the systems' tables are made from.

Belongs here: the bundle of people, cards and history. Does not belong here: tables.
"""

from dataclasses import dataclass

import numpy as np

from demo_company.behaviour import History, make_history
from demo_company.draws import stream
from demo_company.people import People, make_people
from demo_company.presence import Presence, make_presence


@dataclass(frozen=True)
class World:
    people: People
    presence: Presence
    history: History
    seed: int
    noise: float

    def stream(self, topic: str) -> np.random.Generator:
        return stream(self.seed, topic)


def make_world(customers: int, seed: int, noise: float) -> World:
    people = make_people(customers, seed, noise)
    presence = make_presence(people, seed, noise)
    return World(people, presence, make_history(people, presence, seed), seed, noise)
