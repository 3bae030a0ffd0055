"""The dbt project on a real warehouse: raw tables as the systems have them, filled with sample.sql."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from dagster_project.config import DBT_PROJECT_DIR, Settings, source_contracts
from dagster_project.warehouse import Warehouse, schema
from dagster_project.warehouse.dbt import dbt_environment
from tests.raw_tables import ddl


@dataclass(frozen=True)
class DbtRun:
    """What one dbt command did: its words, node name → status and SQL, and the data tests among the nodes."""

    output: str
    statuses: dict[str, str]
    data_tests: frozenset[str]
    compiled: dict[str, str]

    def named(self, *statuses: str) -> set[str]:
        return {name for name, status in self.statuses.items() if status in statuses}


Dbt = Callable[..., DbtRun]


@pytest.fixture(scope="session")
def dbt_targets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What dbt writes is below it, its logs too."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="session")
def dbt(warehouse: Warehouse, settings: Settings, dbt_targets: Path) -> Dbt:
    """Runs dbt on the test's warehouse; results are read from run_results.json.

    What dbt parsed is kept through the session, for each project with its variables: parsing is most of a short run.
    """

    def run(*arguments: str, project: Path = DBT_PROJECT_DIR, settings: Settings = settings) -> DbtRun:
        variables = arguments[arguments.index("--vars") + 1] if "--vars" in arguments else ""
        target = dbt_targets / hashlib.sha256(f"{project} {variables}".encode()).hexdigest()[:12]
        target.mkdir(exist_ok=True)
        environment = os.environ | dbt_environment(warehouse, settings)
        environment |= {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)}
        (target / "run_results.json").unlink(missing_ok=True)
        command = [str(Path(sys.executable).parent / "dbt"), *arguments, "--no-use-colors"]
        command += ["--project-dir", str(project), "--profiles-dir", str(project)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        written = target / "run_results.json"
        # None where dbt cannot even read the project.
        results = json.loads(written.read_text())["results"] if written.exists() else []
        statuses = {row["unique_id"]: row["status"] for row in results}
        return DbtRun(
            done.stdout,
            {node.split(".")[2]: status for node, status in statuses.items()},
            frozenset(node for node in statuses if node.startswith("test.")),
            {row["unique_id"].split(".")[2]: row.get("compiled_code") or "" for row in results},
        )

    return run


@pytest.fixture(scope="module")
def sample(warehouse: Warehouse) -> Warehouse:
    """The warehouse, its other schemas empty, with sample.sql in the raw tables and in identity."""
    with warehouse.begin() as connection:
        for name in (*schema.SCHEMAS, *map(schema.raw_schema, source_contracts())):
            connection.execute(sa.text(f"drop schema if exists {name} cascade"))
        schema.prepare(connection, list(source_contracts()))
        for source in source_contracts():
            raw = schema.raw_schema(source)
            connection.exec_driver_sql(f"set local search_path = {raw}")
            connection.exec_driver_sql(ddl(source))
            for table in sa.inspect(connection).get_table_names(schema=raw):
                connection.exec_driver_sql(
                    f"alter table {raw}.{table} add _dlt_load_id text not null default '1', "
                    "add _deleted_at timestamptz"
                )
    with warehouse.begin() as connection:
        connection.exec_driver_sql((Path(__file__).parent / "sample.sql").read_text(encoding="utf-8"))
    return warehouse


@pytest.fixture(scope="module")
def built(sample: Warehouse, dbt: Dbt) -> tuple[Warehouse, DbtRun]:
    """The sample with every layer built and tested."""
    return sample, dbt("build")
