"""Invented records of several kinds, with their truth: seeded, small.

Belongs here: what files of customers look like elsewhere (English names, no contacts, households, channels). Does not
belong here: the Russian retailer's cards (../people.py).
"""

import csv
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WOMEN = [
    "Mary",
    "Patricia",
    "Jennifer",
    "Linda",
    "Elizabeth",
    "Barbara",
    "Susan",
    "Jessica",
    "Sarah",
    "Karen",
    "Nancy",
    "Lisa",
    "Betty",
    "Sandra",
]
MEN = [
    "James",
    "Robert",
    "John",
    "Michael",
    "William",
    "David",
    "Richard",
    "Joseph",
    "Thomas",
    "Charles",
    "Daniel",
    "Matthew",
    "Anthony",
    "Mark",
]
SHORT = {
    "James": "Jim",
    "Robert": "Bob",
    "Michael": "Mike",
    "William": "Bill",
    "Elizabeth": "Liz",
    "Susan": "Sue",
}
SURNAMES = [
    start + end
    for start in [
        "Ash",
        "Brad",
        "Chester",
        "Dun",
        "East",
        "Fair",
        "Gold",
        "Hart",
        "Kings",
        "Lang",
        "Marl",
        "Nor",
        "Oak",
        "Pem",
        "Red",
        "Thorn",
        "Wake",
        "Whit",
        "Win",
        "Wood",
    ]
    for end in ["ford", "ton", "well", "man", "field", "burn", "ley", "brook", "worth"]
]
TOWNS = [
    "Springfield",
    "Franklin",
    "Clinton",
    "Madison",
    "Georgetown",
    "Salem",
    "Fairview",
    "Bristol",
    "Dover",
    "Manchester",
    "Auburn",
    "Milton",
]
STREETS = [
    "Main",
    "Oak",
    "Pine",
    "Maple",
    "Cedar",
    "Elm",
    "Washington",
    "Lake",
    "Hill",
    "Walnut",
    "Spring",
    "North",
    "Ridge",
    "Church",
    "Willow",
    "Mill",
]
LETTERS = "abcdefghijklmnopqrstuvwxyz"

Row = dict[str, Any]


@dataclass
class People:
    """rows: records; entities: the person of each."""

    rows: list[Row]
    entities: list[str]

    def write(
        self, folder: Path, name: str, columns: Sequence[str], source: str | None = None
    ) -> tuple[Path, Path]:
        """The records and the truth as CSV, in an order that gives nothing away."""
        order = list(range(len(self.rows)))
        random.Random(len(order)).shuffle(order)
        file, truth = folder / f"{name}.csv", folder / f"{name}_truth.csv"
        with file.open("w", newline="") as records, truth.open("w", newline="") as answers:
            written, told = csv.writer(records), csv.writer(answers)
            written.writerow(["source_system", "source_record_id", *columns])
            told.writerow(["source_system", "source_record_id", "entity_id"])
            for place, i in enumerate(order):
                key = [self.rows[i].get("source_system") or source or name, f"r{place}"]
                written.writerow([*key, *(self.rows[i].get(column) or "" for column in columns)])
                told.writerow([*key, self.entities[i]])
        return file, truth


def slip(draw: random.Random, word: str) -> str:
    """One typing error, never in the first letter."""
    place = draw.randrange(1, len(word) - 1)
    kind = draw.randrange(3)
    if kind == 0:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + draw.choice(LETTERS) + word[place + 1 :]
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _person(draw: random.Random, home: Row | None = None) -> Row:
    given = draw.choice(WOMEN + MEN)
    place = {"family_name": draw.choice(SURNAMES), "phone": f"+1{draw.randint(2010000000, 9890000000)}"}
    place |= {"street": f"{draw.randint(1, 999)} {draw.choice(STREETS)} St", "city": draw.choice(TOWNS)}
    year, month, day = draw.randint(1940, 2005), draw.randint(1, 12), draw.randint(1, 28)
    own = {"given_name": given, "birth_date": f"{year}-{month:02}-{day:02}"}
    shared = home or place
    return {column: shared[column] for column in place} | own


def people(
    count: int, seed: int, copies: Sequence[int] = (1, 1, 2, 3), noise: float = 0.15, households: float = 0.3
) -> People:
    """Each person's first record as it is, further ones with errors; some live together with the one before."""
    draw = random.Random(seed)
    found = People([], [])
    before: Row | None = None
    for number in range(count):
        person = _person(draw, before if draw.random() < households else None)
        if before is not None and person["phone"] == before["phone"]:
            while person["given_name"] == before["given_name"]:
                person["given_name"] = draw.choice(WOMEN + MEN)
        before = person
        for copy in range(draw.choice(copies)):
            found.rows.append(person | {"source_system": None} if copy == 0 else _copied(draw, person, noise))
            found.entities.append(f"p{number}")
    return found


def _copied(draw: random.Random, person: Row, noise: float) -> Row:
    row = dict(person)
    if draw.random() < noise:
        row["given_name"] = SHORT.get(row["given_name"], slip(draw, row["given_name"]))
    if draw.random() < noise:
        row["family_name"] = slip(draw, row["family_name"])
    if draw.random() < noise / 2:
        row["given_name"], row["family_name"] = row["family_name"], row["given_name"]
    if draw.random() < noise / 2:
        year, month, day = row["birth_date"].split("-")
        row["birth_date"] = (
            f"{year}-{int(day):02}-{int(month):02}" if int(day) <= 12 else f"{year}-{month}-01"
        )
    for column in ("birth_date", "phone", "street", "city"):
        if draw.random() < noise / 2:
            row[column] = None
    return row


def changed(found: People, change: Callable[[int, Row], Row]) -> People:
    """The same people, each record changed."""
    return People([change(i, dict(row)) for i, row in enumerate(found.rows)], found.entities)
