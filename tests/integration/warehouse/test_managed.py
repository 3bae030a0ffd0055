"""A managed server of the newest version: the administrator is no superuser. (PostgreSQL 15: tests marked every_server.)"""

from pathlib import Path

import sqlalchemy as sa

from dagster_project.warehouse import Warehouse, migrations, schema
from dagster_project.warehouse.embedded import SYSTEM_USER, bin_path
from tests.managed_server import managed_server


def test_the_newest_postgresql_is_set_up_without_a_superuser(tmp_path: Path, warehouse: Warehouse) -> None:
    programs = bin_path()  # the embedded server's, whose user is there once it was started
    with managed_server(tmp_path, programs, SYSTEM_USER) as made, made.begin() as connection:
        assert int(connection.exec_driver_sql("show server_version_num").scalar_one()) >= 180000
        assert not connection.exec_driver_sql(
            "select rolsuper from pg_roles where rolname = current_user"
        ).scalar_one()
        assert migrations.pending(connection) == []
        connection.execute(sa.text(f"set local role {schema.ANALYST}"))
        assert connection.exec_driver_sql("select count(*) from identity.edges").scalar_one() == 0
