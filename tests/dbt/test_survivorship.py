"""Survivorship is configuration: every rule on a real PostgreSQL, and what a wrong configuration says."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from dagster_project.config import DBT_PROJECT_DIR
from dagster_project.warehouse import Warehouse
from tests.dbt.conftest import Dbt

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
