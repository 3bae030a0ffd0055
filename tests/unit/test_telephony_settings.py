"""What a company sets for its telephone exchange, as the SQL that becomes of it."""

import re
from typing import Any

import jinja2
import pytest

from dagster_project.config import DBT_PROJECT_DIR, dbt_vars

TEXT = (DBT_PROJECT_DIR / "macros" / "telephony.sql").read_text(encoding="utf-8")


def macros(phones: str = "", **telephony: list[str]) -> Any:
    """The macros of telephony with these settings; of a number only its digits are named."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    around = {
        "var": lambda name: {"telephony": telephony}[name],
        "env_var": lambda name, default: phones,
        "digits_only": lambda column: column,
        "modules": {"re": re},
    }
    return environment.from_string(TEXT, globals=around).module


def test_peers_and_contexts_can_be_named() -> None:
    made = macros(trunks=["MTS", "123456"], outside_contexts=["from-mts"])
    assert made.is_listed_peer("name", "trunks") == "coalesce(lower(name) in ('mts', '123456'), false)"
    assert made.is_listed_peer("name", "extensions") == "false"
    outside = " ".join(made.is_context("context", "outside_contexts").split())
    assert outside == "coalesce(left(context, 8) = 'from-mts', false)"
    assert made.is_context("context", "inside_contexts") == "false"


def test_every_list_of_the_project_is_one_that_a_macro_reads() -> None:
    read = set(re.findall(r"'(\w+_contexts|trunks|extensions)'\)", _models()))
    assert read == set(dbt_vars()["telephony"])


def _models() -> str:
    return "".join(
        file.read_text() for file in (DBT_PROJECT_DIR / "models" / "staging" / "asterisk").glob("*.sql")
    )


@pytest.mark.parametrize("phones", ["+7 (495) 123-45-67", "84951234567", " 4951234567 ,"])
def test_a_company_s_number_is_known_by_its_end_in_any_spelling(phones: str) -> None:
    sql = macros(phones).is_company_phone("src")
    assert set(re.findall(r"'(\d+)'", sql)) == {"1234567", "51234567", "951234567", "4951234567"}
    assert macros().is_company_phone("src") == "false"
