"""A small source of its own for each test: one parent, a child that follows it, one table with a loose key."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from dagster_project.sources import Source, Table
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.declaration import Follows
from dagster_project.sources.extract import Extraction, extract
from dagster_project.warehouse import Warehouse, schema

DDL = """
create table orders (
    id integer primary key, amount numeric(10, 2), placed_at timestamp, note text, changed_at timestamp);
create table order_items (id integer primary key, order_id integer not null, sku text);
create table calls (uniqueid text not null, sequence integer not null, ended_at timestamp);
create table empty_so_far (id integer primary key, changed_at timestamp);
insert into orders select i, i * 1.5, timestamp '2026-01-01' + i * interval '1 hour', 'заказ ' || i,
    timestamp '2026-01-01' + i * interval '1 hour' from generate_series(1, 100) i;
insert into order_items select i, (i + 1) / 2, 'sku-' || i from generate_series(1, 200) i;
insert into calls select 'c' || i, 0, timestamp '2026-01-01' + i * interval '1 hour' from generate_series(1, 50) i;
"""

SHOP = Source(
    name="testshop",
    kind="shop",
    description="A shop for tests",
    tables=(
        Table("orders", ("id",), ("amount", "placed_at"), watermark="changed_at", deletes="compared"),
        Table(
            "order_items", ("id",), ("sku",), follows=Follows("orders", "order_id", "id"), deletes="compared"
        ),
        Table("calls", ("uniqueid", "sequence"), (), watermark="ended_at", deletes="kept"),
        Table("empty_so_far", ("id",), (), optional=("mobile",), watermark="changed_at"),
    ),
)


@dataclass
class Shop:
    """The source, its database and the warehouse that it is extracted into."""

    warehouse: Warehouse
    url: str
    work_dir: Path
    source: Source = SHOP

    def run(self, statement: str) -> None:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool, connect_args={"client_encoding": "utf8"})
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def extract(self, **more: object) -> Extraction:
        return extract(self.source, self.url, self.warehouse, self.work_dir, **more)  # type: ignore[arg-type]

    def load(self, table: str, **more: object) -> TableLoad:
        return next(load for load in self.extract(**more).tables if load.table == table)

    def raw(self, query: str) -> list[tuple]:
        with self.warehouse.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def run_raw(self, statement: str) -> None:
        with self.warehouse.begin() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture
def new_database(warehouse: Warehouse) -> Iterator[Callable[[str], str]]:
    """Makes a database from a CREATE DATABASE suffix, answers its URL, drops it in the end."""
    made: list[str] = []

    def make(options: str = "") -> str:
        name = f"source_{len(made)}"
        with warehouse.admin_engine("postgres").connect() as admin:
            admin.exec_driver_sql(f"drop database if exists {name} with (force)")
            admin.exec_driver_sql(f"create database {name} {options}")
        made.append(name)
        assert warehouse.admin_url is not None
        return warehouse.admin_url.set(database=name).render_as_string(hide_password=False)

    yield make
    with warehouse.admin_engine("postgres").connect() as admin:
        for name in made:
            admin.exec_driver_sql(f"drop database if exists {name} with (force)")


@pytest.fixture
def shop(clean_warehouse: Warehouse, new_database: Callable[[str], str], tmp_path: Path) -> Shop:
    """The shop with its first rows, nothing extracted yet."""
    raw = schema.raw_schema(SHOP.name)
    with clean_warehouse.begin() as connection:
        for name in (raw, f"{raw}_staging"):
            connection.execute(sa.text(f"drop schema if exists {name} cascade"))
        connection.execute(sa.text(f"create schema {raw}"))
    made = Shop(clean_warehouse, new_database(""), tmp_path)
    made.run(DDL)
    return made
