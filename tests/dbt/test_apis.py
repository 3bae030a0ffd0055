"""Staging of the APIs that the demo company does not have: their rows, as extraction brings them, in the contracts."""

import datetime as dt
import json

import sqlalchemy as sa

from dagster_project.warehouse import Warehouse, schema
from tests.dbt.conftest import Dbt
from tests.raw_tables import ddl

SOURCES = {
    "amocrm": ["customer_records", "customer_record_identifiers", "interactions", "source_rows"],
    "bitrix24": ["customer_records", "customer_record_identifiers", "source_rows"],
}


def field(code: str, *values: str) -> dict[str, object]:
    return {"field_code": code, "values": [{"value": value} for value in values]}


def test_contacts_and_leads_of_the_apis_become_cards_and_interactions(warehouse: Warehouse, dbt: Dbt) -> None:
    fields = json.dumps(
        [field("PHONE", "+79161234567", "84951234567"), field("EMAIL", "a@b.ru"), field("POSITION", "x")]
    )
    fm = json.dumps([{"typeId": "PHONE", "value": "+79161234567"}, {"typeId": "IM", "value": "x"}])
    with warehouse.begin() as connection:
        for name in (*schema.SCHEMAS, *map(schema.raw_schema, SOURCES)):
            connection.execute(sa.text(f"drop schema if exists {name} cascade"))
        schema.prepare(connection, list(SOURCES))
        for source in SOURCES:
            connection.exec_driver_sql(f"set local search_path = raw_{source}")
            connection.exec_driver_sql(
                ddl(source).replace(");", ", _dlt_load_id text, _deleted_at timestamptz);")
            )
        for statement, rows in (
            (
                "insert into raw_amocrm.contacts (id, name, custom_fields_values, created_at, updated_at, is_deleted) "
                "values (:id, 'Анна Белова', :fields, '1790000000', '1790000060', :is_deleted)",
                [
                    {"id": "1", "fields": fields, "is_deleted": "false"},
                    {"id": "2", "fields": None, "is_deleted": "true"},
                ],
            ),
            (
                "insert into raw_amocrm.leads (id, name, status_id, pipeline_id, created_at, updated_at, embedded) "
                "values (:id, 'Шторы', '142', '1', '1790000000', '1790000060', :embedded)",
                [{"id": "7", "embedded": '{"contacts": [{"id": 1}]}'}, {"id": "8", "embedded": None}],
            ),
            (
                "insert into raw_bitrix24.contacts (id, name, last_name, birthdate, fm, updated_time) "
                "values ('5', 'Анна', 'Белова', '1980-02-03T03:00:00+03:00', :fm, '2026-09-01T12:00:00+03:00')",
                [{"fm": fm}],
            ),
        ):
            connection.execute(sa.text(statement), rows)
    done = dbt(
        "build", "--select", "path:models/staging/amocrm", "path:models/staging/bitrix24",
        "--vars", json.dumps({"sources": SOURCES}),
    )  # fmt: skip
    assert len(done.named("success")) == 9, done.output

    def ask(query: str) -> list[tuple]:
        with warehouse.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    at = dt.datetime(2026, 9, 21, 14, 14, 20, tzinfo=dt.UTC)
    assert ask(
        "select source_record_id, full_name, phone, email, updated_at, deleted_at "
        "from staging.stg_amocrm__customer_records order by 1"
    ) == [
        ("contact:1", "Анна Белова", "+79161234567", "a@b.ru", at, None),
        ("contact:2", "Анна Белова", None, None, at, at),
    ]
    assert ask("select kind, value from staging.stg_amocrm__customer_record_identifiers order by 1, 2") == [
        ("email", "a@b.ru"), ("phone", "+79161234567"), ("phone", "84951234567"),
    ]  # fmt: skip
    assert ask("select interaction_id, source_record_id, no_record_reason from staging.stg_amocrm__interactions order by 1") == [
        ("amocrm:leads:7", "contact:1", None), ("amocrm:leads:8", None, "no_customer_given"),
    ]  # fmt: skip
    assert ask(
        "select source_record_id, given_name, family_name, birth_date::text, phone, updated_at "
        "from staging.stg_bitrix24__customer_records"
    ) == [
        (
            "contact:5",
            "Анна",
            "Белова",
            "1980-02-03",
            "+79161234567",
            dt.datetime(2026, 9, 1, 9, tzinfo=dt.UTC),
        )
    ]
    for source in SOURCES:
        (missing,) = ask(
            f"select count(*) from staging.stg_{source}__source_rows r where contract = 'customer_records' and not exists "
            f"(select from staging.stg_{source}__customer_records c where c.source_record_id = r.contract_row_id)"
        )
        assert missing == (0,)
