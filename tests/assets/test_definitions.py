"""The assembly: what Dagster shows, compared with what was agreed (asset_graph.txt) and with the layer rules."""

import ast
import os
from pathlib import Path

import dagster as dg
import pytest

from dagster_project import checks
from dagster_project.assets.dbt import staging
from dagster_project.assets.published import KEY as PUBLISHED
from dagster_project.build import build_defs
from dagster_project.config import EXPECTATIONS_DIR, PROJECT_ROOT, source_contracts
from dagster_project.quality import load_suites
from dagster_project.sources import load_sources

SNAPSHOT = Path(__file__).parent / "asset_graph.txt"
FLOW = ("dictionaries", "raw", "staging", "intermediate", "identity", "marts", "published")


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_defs()


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions):
    return definitions.resolve_asset_graph()


def test_the_asset_graph_is_the_agreed_one(graph) -> None:
    """C360_UPDATE_SNAPSHOTS=1 writes it anew; the difference belongs in the commit."""
    lines = []
    for key in sorted(graph.get_all_asset_keys()):
        parents = sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        lines.append(f"{key.to_user_string()} <- {', '.join(parents) or '(source)'}")
    now = "\n".join(lines) + "\n"
    if os.environ.get("C360_UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(now, encoding="utf-8")
    assert now == SNAPSHOT.read_text(encoding="utf-8")


def test_data_flows_one_way(graph) -> None:
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            assert FLOW.index(parent.path[0]) <= FLOW.index(key.path[0]), f"{key} reads {parent}"
            assert (key.path[0], parent.path[0]) not in {("marts", "staging"), ("marts", "raw")}


def test_every_asset_is_grouped_owned_and_described(graph) -> None:
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name == key.path[0], key
        assert node.owners, key
        assert (node.description or "").strip(), f"{key} has no description"
        assert node.kinds, key


def test_every_table_has_a_blocking_gate(graph) -> None:
    gated = {check.asset_key for check in graph.asset_check_keys if check.name == "gate"}
    for key in graph.get_all_asset_keys():
        if key.path[0] in {"raw", "intermediate", "identity", "marts"}:
            assert key in gated, f"{key} has no gate"
    for check in graph.asset_check_keys:
        if check.name == "gate":
            assert graph.get(check).blocking, check


def test_the_gates_of_what_one_step_makes_are_one_step(definitions: dg.Definitions) -> None:
    """A step costs more than many a gate; those of a source are run together, and can still be run alone."""
    steps = {gates.op.name: gates for gates in definitions.asset_checks or ()}  # type: ignore[union-attr]
    odoo = steps["extract_odoo_gates"]
    assert {key.asset_key.path[1] for key in odoo.check_keys} == {"odoo"}
    assert len(odoo.check_keys) > 10 and odoo.can_subset
    assert {"dbt_intermediate_gates", "resolve_identities_gates", "dbt_marts_gates"} <= set(steps)


def test_publishing_waits_for_the_gate_of_every_suite(graph) -> None:
    """A suite of a table that nothing reads must stop publishing too."""
    waits_for = graph.get(PUBLISHED).parent_keys
    suites = [
        suite
        for suite in load_suites(EXPECTATIONS_DIR).values()
        if suite.layer != "raw" or suite.path[1] in source_contracts()
    ]
    assert {suite.layer for suite in suites} == {"raw", "intermediate", "identity", "marts"}
    for suite in suites:
        key = checks._asset_of(suite)
        gate = graph.get(dg.AssetCheckKey(key, "gate"))
        assert gate.blocking, suite.path
        assert key in waits_for, suite.path


def test_every_declared_table_is_an_asset(graph) -> None:
    declared = {("raw", source.name, table.name) for source in load_sources() for table in source.tables}
    assert declared == {tuple(key.path) for key in graph.get_all_asset_keys() if key.path[0] == "raw"}


def test_a_source_that_is_not_listed_lies_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    assert staging(["odoo"]) == "path:seeds path:models/staging/odoo"
    monkeypatch.setattr(checks, "source_contracts", lambda: {"odoo": []})
    graph = build_defs().resolve_asset_graph()
    gates = {
        check.asset_key.path[1]
        for check in graph.asset_check_keys
        if check.name == "gate" and check.asset_key.path[0] == "raw"
    }
    assert gates == {"odoo"}


def test_a_model_is_trained_by_a_job_of_its_own(definitions: dg.Definitions) -> None:
    training = definitions.resolve_job_def("model_training_job")
    assert [node.name for node in training.nodes] == ["train_linkage_model"]
    daily = definitions.resolve_job_def("daily_refresh_job")
    assert not {node.name for node in daily.nodes} & {"train_linkage_model"}
    # One at a time with the refresh, by Dagster's queue too.
    assert training.tags.items() & daily.tags.items()


def test_the_schedule_refreshes_everything_daily_in_the_configured_zone(
    definitions: dg.Definitions, graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = definitions.resolve_schedule_def("daily_refresh_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 3 * * *", "Europe/Moscow")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    job = definitions.resolve_job_def("daily_refresh_job")
    assert set(job.asset_layer.executable_asset_keys) == graph.get_all_asset_keys()

    monkeypatch.setenv("C360_TIME_ZONE", "Asia/Vladivostok")
    monkeypatch.setenv("C360_REFRESH_CRON", "30 4 * * *")
    other = build_defs().resolve_schedule_def("daily_refresh_schedule")
    assert (other.cron_schedule, other.execution_timezone) == ("30 4 * * *", "Asia/Vladivostok")


@pytest.mark.parametrize("folder", ["sources", "identity", "quality", "warehouse"])
def test_pure_rooms_do_not_know_dagster(folder: str) -> None:
    for path in (PROJECT_ROOT / "dagster_project" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not [n for n in names if n.split(".")[0] == "dagster"], f"{path} imports Dagster"


@pytest.mark.parametrize(
    ("room", "may_not_know"),
    [
        ("warehouse", {"sources", "quality", "identity", "assets"}),
        ("sources", {"quality", "identity", "assets"}),
        ("quality", {"identity", "assets"}),
        ("identity", {"assets", "quality", "sources"}),
    ],
)
def test_a_room_knows_only_the_rooms_before_it(room: str, may_not_know: set[str]) -> None:
    for path in (PROJECT_ROOT / "dagster_project" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dagster_project."):
                assert (node.module or "").split(".")[1] not in may_not_know, f"{path}: {node.module}"


def test_every_mart_is_published_with_its_key() -> None:
    from dagster_project.assets.dbt import mart_nodes, marts

    published = {mart.name: mart for mart in marts()}
    assert set(published) == set(mart_nodes())
    assert all(mart.key for mart in published.values())
    assert {"full_name", "phone", "email", "birth_date"} <= published["dim_customer"].personal
