"""Survivorship is configuration: every rule on a real PostgreSQL, and what a wrong configuration says."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from dagster_project.config import DBT_PROJECT_DIR
from dagster_project.identity.engine import connect
from dagster_project.identity.placeholders import published_dates
from dagster_project.identity.resolution import prepare
from dagster_project.warehouse import Warehouse
from tests.dbt.conftest import Dbt
from tests.unit.identity.conftest import cards as cards_of
from tests.unit.identity.conftest import identifiers

ATTRIBUTES = (
    *("full_name", "name", "gender", "birth_date", "phone", "email", "loyalty_card", "tax_id", "messenger"),
    *("login_id", "address"),
)
# Of Anna's cards each is the best by another rule.
CARDS = """
update intermediate.customer_records set full_name = null, given_name = null, family_name = null, gender = null,
    loyalty_card = null, login_id = null, street = null, city = null, postcode = null, country = null;
update intermediate.customer_records c set full_name = v.name, given_name = v.given, gender = v.gender,
    loyalty_card = v.card, login_id = v.login, city = v.city, street = v.street, updated_at = v.at::timestamptz
from (values
    ('contact:c1', 'Анна О', 'Аня', 'female', 'c-1', 'a', 'Новосибирск', null, '2026-01-01'),
    ('lead:l1', 'Аня Орлова', 'Анюта', 'male', 'c-2', 'b', 'Казань', null, '2026-01-02'),
    ('partner:3', 'аня орлова ', 'Анна', 'male', 'c-3', null, 'Казань', 'Мира, 1', '2026-01-03'),
    ('order:500', 'Анна-Мария', 'Ан', 'male', 'c-5', null, 'Казань', null, '2026-01-05'),
    ('user:12', 'Маша', 'А', 'male', 'c-4', null, null, null, '2026-01-04')
) as v (id, name, given, gender, card, login, city, street, at) where c.source_record_id = v.id;
"""
RULES = {
    "full_name": ["most_frequent"],
    "name": ["longest"],
    "gender": ["most_trusted", "most_recent"],
    "loyalty_card": ["most_recent"],
    "address": ["most_complete"],
}


def configured(**rules: Any) -> str:
    """`--vars` with these rules; every other attribute by trust."""
    return json.dumps({"survivorship": {attribute: ["most_trusted"] for attribute in ATTRIBUTES} | rules})


@pytest.fixture(scope="module")
def cards(sample: Warehouse, dbt: Dbt) -> Warehouse:
    untested = ("--exclude-resource-types", "unit_test", "test")
    run = dbt("build", *untested, "--select", "+customer_golden_field", "--exclude", "customer_golden_field")
    assert not run.named("error", "skipped"), run.output[-2000:]
    with sample.begin() as connection:
        connection.exec_driver_sql(CARDS)
    return sample


def test_each_rule_chooses_its_own(cards: Warehouse, dbt: Dbt) -> None:
    run = dbt("run", "--select", "customer_golden_field", "--vars", configured(**RULES))
    assert run.named("success") == {"customer_golden_field"}, run.output[-2000:]
    query = (
        "select attribute, value, rule, value_count, source_record_id from marts_build.customer_golden_field "
        "where customer_id = 'C-ANNA' and attribute not in ('phone', 'email', 'birth_date', 'messenger_kind', 'messenger_id')"
    )
    with cards.begin() as connection:
        found = {row[0]: tuple(row[1:]) for row in connection.execute(sa.text(query))}
    assert found == {
        # Two cards say it: case and spaces do not count. Of equal ones the most trusted source's.
        "full_name": ("Аня Орлова", "most_frequent", 4, "lead:l1"),
        "given_name": ("Анюта", "longest", 5, "lead:l1"),
        # The newest of SuiteCRM's two cards.
        "gender": ("male", "most_recent", 2, "lead:l1"),
        "loyalty_card": ("c-5", "most_recent", 5, "order:500"),
        # Whole from one card, never the street of one and the town of another.
        "street": ("Мира, 1", "most_complete", 3, "partner:3"),
        "city": ("Казань", "most_complete", 3, "partner:3"),
        "login_id": ("b", "tie_break", 2, "lead:l1"),
    }


# As a source has them that knows parts of names and no whole one: given, middle, family, birth date.
IN_PARTS = {
    "p1": ("Анна", "Павловна", "Орлова", "2000-01-01"),
    "p2": ("Ann", "Mary", "O'Neil", "1899-12-30"),
    "p3": ("太郎", None, "山田", "0001-01-01"),
    "p4": ("Олег", None, None, "1990-01-01"),
    "p5": (None, " ", "Седова", "1850-06-01"),
    "p6": (None, "Павловна", "", "2199-01-01"),
    "p7": ("Eva", "", "Nowak", "1984-02-29"),
    # A day that far too many share, on purpose of nobody: learned, not listed.
    **{f"l{i}": ("Eva", None, f"Nowak{i}", "1991-05-01") for i in range(40)},
    **{f"d{i}": (None, None, "Gray", f"{1955 + i % 40}-02-{1 + i % 28:02}") for i in range(200)},
}


def test_customers_have_the_names_of_their_parts_and_the_birth_dates_that_identity_keeps(
    cards: Warehouse, dbt: Dbt
) -> None:
    rows = [
        {"id": key, "given": given, "middle": middle, "family": family, "birth": birth}
        for key, (given, middle, family, birth) in IN_PARTS.items()
    ]
    with cards.begin() as connection:
        view = connection.scalar(
            sa.text("select pg_get_viewdef('staging.stg_surveys__customer_records'::regclass)")
        )
        connection.exec_driver_sql(
            "create table staging.in_parts (id text, given text, middle text, family text, birth date)"
        )
        connection.execute(
            sa.text("insert into staging.in_parts values (:id, :given, :middle, :family, :birth)"), rows
        )
        connection.exec_driver_sql("drop view staging.stg_surveys__customer_records cascade")
        connection.exec_driver_sql(
            "create view staging.stg_surveys__customer_records as select id as source_record_id,"
            " 'surveys' as source_system, given as given_name, middle as middle_name, family as family_name,"
            " birth as birth_date, timestamptz '2030-01-01' as updated_at from staging.in_parts"
        )
        connection.execute(
            sa.text(
                "insert into identity.record_customers select 'surveys', id, 'C-' || id, 'alone', null, 'run-1'"
                " from staging.in_parts"
            )
        )
    kept = _birth_dates_of_identity(cards)
    models = ("customer_records", "bridge_customer_record", "customer_golden_field")
    run = dbt("run", "--select", *models)
    assert run.named("success") == set(models), run.output[-2000:]
    with cards.begin() as connection:
        golden = dict(
            connection.execute(
                sa.text(
                    "select source_record_id, jsonb_object_agg(attribute, value)"
                    " from marts_build.customer_golden_field where source_system = 'surveys' group by 1"
                )
            ).all()
        )
        for statement in (
            "drop view staging.stg_surveys__customer_records",
            f"create view staging.stg_surveys__customer_records as {view}",
            "drop table staging.in_parts",
        ):
            connection.exec_driver_sql(statement)
    assert {key: golden.get(key, {}).get("full_name") for key in IN_PARTS if key.startswith("p")} == {
        "p1": "Орлова Анна Павловна",
        "p2": "Ann Mary O'Neil",
        "p3": "山田 太郎",
        "p4": "Олег",
        "p5": "Седова",
        "p6": None,
        "p7": "Eva Nowak",
    }
    assert {key: golden.get(key, {}).get("birth_date") for key in IN_PARTS} == kept
    assert kept["p7"] == "1984-02-29" and kept["d1"] is not None
    assert not any(kept[key] for key in ("p1", "p2", "p3", "p4", "p5", "p6", "l0"))


def _birth_dates_of_identity(warehouse: Warehouse) -> dict[str, str | None]:
    """Of IN_PARTS, by record; what identity publishes of their dates is in the warehouse then."""
    records = cards_of(
        *({"source_record_id": key, "birth_date": birth} for key, (*_, birth) in IN_PARTS.items())
    )
    con = connect()
    prepare(con, records, identifiers())
    published = con.sql(published_dates("placeholders")).to_arrow_table()
    with warehouse.begin() as connection:
        connection.exec_driver_sql("truncate identity.placeholder_dates")
    warehouse.write(published, "identity", "placeholder_dates", mode="append")
    return dict(con.execute("select source_record_id, cast(birth_date as varchar) from cards").fetchall())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"shoe_size": ["longest"]}, "names 'shoe_size', which is no golden attribute"),
        ({"phone": ["most_loved"]}, "gives 'phone' the rule 'most_loved', which there is not"),
    ],
)
def test_a_wrong_configuration_stops_the_build(sample: Warehouse, dbt: Dbt, rules: dict, said: str) -> None:
    run = dbt("compile", "--select", "customer_golden_field", "--vars", configured(**rules))
    assert said in run.output


def test_the_shipped_configuration_names_every_attribute() -> None:
    project = yaml.safe_load((DBT_PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))
    assert tuple(project["vars"]["survivorship"]) == ATTRIBUTES
