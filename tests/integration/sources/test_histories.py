"""Random histories of every source: after each refresh the warehouse is what the source is.

One company lives through all of this file: first days of its own, then what nobody would think of.
C360_HISTORIES=50 plays more of them.
"""

import datetime as dt
import os
import random
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

import demo_company
from dagster_project.sources import Source, load_source, window
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.delivery import FILE
from dagster_project.sources.extract import extract
from dagster_project.warehouse import Warehouse, schema
from tests.conftest import empty
from tests.integration.sources.histories import Drops, Key, Life, Row

STEPS = 2
# Histories live on from one another, so a failing one cannot be shrunk: it is told instead.
playing = settings(
    max_examples=int(os.environ.get("C360_HISTORIES", "1")),
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class World:
    """The demo company, each source's life, and what raw held of it last."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse, self.folder = warehouse, folder
        self.lives: dict[str, Life] = {}
        self._known: dict[str, set[Key]] = {}

    def life(self, name: str) -> Life:
        if name not in self.lives:
            url = demo_company.source_url(self.warehouse, name)
            now = dt.datetime.fromisoformat(demo_company.parameters(self.warehouse)["as_of"])
            self.lives[name] = Life(load_source(name), url, now.replace(tzinfo=dt.UTC))
        return self.lives[name]

    def extract(self, name: str) -> dict[str, TableLoad]:
        """A refresh by a clock that is right."""
        life = self.life(name)
        url = demo_company.source_url(self.warehouse, name).render_as_string(hide_password=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(window, "horizon", lambda: life.now)
            done = extract(life.source, url, self.warehouse, self.folder)
        life.extracted()
        return {f"{name}.{load.table}": load for load in done.tables}

    def differences(self, name: str) -> list[str]:
        """Rows of raw that are not the source's, in all columns that both have, and where rows are that left."""
        life = self.life(name)
        found = []
        for table in life.source.tables:
            held = {plain(key): row for key, row in life.rows(table).items()}
            live, buried = raw_rows(self.warehouse, life.source, table.name)
            unseen, left = ({plain(k) for k in of[table.name]} for of in (life.unseen, life.left))
            missing = held.keys() - live.keys()
            if table.deletes != "compared":
                missing -= unseen
            stay = live.keys() - held.keys() - left
            vanished = self._known.get(f"{name}.{table.name}", set()) - live.keys() - buried
            differ = {
                (key, column)
                for key in held.keys() & live.keys() - unseen
                for column in live[key].keys() & held[key].keys()
                if same(live[key][column]) != same(held[key][column])
            }
            self._known[f"{name}.{table.name}"] = live.keys() | buried
            assert not live or set(table.required_columns) <= next(iter(live.values())).keys()
            for what, keys in (
                ("not in raw", missing),
                ("still live", stay),
                ("vanished", vanished),
                ("other", differ),
            ):
                if keys:
                    found.append(f"{name}.{table.name}: {len(keys)} {what}: {sorted(map(str, keys))[:5]}")
        return found


def raw_rows(warehouse: Warehouse, source: Source, table: str) -> tuple[dict[Key, Row], set[Key]]:
    """The live rows of a raw table by key, and the keys of those with a tombstone."""
    live, buried = {}, set()
    with warehouse.begin() as connection:
        rows = connection.execute(sa.text(f'select * from {schema.raw_schema(source.name)}."{table}"'))
        for row in rows.mappings():
            key = plain(tuple(row[name] for name in source.table(table).key))
            if row["_deleted_at"] is None:
                live[key] = dict(row)
            else:
                buried.add(key)
    return live, buried


def plain(key: Key) -> Key:
    return tuple(same(value) for value in key)


def same(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else value


@pytest.fixture(scope="module")
def world(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    empty(warehouse)
    folder = tmp_path_factory.mktemp("histories")
    demo_company.create(warehouse, customers=50, seed=5, folder=folder / "files")
    made = World(warehouse, folder)
    for name in demo_company.SOURCES:
        made.extract(name)
    yield made
    empty(warehouse)


@pytest.mark.slow
def test_raw_is_every_source_before_and_after_a_day_of_its_life(world: World) -> None:
    assert [line for name in demo_company.SOURCES for line in world.differences(name)] == []
    demo_company.advance(world.warehouse, 1, world.folder / "files")
    for name in demo_company.SOURCES:
        world.life(name).now += dt.timedelta(days=1)
    loads = {table: load for name in demo_company.SOURCES for table, load in world.extract(name).items()}
    assert [line for name in demo_company.SOURCES for line in world.differences(name)] == []
    assert sum(load.tombstones for load in loads.values()) >= 1
    assert loads["odoo.pos_order"].rows_loaded < loads["odoo.pos_order"].rows_at_source / 4


@pytest.mark.slow
@pytest.mark.parametrize("name", list(demo_company.SOURCES))
@playing
@given(seed=st.integers(0, 2**32))
def test_raw_is_the_source_after_each_refresh_of_a_random_history(world: World, name: str, seed: int) -> None:
    life, draw = world.life(name), random.Random(seed)
    for _ in range(STEPS):
        life.acts.clear()
        life.live(draw, acts=8 * len(life.source.tables))
        world.extract(name)
        note("\n".join(life.acts))
        assert world.differences(name) == []


FILES = ["ads", "surveys", "marketing", "events"]


@pytest.fixture(scope="module")
def folders(world: World) -> Mapping[str, Drops]:
    return {name: Drops(load_source(name), world.folder / "drops" / name) for name in FILES}


@pytest.mark.parametrize("name", FILES)
@playing
@given(seed=st.integers(0, 2**32))
def test_raw_is_what_files_say_after_each_refresh_of_a_random_history(
    world: World, folders: Mapping[str, Drops], name: str, seed: int
) -> None:
    drops, draw = folders[name], random.Random(seed)
    for _ in range(STEPS):
        drops.acts.clear()
        drops.live(draw, acts=5)
        extract(drops.source, drops.folder.as_uri(), world.warehouse, world.folder)
        drops.extracted()
        note("\n".join(drops.acts))
        for table in drops.source.tables:
            live, buried = raw_rows(world.warehouse, drops.source, table.name)
            columns = {*table.required_columns, *table.optional}
            here = {key: {c: row[c] for c in columns} for key, row in live.items()}
            assert here == drops.expected[table.name]
            assert buried == set()
            assert all(row[FILE] for row in live.values())
