"""Running dbt inside this process, one layer at a time, as a stream of Dagster events.

Belongs here: calling dbt and translating what it says. Does not belong here: keys and selections of the
layers (dbt.py).

Why not dagster-dbt's DbtCliResource: it starts dbt anew for each layer (6 s of processor time each, longer
than the models take), and a dbt of its own outlives a killed run and writes on.
"""

import queue
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject
from dagster_dbt.asset_utils import get_subset_selection_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from google.protobuf.json_format import MessageToDict

from dagster_project.messages import words
from dagster_project.warehouse.failures import broken_by_words

FAILURES_SHOWN = 5
ON_HOLD = "on_hold"  # of an output whose model was not built
# Nothing printed, no log file, no run_results.json: they would keep the values that a database quotes.
QUIET = ("--log-level", "none", "--log-level-file", "none", "--no-write-json")
# The events that dagster-dbt turns into outputs and check results; NodeFinished tells why one failed.
RESULTS = ("LogSeedResult", "LogModelResult", "LogTestResult")


def stream(
    context: dg.AssetExecutionContext,
    arguments: Sequence[str],
    select: str,
    project: DbtProject,
    manifest: Mapping[str, Any],
    translator: DagsterDbtTranslator,
    *,
    left_out: Sequence[str] = (),
    spared: dict[str, list[str]] | None = None,
) -> Iterator[Any]:
    """Runs dbt with `arguments` on what the step selects of `select`; yields outputs and check results as they come.

    left_out: sources whose staging models are not built; what reads them neither. spared: takes, by source, what
    failed in a source's own staging models, which does not fail the step then; without it everything does. Raises
    dg.Failure that names each model or test that failed. Reads the environment as dbt itself does.
    """
    selection, indirect = get_subset_selection_for_context(
        context, manifest, select, None, None, translator, current_dbt_indirect_selection_env=None
    )
    command = [*arguments, *selection, *(["--indirect-selection", indirect] if indirect else [])]
    if left_out:
        command += ["--exclude", *(f"path:models/staging/{source}+" for source in left_out)]
    command += ["--project-dir", str(project.project_dir), "--profiles-dir", str(project.profiles_dir)]
    command += QUIET
    context.log.info("dbt %s", " ".join(command))
    failed = []
    missing = set(context.selected_output_names) & set(context.assets_def.keys_by_output_name)
    for event in _events(command, Path(project.project_dir, project.target_path)):
        if event["info"]["name"] in RESULTS:
            message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
            for output in message.to_default_asset_events(manifest, translator, context, project=project):
                missing.discard(getattr(output, "output_name", None))
                yield output
        elif event["info"]["name"] == "NodeFinished":
            if event["data"]["run_result"]["status"] in ("error", "fail", "runtime error"):
                words = _words(event["data"]["run_result"], event["data"]["node_info"])
                source = _staged_source(event["data"]["node_info"])
                if spared is None or source is None or broken_by_words(words):
                    failed.append(words)
                else:
                    spared.setdefault(source, []).append(words)
        elif event["info"]["name"] == "Failed":
            failed.append(event["info"]["msg"])
    if not failed and spared is not None:
        # Dagster must see every output, those of sources on hold too, or it skips what is downstream.
        for name, key in _in_order(context, missing):
            source = key.path[1] if key.path[0] == "staging" and len(key.path) == 3 else None
            if source is None or not (spared or left_out):
                continue
            missing.discard(name)
            if source not in (*spared, *left_out):
                spared[source] = [f"{key.path[2]} reads models of a source on hold"]
            yield dg.Output(None, name, metadata={ON_HOLD: source})
    if not failed and missing:  # Dagster would skip what is downstream and call the run a success
        failed = [f"dbt did not build {', '.join(sorted(missing))}"]
    if failed:
        more = len(failed) - FAILURES_SHOWN
        shown = "\n".join(failed[:FAILURES_SHOWN]) + (f"\n… and {more} more" if more > 0 else "")
        raise dg.Failure(description=shown)


def _in_order(context: dg.AssetExecutionContext, names: Collection[str]) -> list[tuple[str, dg.AssetKey]]:
    """The outputs `names` with their keys, each after those that it depends on, as Dagster wants them."""
    of_keys = {key: name for name, key in context.assets_def.keys_by_output_name.items() if name in names}
    parents = context.assets_def.asset_deps
    order = TopologicalSorter({key: parents[key] & set(of_keys) for key in sorted(of_keys)}).static_order()
    return [(of_keys[key], key) for key in order]


def _staged_source(node: Mapping[str, Any]) -> str | None:
    """The source whose staging model `node` is; None for anything else."""
    parts = Path(node["node_path"]).parts
    return (
        parts[1] if node["resource_type"] == "model" and parts[0] == "staging" and len(parts) == 3 else None
    )


def _events(command: Sequence[str], target: Path) -> Iterator[dict[str, Any]]:
    """dbt's structured events, as its JSON log has them; a last one named `Failed` where dbt itself gave up."""
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    parsed = Manifest.from_msgpack((target / "partial_parse.msgpack").read_bytes())
    events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def heard(event: Any) -> None:
        if event.info.name in (*RESULTS, "NodeFinished"):
            events.put(MessageToDict(event, preserving_proto_field_name=True))

    def run() -> None:
        result = dbtRunner(manifest=parsed, callbacks=[heard]).invoke(list(command))
        if result.exception is not None:
            events.put({"info": {"name": "Failed", "msg": _without_values(str(result.exception))}})
        events.put(None)

    worker = threading.Thread(target=run, name="dbt", daemon=True)
    worker.start()
    while (event := events.get()) is not None:
        yield event
    worker.join()


def _words(result: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    name = f"dbt {node['resource_type']} {node['node_name']} ({node['node_path']})"
    if result["status"] == "fail":
        return f"{name}: {result.get('num_failures', 'some')} rows break it"
    return f"{name}: {_without_values(result.get('message', 'failed'))}"


def _without_values(message: str) -> str:
    """dbt's first line, which names model and file, and the first line below it; further lines may be of a value."""
    first, *below = [line.strip() for line in message.strip().splitlines() if line.strip()] or ["failed"]
    first = first if " Error in " in first else words(first)
    return " ".join([first, *(words(line) for line in below[:1])])
