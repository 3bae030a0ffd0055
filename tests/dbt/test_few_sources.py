"""A company that has less than the demo: what no source fills is empty, and nothing stops."""

import json

import pytest

from dagster_project.config import EXPECTATIONS_DIR, source_contracts
from dagster_project.quality import Status, load_suites, run_gate
from dagster_project.warehouse import Warehouse
from tests.dbt.conftest import Dbt


@pytest.fixture(scope="module")
def crm_alone(sample: Warehouse, dbt: Dbt) -> Warehouse:
    """A company whose one source holds people, calls and cases: no orders. Nobody is linked yet."""
    with sample.begin() as connection:
        connection.exec_driver_sql(
            "truncate identity.record_customers, identity.customers, identity.edges, "
            "identity.record_identifiers, identity.households"
        )
    selected = "path:seeds path:models/staging/suitecrm path:models/intermediate path:models/marts"
    sources = {"sources": {"suitecrm": source_contracts()["suitecrm"]}}
    done = dbt(
        *("build", "--select", *selected.split(), "--exclude-resource-type", "unit_test"),
        *("--vars", json.dumps(sources)),
    )
    assert done.named("error", "fail", "skipped") == set(), done.output
    return sample


def test_a_company_without_orders_passes_every_gate(crm_alone: Warehouse) -> None:
    for suite in load_suites(EXPECTATIONS_DIR).values():
        if suite.layer in ("intermediate", "marts"):
            outcome = run_gate(crm_alone, suite, run_id="r1")
            assert outcome.status is not Status.FAILED, (suite.path, outcome.messages)
    with crm_alone.begin() as connection:
        counts = {
            mart: connection.exec_driver_sql(f"select count(*) from marts_build.{mart}").scalar_one()
            for mart in ("fct_order", "fct_order_line", "fct_interaction")
        }
    assert counts["fct_order"] == counts["fct_order_line"] == 0 < counts["fct_interaction"]
