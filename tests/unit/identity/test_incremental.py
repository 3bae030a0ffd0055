"""An incremental run against a full one, from the same registry, over random sequences of changes."""

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dagster_project.identity import households, link, placeholders, resolution
from dagster_project.identity.decisions import DECISIONS
from dagster_project.identity.engine import beside, connect, in_small_groups
from dagster_project.identity.incremental import Change, Delta, follow, look_back, resolve_changes, rest_of
from dagster_project.identity.model import Model
from dagster_project.identity.registry import Previous
from dagster_project.identity.standardise import IDENTIFIER_COLUMNS, RECORD_COLUMNS
from dagster_project.identity.state import TABLES, State

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
Key = tuple[str, str]
PAIR = ("source_system_l", "source_record_id_l", "source_system_r", "source_record_id_r")
KEYS = {
    "record_customers": ("source_system", "source_record_id"),
    "record_identifiers": ("source_system", "source_record_id", "kind", "value"),
    "edges": PAIR,
    "customers": ("customer_id",),
    "departed": ("source_system", "source_record_id"),
    "review_queue": PAIR,
    "households": ("customer_id",),
}
SCHEMA = pa.schema(
    [
        (
            name,
            pa.bool_()
            if name == "is_company"
            else pa.timestamp("us", tz="UTC")
            if name.endswith("_at")
            else pa.string(),
        )
        for name in RECORD_COLUMNS
    ]
)


class Twins:
    """The same cards resolved twice at each step: by a full run, and from the last one's state by what changed."""

    def __init__(self, model: Model, folder: Path) -> None:
        self.model = model
        self.state = State(folder / "state.duckdb", {})
        self.cards: dict[Key, dict[str, Any]] = {}
        self.held: set[tuple[str, str, str, str]] = set()
        self.decisions: list[dict[str, Any]] = []
        self.previous = Previous.empty()
        self.rows: dict[str, dict[tuple, dict]] = {}
        self.steps = 0
        self.incremental = 0

    def run(self, changed: Iterable[Key], incremental: bool = True) -> None:
        """One step. `changed`: keys of cards that were added, altered or taken away."""
        self.steps += 1
        run_id, at = f"r{self.steps}", DAY + dt.timedelta(days=self.steps)
        full = connect()
        decisions = pa.Table.from_pylist(self.decisions, schema=DECISIONS)
        resolution.prepare(full, self._records(self.cards), self._identifiers(self.cards), decisions)
        result = resolution.resolve_prepared(full, self.model, self.previous, run_id=run_id, at=at)
        expected = {name: _keyed(getattr(result, name), key) for name, key in KEYS.items()}
        if self.steps > 1 and incremental:
            self._incremental(set(changed), decisions, run_id, at, full, expected, result)
        else:
            full.execute("create table digests as select rid as card_hash, rid as digest, rid from cards")
            self.state.make(full, run_id, "digests")
            self.state.publish()
        self.rows = expected
        self.previous = Previous(result.record_customers, result.customers, result.departed)

    def _incremental(
        self,
        changed: set[Key],
        decisions: pa.Table,
        run_id: str,
        at: dt.datetime,
        full: duckdb.DuckDBPyConnection,
        expected: dict[str, dict[tuple, dict]],
        result: resolution.Resolution,
    ) -> None:
        with connect() as con, in_small_groups(con), beside(con) as own:
            assert self.state.attach(con, f"r{self.steps - 1}")
            present = {key for key in changed if key in self.cards}
            gone = con.execute(
                "select rid from state.cards where (source_system || '/' || source_record_id) in (select unnest(?))",
                [["/".join(key) for key in changed - present]],
            ).fetchall()

            def fetch(rids: pa.Table) -> tuple[pa.Table, pa.Table]:
                con.register("asked", rids)
                keys = con.execute(
                    "select source_system, source_record_id from state.cards where rid in (select rid from asked)"
                ).fetchall()
                con.unregister("asked")
                return self._records(keys), self._identifiers(keys)

            change = Change(
                self._records(present),
                self._identifiers(present),
                pa.table({"rid": pa.array([row[0] for row in gone], pa.int64())}),
                fetch,
            )
            outcome = resolve_changes(con, change, self.model, decisions, run_id=run_id, at=at)
            self.state.advance(own, follow.of_outcome())
            look_back(con)
            self.state.settle(own)
            rest = rest_of(con)
            found = {
                name: _applied(
                    self.rows[name], getattr(rest if name == "households" else outcome, name), key, name
                )
                for name, key in KEYS.items()
            }
            for name in KEYS:
                assert found[name] == expected[name], name
            assert outcome.events.to_pylist() == result.events.to_pylist()
            assert rest.placeholder_dates.equals(result.placeholder_dates)
            assert (rest.estimate, rest.weights) == (result.estimate, result.weights)
            # What did not change is not compared again.
            told = {name: value for name, value in result.counts.items() if name != "candidate_pairs"}
            assert rest.counts == told | {"candidate_pairs": rest.counts["candidate_pairs"]}
            self.state.write(own)
            self.state.apply(con, run_id, follow.of_rest())
            self.state.publish()
            for name, query in TABLES.items():
                if name != "words":  # words that nobody writes any more may stay
                    assert _sorted(con, f"from state.{name}") == _sorted(full, query), name
        self.incremental += 1

    def _records(self, keys: Iterable[Key]) -> pa.Table:
        return pa.Table.from_pylist([self.cards[key] for key in keys], schema=SCHEMA)

    def _identifiers(self, keys: Iterable[Key]) -> pa.Table:
        wanted = set(keys)
        rows = [
            dict(zip(IDENTIFIER_COLUMNS, row, strict=True)) for row in sorted(self.held) if row[:2] in wanted
        ]
        return pa.Table.from_pylist(rows, schema=pa.schema([(n, pa.string()) for n in IDENTIFIER_COLUMNS]))


