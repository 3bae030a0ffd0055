"""The customer card's look-up on published marts of a real PostgreSQL."""

import pytest
import sqlalchemy as sa

from dagster_project.card import LOOK_UP, find_cards
from dagster_project.errors import WarehouseError
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.publish import Mart, publish

MARTS = [
    Mart("customer_card", ("customer_id",), frozenset({"card"})),
    Mart("bridge_customer_identifier", ("identifier_id",), frozenset({"identifier_id", "value"})),
    Mart("customer_id_redirect", ("retired_id",), frozenset()),
]
# The columns that the look-up needs, and the indexes as dbt makes them.
BUILT = """
create table marts_build.customer_card (customer_id text primary key, card jsonb, data_as_of timestamptz);
create table marts_build.bridge_customer_identifier (
    identifier_id text primary key, kind text, value text, customer_id text);
create index on marts_build.bridge_customer_identifier (value, kind);
create table marts_build.customer_id_redirect (retired_id text primary key, surviving_id text, reason text);
insert into marts_build.customer_card
select id, jsonb_build_object('customer_id', id), '2026-01-25 10:00+00' from unnest(array['C-ANNA', 'C-IVAN']) as id;
insert into marts_build.bridge_customer_identifier values
    ('1', 'phone', '+79161234567', 'C-ANNA'), ('2', 'phone', '+79161234567', 'C-IVAN'),
    ('3', 'phone', '+79031112233', 'C-IVAN'), ('4', 'email', 'anna@yandex.ru', 'C-ANNA'),
    ('5', 'phone', '223344', 'C-IVAN'), ('6', 'login', '+79031112233', 'C-ANNA');
insert into marts_build.customer_id_redirect values
    ('C-OLD', 'C-ANNA', 'merged'), ('C-GONE', null, 'records_gone');
"""


@pytest.fixture
def published(clean_warehouse: Warehouse) -> Warehouse:
    with clean_warehouse.begin() as connection:
        connection.exec_driver_sql(BUILT)
    publish(clean_warehouse, MARTS)
    return clean_warehouse


def found(warehouse: Warehouse, who: str) -> list[str]:
    return [card["customer_id"] for card in find_cards(warehouse, who, ["RU"])]


def test_a_card_is_found_however_it_is_asked_for(published: Warehouse) -> None:
    asked = {
        "89031112233": ["C-IVAN"],
        "+79031112233": ["C-IVAN"],
        "8 (903) 111-22-33": ["C-IVAN"],
        "+7 903 111 22 33 ": ["C-IVAN"],
        "9031112233": ["C-IVAN"],
        "8 916 123-45-67": ["C-ANNA", "C-IVAN"],  # a family's phone
        "22-33-44": [],
        "223344": ["C-IVAN"],  # no full number: found as it is written
        "anna@yandex.ru": ["C-ANNA"],
        " Anna@YA.ru": ["C-ANNA"],
        "anna+shop@yandex.ru": ["C-ANNA"],
        "C-IVAN": ["C-IVAN"],
        "C-OLD": ["C-ANNA"],
        "C-GONE": [],
        "C-NOBODY": [],
        "+7 999 000 00 00": [],
        "nobody@mail.example": [],
        "": [],
    }
    assert {who: found(published, who) for who in asked} == asked


def test_a_card_says_how_fresh_it_is(published: Warehouse) -> None:
    (card,) = find_cards(published, "C-IVAN", ["RU"])
    assert card["data_as_of"].isoformat() == "2026-01-25T10:00:00+00:00"


def test_before_the_first_refresh_it_says_what_to_do(clean_warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="no customer cards yet") as raised:
        find_cards(clean_warehouse, "89031112233", ["RU"])
    assert "c360 refresh" in raised.value.remedy


def test_a_look_up_among_100_000_cards_reads_a_few_pages(published: Warehouse) -> None:
    with published.begin() as connection:
        connection.exec_driver_sql(
            """
            insert into marts.customer_card
            select 'C-' || i, jsonb_build_object('customer_id', 'C-' || i), now() from generate_series(1, 100000) i;
            insert into marts.bridge_customer_identifier
            select 'n' || i, 'phone', '+7' || 9500000000 + i, 'C-' || i from generate_series(1, 100000) i;
            analyze marts.customer_card; analyze marts.bridge_customer_identifier;
            """
        )
        plan = connection.scalar(
            sa.text(f"explain (analyze, buffers, format json) {LOOK_UP}"),
            {"who": "+79500050000", "kind": "phone", "values": ["+79500050000"]},
        )
    assert found(published, "8 950 005 00 00") == ["C-50000"]
    pages = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    assert pages < 100, plan
