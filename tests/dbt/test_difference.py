"""Strategy `difference`: a contract is altered where it differs, and holds what its query says, twins included."""

import pytest
import sqlalchemy as sa

from dagster_project.warehouse import Warehouse
from tests.dbt.conftest import Dbt

BUILD = ("build", "--select", "path:seeds", "path:models/staging", "path:models/intermediate")
# The views below it stay: what they read is what changes.
AGAIN = ("run", "--select", "customer_records")
CARDS = "intermediate.customer_records"


@pytest.fixture(scope="module")
def built(sample: Warehouse, dbt: Dbt) -> Warehouse:
    assert not dbt(*BUILD).named("error", "skipped")
    return sample


def versions(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    """Of each card the transaction that wrote it."""
    with warehouse.begin() as connection:
        found = connection.execute(
            sa.text(f"select source_system, source_record_id, xmin::text from {CARDS}")
        ).all()
    return {(system, record): version for system, record, version in found}


def execute(warehouse: Warehouse, statement: str) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql(statement)


def count(warehouse: Warehouse, where: str) -> int:
    with warehouse.begin() as connection:
        return connection.scalar(sa.text(f"select count(*) from {CARDS} where {where}")) or 0


def test_only_what_differs_is_written(built: Warehouse, dbt: Dbt) -> None:
    before = versions(built)
    contact = "id = (select min(id) from raw_suitecrm.contacts)"
    execute(built, f"update raw_suitecrm.contacts set last_name = 'Новая' where {contact}")
    assert not dbt(*AGAIN).named("error", "skipped")
    after = versions(built)
    changed = {key for key in before if before[key] != after.get(key)}
    assert len(changed) == 1 and before.keys() == after.keys()
    assert count(built, "family_name = 'Новая'") == 1

    execute(built, f"delete from raw_suitecrm.contacts where {contact}")
    assert not dbt(*AGAIN).named("error", "skipped")
    assert versions(built).keys() == before.keys() - changed


def test_a_card_that_comes_twice_is_there_twice_for_the_gate_to_find(built: Warehouse, dbt: Dbt) -> None:
    cards = count(built, "true")
    execute(
        built,
        "alter table raw_suitecrm.contacts drop constraint contacts_pkey;"
        " insert into raw_suitecrm.contacts select * from raw_suitecrm.contacts limit 1",
    )
    dbt(*AGAIN)
    assert count(built, "true") == cards + 1
    execute(
        built,
        "delete from raw_suitecrm.contacts a using raw_suitecrm.contacts b where a.id = b.id and a.ctid > b.ctid",
    )
    dbt(*AGAIN)
    assert count(built, "true") == cards


def test_a_column_that_an_earlier_release_did_not_have_is_added(built: Warehouse, dbt: Dbt) -> None:
    named = count(built, "family_name is not null")
    execute(built, f"alter table {CARDS} drop column family_name")
    assert not dbt(*AGAIN).named("error", "skipped")
    assert count(built, "family_name is not null") == named > 0


def test_a_column_of_another_type_is_written_anew(built: Warehouse, dbt: Dbt) -> None:
    before = versions(built)
    execute(
        built,
        f"alter table {CARDS} alter column birth_date type text using birth_date::text,"
        " alter column is_company type int using is_company::int",
    )
    assert not dbt(*AGAIN).named("error", "skipped")
    with built.begin() as connection:
        types = connection.scalars(
            sa.text(
                "select format_type(atttypid, null) from pg_attribute where attrelid = to_regclass(:name)"
                " and attname in ('birth_date', 'is_company') order by attname"
            ),
            {"name": CARDS},
        ).all()
    assert types == ["date", "boolean"] and versions(built).keys() == before.keys()
