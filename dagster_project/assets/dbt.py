"""Layers staging, intermediate and marts: dbt, one step a layer, so that the gates between them block.

Belongs here: how dbt's models become assets, and how dbt is called. Does not belong here: SQL.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from dagster_project.assets import OWNERS
from dagster_project.assets.dbt_runner import ON_HOLD, stream
from dagster_project.assets.failures import failing_clearly
from dagster_project.assets.raw import raw_key
from dagster_project.config import DBT_PROJECT_DIR, EXPECTATIONS_DIR, load_settings, source_contracts
from dagster_project.errors import ConfigError
from dagster_project.quality import holding, ledger, load_suites
from dagster_project.quality.staged import ConformedTable, hold_faulty
from dagster_project.resources import Environment, RefreshLock
from dagster_project.warehouse import Warehouse, schema
from dagster_project.warehouse.dbt import dbt_environment
from dagster_project.warehouse.lock import DBT_APPLICATION
from dagster_project.warehouse.publish import Mart


def staging(sources: Iterable[str]) -> str:
    """What staging is: the dictionaries that it reads, and the models of `sources`; other folders lie idle."""
    return " ".join(["path:seeds", *(f"path:models/staging/{source}" for source in sources)])


# What one step of a layer builds.
LAYERS = {
    "staging": staging(source_contracts()),
    "intermediate": "path:models/intermediate",
    "marts": "path:models/marts",
}

# Unit tests belong to the test suite, not to every night.
ARGUMENTS = ("build", "--exclude-resource-type", "unit_test")


class Translator(DagsterDbtTranslator):
    """Keys <layer>/<source or subject>/<name>, group = layer."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id)
        if node is None:
            return spec.replace_attributes(key=source_key(manifest["sources"][unique_id], spec.key))
        key = asset_key(node)
        return spec.replace_attributes(
            key=key,
            group_name=key.path[0],
            owners=OWNERS,
            kinds={"dbt", "postgres"},
            # What the run itself noted of sources is no asset.
            deps=[dep for dep in spec.deps if dep.asset_key.path[0] != schema.OPS],
        )


TRANSLATOR = Translator()


def asset_key(node: Mapping[str, Any]) -> dg.AssetKey:
    """A model's or seed's key, from its place below models/ or seeds/."""
    folders = Path(node["path"]).parent.parts
    if node["resource_type"] == "seed":
        return dg.AssetKey(["dictionaries", node["name"]])
    return dg.AssetKey([*folders, node["name"]])


def source_key(table: Mapping[str, Any], default: dg.AssetKey) -> dg.AssetKey:
    """A dbt source's key: a raw table is the asset that extraction fills, others say theirs in their metadata."""
    is_raw = table["schema"] == schema.raw_schema(table["source_name"])
    return raw_key(table["source_name"], table["name"]) if is_raw else default


@lru_cache
def dbt_project() -> DbtProject:
    return DbtProject(project_dir=DBT_PROJECT_DIR, target_path=load_settings().home / "dbt")


def build_dbt_assets(layer: str) -> dg.AssetsDefinition:
    """One layer's models as one step."""

    @dbt_assets(
        manifest=manifest(),
        select=LAYERS[layer],
        name=f"dbt_{layer}",
        project=dbt_project(),
        dagster_dbt_translator=TRANSLATOR,
        pool="dbt",
    )
    def layer_assets(
        context: dg.AssetExecutionContext, environment: Environment, refresh_lock: RefreshLock
    ) -> Iterator[Any]:
        with failing_clearly():
            warehouse = environment.warehouse
            os.environ.update(
                dbt_environment(warehouse, environment.settings), C360_DBT_APPLICATION=DBT_APPLICATION
            )
            is_staging = layer == "staging"
            spared: dict[str, list[str]] = {}
            left_out = sources_without_rows(warehouse) if is_staging else []
            for event in stream(
                *(context, ARGUMENTS, LAYERS[layer], dbt_project(), manifest(), TRANSLATOR),
                left_out=left_out,
                spared=spared if is_staging else None,
            ):
                note_rebuilt(event, warehouse, layer)
                yield _with_row_count(event, warehouse)
            if is_staging:
                tables = {source: _conformed_tables(source) for source in source_contracts()}
                hold_faulty(warehouse, tables, spared, context.run_id, context.log.warning)
                holding.raise_if_none_came_through(warehouse, list(source_contracts()))
            if layer == "intermediate":
                holding.accept(warehouse)

    return layer_assets


def sources_without_rows(warehouse: Warehouse) -> list[str]:
    """The sources on hold that were never extracted: staging has no raw tables to read there."""
    return sorted(holding.never_extracted(warehouse, source_contracts()) & set(holding.causes(warehouse)))


