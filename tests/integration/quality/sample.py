"""A valid row of every gated table, made from its columns and its suite, and how to break each rule."""

import re
from typing import Any

import sqlalchemy as sa
import yaml

from dagster_project.config import DBT_PROJECT_DIR, EXPECTATIONS_DIR, source_contracts
from dagster_project.quality import Expectation, Suite
from dagster_project.warehouse import Warehouse
from tests.raw_tables import ddl

Row = dict[str, Any]
A_TIME = "2026-01-01T12:00:00+03:00"  # as files write it
A_SECOND = "1767258000"  # as amoCRM writes it
ONE_OF_ALL = "x"  # every text key: so every reference finds its row
LIVING = (
    "_deleted_at deleted_at retired_at revoked_at surviving_customer_id no_customer_reason no_record_reason "
    "rejected_by mirrors_order_id"
)
ALIVE: Row = dict.fromkeys(LIVING.split())
OVERRIDES: dict[str, Row] = {
    "identity.edges": {"source_record_id_r": "y", "is_used": True},
    "identity.households": {"members": 2},
    "identity.models": {"is_current": True},
    "identity.runs": {"churned": 0, "weight_drift": 0, "new_sources": 0},
    "identity.decisions": {"source_record_id_r": "y", "verdict": "same"},
    "marts_build.customer_id_redirect": {"retired_id": "old"},
    "marts_build.fct_order": {"is_sale": True},
    "intermediate.orders": {"amount_shipping": 0, "status": "placed"},
    "marts_build.reconciliation": {"rows_unexplained": 0, "amount_left_out": 0},
    "raw_odoo.sale_order": {"amount_total": 2},
    "raw_ads.spend": {"day": A_TIME, "impressions": "1", "clicks": "1", "cost": "1,50"},
    "raw_ads.touches": {"clicked_at": A_TIME},
    "raw_surveys.nps": {"sent_at": A_TIME, "answered_at": A_TIME},
    "raw_marketing.consents": {"occurred_at": A_TIME},
    "raw_marketing.offers": {"occurred_at": A_TIME},
    "raw_amocrm.contacts": {"created_at": A_SECOND, "updated_at": A_SECOND, "custom_fields_values": "[]"},
    "raw_amocrm.leads": {
        "created_at": A_SECOND,
        "updated_at": A_SECOND,
        "closed_at": A_SECOND,
        "price": "1",
        "embedded": "{}",
    },
    "raw_bitrix24.contacts": {
        "created_time": A_TIME,
        "updated_time": A_TIME,
        "birthdate": A_TIME,
        "fm": "[]",
    },
    "raw_events.events": {"occurred_at": A_TIME, "ended_at": A_TIME},
}
# With those that vars.sources does not name: a company that adds one has its gates.
SOURCES = sorted({*source_contracts(), *(folder.name for folder in (EXPECTATIONS_DIR / "raw").iterdir())})
VALUES = {"boolean": False, "bytea": b"x", "jsonb": "{}", "date": "1980-01-01", "uuid": "0" * 32}


def create_tables(warehouse: Warehouse) -> None:
    """Every table as its owner declares it, without constraints: what is checked is the gate."""
    with warehouse.begin() as connection:
        for source in SOURCES:
            script = ddl(source).replace(":", "-")
            connection.execute(sa.text(f"create schema ddl; set local search_path to ddl; {script}"))
            tables = connection.scalars(sa.text("select tablename from pg_tables where schemaname = 'ddl'"))
            for table in list(tables):
                connection.execute(
                    sa.text(
                        f"create table raw_{source}.{table} as select *, '1' as _dlt_load_id, "
                        f"null::timestamptz as _deleted_at from ddl.{table}"
                    )
                )
            connection.execute(sa.text("set local search_path to default; drop schema ddl cascade"))
        models = [("intermediate", "intermediate/_intermediate__models.yml")] + [
            ("marts_build", str(file.relative_to(DBT_PROJECT_DIR / "models")))
            for file in sorted((DBT_PROJECT_DIR / "models" / "marts").glob("*/_*__models.yml"))
        ]
        for schema, file in models:
            document = yaml.safe_load((DBT_PROJECT_DIR / "models" / file).read_text(encoding="utf-8"))
            for model in document["models"]:
                columns = ", ".join(f"{c['name']} {c['data_type']}" for c in model["columns"])
                connection.execute(sa.text(f"create table {schema}.{model['name']} ({columns})"))
    with warehouse.begin() as connection:
        query = "select tablename from pg_tables where schemaname = 'identity'"
        for table in list(connection.scalars(sa.text(query))):
            connection.exec_driver_sql(
                f"create table identity.bare as select * from identity.{table}; "
                f"drop table identity.{table} cascade; alter table identity.bare rename to {table}"
            )


