"""Strategy `difference`: a contract is altered where it differs, and holds what its query says, twins included."""

import sqlalchemy as sa

from dagster_project.warehouse import Warehouse
from tests.dbt.conftest import Dbt

BUILD = ("build", "--select", "path:seeds", "path:models/staging", "path:models/intermediate")
CARDS = "intermediate.customer_records"


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


def test_only_what_differs_is_written(sample: Warehouse, dbt: Dbt) -> None:
    assert not dbt(*BUILD).named("error", "skipped")
    before = versions(sample)
    contact = "id = (select min(id) from raw_suitecrm.contacts)"
    execute(sample, f"update raw_suitecrm.contacts set last_name = 'Новая' where {contact}")
    assert not dbt(*BUILD).named("error", "skipped")
    after = versions(sample)
    changed = {key for key in before if before[key] != after.get(key)}
    assert len(changed) == 1 and before.keys() == after.keys()
    assert count(sample, "family_name = 'Новая'") == 1

    execute(sample, f"delete from raw_suitecrm.contacts where {contact}")
    assert not dbt(*BUILD).named("error", "skipped")
    assert versions(sample).keys() == before.keys() - changed


def test_a_card_that_comes_twice_is_there_twice_for_the_gate_to_find(sample: Warehouse, dbt: Dbt) -> None:
    assert not dbt(*BUILD).named("error", "skipped")
    cards = count(sample, "true")
    execute(
        sample,
        "alter table raw_suitecrm.contacts drop constraint contacts_pkey;"
        " insert into raw_suitecrm.contacts select * from raw_suitecrm.contacts limit 1",
    )
    dbt(*BUILD)
    assert count(sample, "true") == cards + 1
    execute(
        sample,
        "delete from raw_suitecrm.contacts a using raw_suitecrm.contacts b where a.id = b.id and a.ctid > b.ctid",
    )
    dbt(*BUILD)
    assert count(sample, "true") == cards


def test_a_column_that_an_earlier_release_did_not_have_is_added(sample: Warehouse, dbt: Dbt) -> None:
    assert not dbt(*BUILD).named("error", "skipped")
    named = count(sample, "family_name is not null")
    execute(sample, f"alter table {CARDS} drop column family_name")
    assert not dbt(*BUILD).named("error", "skipped")
    assert count(sample, "family_name is not null") == named > 0


def test_a_column_of_another_type_is_written_anew(sample: Warehouse, dbt: Dbt) -> None:
    assert not dbt(*BUILD).named("error", "skipped")
    before = versions(sample)
    execute(
        sample,
        f"alter table {CARDS} alter column birth_date type text using birth_date::text,"
        " alter column is_company type int using is_company::int",
    )
    assert not dbt(*BUILD).named("error", "skipped")
    with sample.begin() as connection:
        types = connection.scalars(
            sa.text(
                "select format_type(atttypid, null) from pg_attribute where attrelid = to_regclass(:name)"
                " and attname in ('birth_date', 'is_company') order by attname"
            ),
            {"name": CARDS},
        ).all()
    assert types == ["date", "boolean"] and versions(sample).keys() == before.keys()