def _conformed_tables(source: str) -> list[ConformedTable]:
    """The conformed tables that `source` fills, as their models and suites declare them."""
    suites = load_suites(EXPECTATIONS_DIR)
    tables = []
    for name in source_contracts()[source]:
        node = conformed_nodes()[name]
        suite = suites.get(("intermediate", name))
        tables.append(
            ConformedTable(
                name,
                key=tuple(node["config"]["meta"]["primary_key"]),
                columns={column["name"]: column["data_type"] for column in node["columns"].values()},
                required=tuple(
                    column["name"]
                    for column in node["columns"].values()
                    if any(constraint["type"] == "not_null" for constraint in column["constraints"])
                ),
                amount=node["config"]["meta"].get("amount"),
                rules=suite.row_rules if suite else (),
                indexed=tuple(
                    column for index in node["config"].get("indexes") or () for column in index["columns"]
                ),
            )
        )
    return tables


def note_rebuilt(event: Any, warehouse: Warehouse, layer: str) -> None:
    """An incremental table stays the same relation: its gate learns here that dbt has built it anew."""
    if isinstance(event, dg.Output) and (table := _incremental_tables().get(event.output_name)):
        ledger.set_rebuilt(warehouse, layer, table)


def _with_row_count(event: Any, warehouse: Warehouse) -> Any:
    """A table's output with its rows counted. (dagster-dbt's own way polls, and starves dbt of the processor.)"""
    if not isinstance(event, dg.Output) or ON_HOLD in event.metadata:
        return event  # of a source that never came through there is no table
    if not (table := _tables().get(event.output_name)):
        return event
    with warehouse.begin() as connection:
        rows: int = connection.exec_driver_sql(f"select count(*) from {table}").scalar_one()
    return event.with_metadata({**event.metadata, "dagster/row_count": dg.MetadataValue.int(rows)})


@lru_cache
def _incremental_tables() -> dict[str, str]:
    """Names of dbt's incremental tables by the name of their step's output."""
    return {
        "__".join(asset_key(node).path): node["alias"]
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "incremental"
    }


@lru_cache
def _tables() -> dict[str, str]:
    """dbt's tables by the name of their step's output; views are not counted."""
    return {
        "__".join(asset_key(node).path): f'"{node["schema"]}"."{node["alias"]}"'
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] != "view"
    }


def dbt_executable() -> str:
    return str(Path(sys.executable).parent / "dbt")


@lru_cache
def manifest() -> Mapping[str, Any]:
    """dbt's manifest, parsed anew only where the project's files changed. Raises ConfigError with dbt's words."""
    project = dbt_project()
    path = project.manifest_path
    digest_file = path.with_suffix(".digest")
    digest = _digest()
    if not path.exists() or not digest_file.exists() or digest_file.read_text() != digest:
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = load_settings()
        done = subprocess.run(
            [
                dbt_executable(), "parse", "--quiet", "--no-use-colors",
                "--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR),
            ],
            env=os.environ | dbt_environment(None, settings),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise ConfigError(
                f"dbt cannot read the project: {done.stdout.strip()[-2000:]}", "Mend dbt_project/."
            )
        digest_file.write_text(digest)
    return json.loads(path.read_text(encoding="utf-8"))


def _digest() -> str:
    """One hash over every file that dbt parses."""
    sha = hashlib.sha256()
    for path in sorted(DBT_PROJECT_DIR.rglob("*")):
        if path.is_file() and path.suffix in {".sql", ".yml", ".csv", ".md"} and "target" not in path.parts:
            sha.update(str(path.relative_to(DBT_PROJECT_DIR)).encode())
            sha.update(path.read_bytes())
    return sha.hexdigest()


def mart_nodes() -> dict[str, Mapping[str, Any]]:
    """The marts' models by name."""
    return _models_below("marts/")


def conformed_nodes() -> dict[str, Mapping[str, Any]]:
    """The conformed tables' models by name."""
    return _models_below("intermediate/")


def conformed_tables_of(mart: Mapping[str, Any]) -> set[str]:
    """The names of the conformed tables that a mart is built from, by way of other marts too."""
    nodes, found = manifest()["nodes"], set()
    waiting, seen = [mart], set()
    while waiting:
        for parent in waiting.pop()["depends_on"]["nodes"]:
            node = nodes.get(parent)
            if node is None or node["resource_type"] != "model" or parent in seen:
                continue
            seen.add(parent)
            if node["path"].startswith("intermediate/"):
                found.add(node["name"])
            else:
                waiting.append(node)
    return found


def _models_below(folder: str) -> dict[str, Mapping[str, Any]]:
    return {
        node["name"]: node
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["path"].startswith(folder)
    }


def marts() -> list[Mart]:
    """What publishing needs to know of each mart, from the models' own metadata."""
    return [
        Mart(
            name=name,
            key=tuple(node["config"]["meta"]["primary_key"]),
            personal=frozenset(
                column["name"]
                for column in node["columns"].values()
                if (column.get("config") or {}).get("meta", {}).get("personal")
                or column["meta"].get("personal")
            ),
        )
        for name, node in sorted(mart_nodes().items())
    ]