def _keyed(table: pa.Table, key: tuple[str, ...]) -> dict[tuple, dict]:
    rows = [{k: v for k, v in row.items() if k != "run_id"} for row in table.to_pylist()]
    keyed = {tuple(row[name] for name in key): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def _applied(rows: dict[tuple, dict], delta: Delta, key: tuple[str, ...], name: str) -> dict[tuple, dict]:
    gone = {tuple(row.values()) for row in delta.gone.to_pylist()}
    new = _keyed(delta.rows, key)
    result = {k: row for k, row in rows.items() if k[: len(next(iter(gone), ()))] not in gone} | new
    if name == "record_identifiers":  # all that is told of a card goes and comes as one
        altered = {k[:2] for k in rows.keys() | result.keys() if rows.get(k) != result.get(k)}
        assert gone | {k[:2] for k in new} <= altered, "what did not change is written"
    else:
        assert all(rows.get(k) != row for k, row in new.items()), (
            f"{name}: a row that did not change is written"
        )
        assert gone <= set(rows) - set(new)
    return result


def _sorted(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    order = sorted(row[0] for row in con.execute(f"describe {query}").fetchall())
    drop = {"nth"}
    return sorted(
        str(row)
        for row in con.execute(
            f"select {', '.join(c for c in order if c not in drop)} from ({query})"
        ).fetchall()
    )


MEN, WOMEN = ["Иван", "Пётр", "Олег", "Саша"], ["Анна", "Мария", "Ольга", "Саша"]
SURNAMES = ["Иванов", "Петров", "Чебурек", "Гогоберидзе", "Тумбочкин"]
FATHERS = ["Иванов", "Петров", None]
SYSTEMS = ["crm", "erp", "shop"]
LATIN = {"Иван": "Ivan", "Анна": "Anna", "Иванов": "Ivanov", "Тумбочкин": "Nev,jxrby"}


class World:
    """Clashing people: few phones, few names, families, companies, cards that name a parent; and what befalls them."""

    def __init__(self, twins: Twins, seed: int, homes: float = 0.3) -> None:
        self.twins, self.draw, self.changed = twins, random.Random(seed), set[Key]()
        self.homes = homes
        self.next = 0

    def befall(self, events: int) -> set[Key]:
        self.changed = set()
        for _ in range(events):
            choice = self.draw.random()
            if choice < 0.45 or len(self.twins.cards) < 3:
                self._put((self.draw.choice(SYSTEMS), f"{self.next:03}"))
                self.next += 1
            elif choice < 0.65:
                self._put(self._any())
            elif choice < 0.8:
                key = self._any()
                del self.twins.cards[key]
                self.changed.add(key)
            elif choice < 0.85:  # one that was gone may come back
                self._put((self.draw.choice(SYSTEMS), f"{self.draw.randrange(self.next):03}"))
            elif choice < 0.95:
                self._decide()
            elif self.twins.decisions:
                self.draw.choice(self.twins.decisions)["revoked_at"] = DAY + dt.timedelta(days=300)
        return self.changed

    def _any(self) -> Key:
        return self.draw.choice(sorted(self.twins.cards))

    def _put(self, key: Key) -> None:
        draw, surname = self.draw, self.draw.choice(SURNAMES)
        woman = draw.random() < 0.5
        given, father = draw.choice(WOMEN if woman else MEN), draw.choice(FATHERS)
        family = LATIN.get(surname, surname) if draw.random() < 0.2 else surname + ("а" if woman else "")
        row: dict[str, Any] = {"source_system": key[0], "source_record_id": key[1]}
        row["phone"] = draw.choice([None, *(f"8916555010{n}" for n in range(6)), "+79990000000"])
        row["email"] = draw.choice([None, None, *(f"box{n}77@ya.ru" for n in range(5))])
        form = draw.random()
        if form < 0.2:
            row["full_name"] = draw.choice([surname, "И. " + surname, None])
        elif form < 0.5:
            row["full_name"] = " ".join(
                filter(None, [family, given, father and father + ("на" if woman else "ич")])
            )
        else:
            row |= {"given_name": LATIN.get(given, given), "family_name": family}
            row["middle_name"] = father and father + ("на" if woman else "ич")
        if draw.random() < 0.5:
            row["birth_date"] = f"19{draw.randint(80, 83)}-0{draw.randint(1, 3)}-1{draw.randint(1, 3)}"
            if draw.random() < 0.1:
                row["birth_date"] = draw.choice(["1980-01-01", "1899-12-30", "1801-05-05"])
        if draw.random() < self.homes:
            row |= {"street": f"ул. Мира, д. {draw.randint(1, 3)}, кв. {draw.randint(1, 2)}", "city": "Омск"}
        if draw.random() < 0.1:
            row |= {
                "is_company": True,
                "tax_id": f"770123456{draw.randint(0, 1)}",
                "full_name": "ООО Ромашка",
            }
        if draw.random() < 0.1:
            row["loyalty_card"] = f"7700{draw.randint(1, 3)}"
        if draw.random() < 0.15:
            row["parent_record_id"] = f"{draw.randrange(self.next + 1):03}"
        row["created_at"] = DAY - dt.timedelta(days=draw.randint(0, 900))
        row["updated_at"] = row["created_at"] + dt.timedelta(days=draw.randint(0, 400))
        self.twins.cards[key] = row
        self.changed.add(key)
        self.twins.held = {held for held in self.twins.held if held[:2] != key}
        if draw.random() < 0.2:
            self.twins.held.add((*key, "phone", f"+7916555010{draw.randrange(6)}"))
        if draw.random() < 0.1:
            self.twins.held.add((*key, "account", f"shop:user:{draw.randrange(4)}"))

    def _decide(self) -> None:
        (sl, il), (sr, ir) = self._any(), self._any()
        number = len(self.twins.decisions)
        self.twins.decisions.append(
            {
                **dict(zip(PAIR, (sl, il, sr, ir), strict=True)),
                "decision_id": f"D-{number}",
                "verdict": self.draw.choice(["same", "different"]),
                "decided_at": DAY + dt.timedelta(minutes=number),
                "revoked_at": None,
            }
        )


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a few cards cross, both ways."""
    monkeypatch.setattr(link, "MAX_BLOCK", 3)
    monkeypatch.setattr(link, "MAX_SHARED", 8)
    monkeypatch.setattr(households, "MAX_SHARED", 2)
    monkeypatch.setattr(households, "MAX_MEMBERS", 4)
    monkeypatch.setattr(placeholders, "PERSON_LIMITS", dict.fromkeys(placeholders.PERSON_LIMITS, 3))


@pytest.mark.slow
@pytest.mark.usefixtures("small_limits")
@settings(
    max_examples=3,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.integers(0, 10**6), st.lists(st.integers(1, 10), min_size=2, max_size=3), st.sampled_from([0.3, 0.9])
)
def test_an_incremental_run_equals_a_full_one(
    model: Model, tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[int], homes: float
) -> None:
    # In a company where names alone are worth a link.
    trusting = replace(
        model,
        settings=model.settings | {"probability_two_random_records_match": 0.05},
        training={"names": {"from": 0.0}},
    )
    twins = Twins(trusting, tmp_path_factory.mktemp("state"))
    world = World(twins, seed, homes)
    twins.run(world.befall(60))
    for events in steps:
        twins.run(world.befall(events))
    assert twins.incremental == len(steps)


@pytest.mark.slow
def test_a_birth_date_becomes_plausible_overnight(model: Model, tmp_path: Path) -> None:
    twins = Twins(model, tmp_path)
    youngest = dt.date.today().replace(day=1) - dt.timedelta(days=5 * 366)
    cards = {
        "1": {"full_name": "Иван Петров", "birth_date": youngest.isoformat()},
        "2": {"full_name": "Анна Белая"},
    }
    for number, card in cards.items():
        twins.cards["s", number] = {"source_system": "s", "source_record_id": number} | card
    twins.run([])
    # As it was when the child was too young to be believed.
    with duckdb.connect(str(twins.state.path)) as con:
        con.execute("update noted set day = day - interval 1 year")
        con.execute("update cards set birth_date = null")
        con.execute("delete from blocks")
    twins.cards["s", "2"]["full_name"] = "Анна Черная"
    twins.run([("s", "2")])
    assert twins.incremental == 1


@pytest.mark.slow
def test_what_a_hundred_cards_share_is_followed(model: Model, tmp_path: Path) -> None:
    """Limits as they are: a name becomes known by its uses, a mailbox nobody's, a block too large, and back."""
    twins = Twins(model, tmp_path)
    names = ["Иван", "Пётр", "Олег", "Семён", "Фёдор"]
    for number in range(66):
        twins.cards["s", f"{number:03}"] = {
            "source_system": "s",
            "source_record_id": f"{number:03}",
            "given_name": names[number % 5] if number > 7 else "Быстрина",
            "family_name": f"Кукушкин{'а' if number % 2 else ''}" if number < 61 else f"Соловей{number}",
            "birth_date": "1980-02-03",
            "phone": f"89165550{number:03}",
            "email": "office.box7@mail.ru" if 8 <= number < 12 else None,
        }
    twins.run([])
    for step in range(2):
        changed = [("s", f"{number:03}") for number in (4, 5, 6, 7, 12, 61)]
        for _, number in changed[:4]:
            twins.cards["s", number]["given_name"] = "Кукушкин" if step == 0 else "Быстрина"
        twins.cards["s", "012"]["email"] = "office.box7@mail.ru" if step == 0 else None
        twins.cards["s", "061"]["family_name"] = "Кукушкин" if step == 0 else "Соловей"
        twins.run(changed)
    assert twins.incremental == 2
