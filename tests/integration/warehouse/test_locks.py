"""DDL on what others read: short attempts, and an error that names who holds it; nobody is waited for."""

import datetime as dt
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
import sqlalchemy as sa

from dagster_project.errors import WarehouseLocked
from dagster_project.identity import store
from dagster_project.sources import raw_tables
from dagster_project.warehouse import Warehouse


@pytest.fixture
def reader(warehouse: Warehouse) -> Iterator[sa.Connection]:
    engine = sa.create_engine(
        warehouse.url, poolclass=sa.NullPool, connect_args={"application_name": "an idle psql"}
    )
    with engine.connect() as connection:
        yield connection


def test_a_raw_column_that_somebody_reads_is_not_widened_and_the_session_is_named(
    clean_warehouse: Warehouse, reader: sa.Connection
) -> None:
    with clean_warehouse.begin() as connection:
        connection.exec_driver_sql(
            "create table raw_odoo.t (n smallint); create view staging.of_t as select n from raw_odoo.t"
        )
    reader.exec_driver_sql("select * from staging.of_t")
    change = "alter column n type bigint"
    begun = time.monotonic()
    with (
        pytest.raises(WarehouseLocked, match=r"raw_odoo\.t.*an idle psql"),
        clean_warehouse.begin() as connection,
    ):
        raw_tables.alter(connection, "raw_odoo.t", [], [change], patience_s=0.5)
    assert time.monotonic() - begun < 5
    assert reader.exec_driver_sql("select count(*) from staging.of_t").scalar_one() == 0
    reader.rollback()

    with clean_warehouse.begin() as connection:
        raw_tables.alter(connection, "raw_odoo.t", [], [change])
        assert connection.scalar(sa.text("select to_regclass('staging.of_t')")) is None


def test_an_empty_table_of_identity_is_filled_under_a_reader_without_its_locks(
    clean_warehouse: Warehouse, reader: sa.Connection
) -> None:
    rows = 2 * store.FILLED_AT_ONCE
    departed = pa.table(
        {
            "source_system": ["odoo"] * rows,
            "source_record_id": [str(i) for i in range(rows)],
            "customer_id": ["C"] * rows,
        }
    )

    def fill() -> list[str]:
        with store.writing(clean_warehouse, "r", dt.datetime.now(dt.UTC)) as writer:
            statements = []
            for statement in store._statements(
                writer._cursor, "departed_records", departed, ("source_system", "source_record_id")
            ):
                statements.append(statement)
                writer._cursor.execute(statement)
            return statements

    reader.exec_driver_sql("select count(*) from identity.departed_records")
    begun = time.monotonic()
    assert not any("truncate" in statement or "drop" in statement for statement in fill())
    assert time.monotonic() - begun < 5
    reader.rollback()
    assert reader.exec_driver_sql("select count(*) from identity.departed_records").scalar_one() == rows
    reader.exec_driver_sql("truncate identity.departed_records")
    reader.commit()
    assert any("truncate" in statement for statement in fill()), "without a reader the fast way is taken"