def columns_of(warehouse: Warehouse) -> dict[str, dict[str, str]]:
    """schema.table → column → type."""
    found: dict[str, dict[str, str]] = {}
    with warehouse.begin() as connection:
        query = (
            "select table_schema || '.' || table_name, column_name, data_type "
            "from information_schema.columns "
            "where table_schema like 'raw\\_%' or table_schema in ('intermediate', 'identity', 'marts_build')"
        )
        for table, column, kind in connection.execute(sa.text(query)):
            found.setdefault(table, {})[column] = kind
    return found


def valid_row(table: str, columns: dict[str, str], suite: Suite | None) -> Row:
    """A row of `table` that its suite lets through, in a warehouse that holds one of each."""
    row: Row = {}
    for column, kind in columns.items():
        if kind.startswith("timestamp"):
            row[column] = "2026-01-01 12:00:00"
        elif kind in VALUES:
            row[column] = VALUES[kind]
        elif kind in ("text", "character varying"):
            row[column] = "odoo" if column.startswith("source_system") else ONE_OF_ALL
        else:
            row[column] = 1
    if "_dlt_load_id" in row:
        row["_dlt_load_id"] = "1"
    for expectation in suite.expectations if suite else ():
        kwargs, column = expectation.kwargs, expectation.column or ""
        if expectation.type.endswith("to_be_in_set"):
            values = kwargs["value_set"]
            is_named = isinstance(values, dict)
            row[column] = (
                {"sources": "odoo", "channels": "phone"}[values["$PARAMETER"]] if is_named else values[0]
            )
        elif expectation.type.endswith("match_regex"):
            condition = kwargs.get("row_condition")
            row |= {condition["column"]["name"]: "other"} if condition else {column: "a@b.ru"}
        elif expectation.type.endswith("lengths_to_equal"):
            row[column] = "x" * kwargs["value"]
    alive = {column: value for column, value in ALIVE.items() if column in row}
    return row | alive | OVERRIDES.get(table, {})


def broken_row(expectation: Expectation, columns: dict[str, str]) -> Row | None:
    """The columns of a row that breaks `expectation`; None where the type needs more than a row."""
    kwargs, kind = expectation.kwargs, expectation.type
    column = expectation.columns[0] if expectation.columns else ""
    if kind.endswith("not_be_null"):
        return {column: None}
    if kind.endswith("to_be_in_set"):
        return {column: "no such value"[: 2 if "char" in columns[column] else None]}
    if kind.endswith("to_be_between") and "row_count" not in kind and "lengths" not in kind:
        is_time = "timestamp" in columns[column] or columns[column] == "date"
        return {column: "0001-01-01" if is_time else float(kwargs["min_value"]) - 1}
    if kind.endswith("match_regex"):
        condition = kwargs.get("row_condition")
        assert not re.match(kwargs["regex"], "twelve")
        return {column: "twelve"} | (
            {condition["column"]["name"]: condition["parameter"][0]} if condition else {}
        )
    if "lengths" in kind:
        return {column: ""}
    if kind.endswith("a_to_be_greater_than_b"):
        return {kwargs["column_A"]: 1, kwargs["column_B"]: 2}
    if expectation.rule.endswith(" is a flag"):
        flag = expectation.rule.removesuffix(" is a flag")
        return None if columns[flag] == "boolean" else {flag: 7}
    return None


def put(warehouse: Warehouse, table: str, *rows: Row) -> None:
    """Makes `rows` all that schema.table holds."""
    with warehouse.begin() as connection:
        connection.execute(sa.text(f"truncate {table}"))
        for row in rows:
            names = ", ".join(f'"{column}"' for column in row)
            slots = ", ".join(f"%({column})s" for column in row)
            connection.exec_driver_sql(f"insert into {table} ({names}) values ({slots})", row)
