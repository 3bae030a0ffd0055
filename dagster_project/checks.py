"""The gates as Dagster asset checks: one blocking check a suite, one step for the gates of all that one step makes.

Belongs here: a gate's outcome as Dagster shows it. Does not belong here: judging (quality/), the rules
(expectations/).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import dagster as dg

from dagster_project.assets.dbt import asset_key, conformed_nodes, conformed_tables_of, mart_nodes
from dagster_project.assets.failures import failing_clearly
from dagster_project.assets.published import KEY as PUBLISHED
from dagster_project.config import EXPECTATIONS_DIR, source_contracts
from dagster_project.errors import ConfigError
from dagster_project.quality import GateOutcome, Status, Suite, holding, load_suites, run_gate
from dagster_project.resources import Environment
from dagster_project.warehouse import Warehouse

MESSAGES_SHOWN = 20
GATE = "gate"
STEP_SUFFIX = "_gates"  # of the name of a step that runs gates


@lru_cache
def tables_without_source() -> frozenset[tuple[str, ...]]:
    """The suites' paths of the tables that no source of vars.sources fills: they may be empty.

    A conformed table is filled by the sources that name it. A mart by the conformed table of its own grain (the
    same primary key); where there is none, by all that it is built from.
    """
    filled = {table for tables in source_contracts().values() for table in tables}
    keys = {
        name: tuple(node["config"]["meta"].get("primary_key", ())) for name, node in conformed_nodes().items()
    }
    idle = {("intermediate", name) for name in keys if name not in filled}
    for name, node in mart_nodes().items():
        read = conformed_tables_of(node)
        own = {table for table in read if keys[table] == tuple(node["config"]["meta"]["primary_key"])} or read
        if own and not own & filled:
            idle.add(("marts", name))
    return frozenset(idle)


def build_gates(makers: Iterable[dg.AssetsDefinition]) -> list[dg.AssetChecksDefinition]:
    """A gate for every suite below expectations/, but those of sources that vars.sources does not name.

    The gates of what one of `makers` makes are one step. Raises ConfigError for a suite of a table that none makes.
    """
    maker_of = {key: maker for maker in makers for key in maker.keys}
    suites: dict[str, dict[dg.AssetKey, Suite]] = defaultdict(dict)
    for suite in load_suites(EXPECTATIONS_DIR).values():
        if suite.layer == "raw" and suite.path[1] not in source_contracts():
            continue
        key = _asset_of(suite)
        if key not in maker_of:
            raise ConfigError(
                f"{suite.file} judges a table that no step makes.", "Remove or rename the suite."
            )
        suites[maker_of[key].op.name][key] = suite
    return [
        *(_gates(f"{maker}{STEP_SUFFIX}", of_tables) for maker, of_tables in suites.items()),
        _every_source(),
    ]


def gated_assets(gates: Iterable[dg.AssetChecksDefinition]) -> set[dg.AssetKey]:
    """The assets that a gate of `gates` can stop: publishing waits for all of them."""
    keys = {check.asset_key for gate in gates for check in gate.check_specs if check.blocking}
    return keys - {PUBLISHED}


def _asset_of(suite: Suite) -> dg.AssetKey:
    if suite.layer != "marts":
        return dg.AssetKey(suite.path)
    if (node := mart_nodes().get(suite.table)) is None:
        raise ConfigError(
            f"{suite.file} judges a mart that dbt does not build.", "Remove the suite, or write the model."
        )
    return asset_key(node)


def _gates(step: str, suites: Mapping[dg.AssetKey, Suite]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=step,
        specs=[
            dg.AssetCheckSpec(GATE, asset=key, blocking=True, description=_description(suite))
            for key, suite in suites.items()
        ],
        can_subset=True,
        pool="gates",
    )
    def gates(
        context: dg.AssetCheckExecutionContext, environment: Environment
    ) -> Iterator[dg.AssetCheckResult]:
        with failing_clearly():
            warehouse = environment.warehouse
            may_be_emptied = environment.settings.tables_that_may_be_emptied
        for key, suite in suites.items():
            if dg.AssetCheckKey(key, GATE) in context.selected_asset_check_keys:
                is_emptied = f"{suite.layer}.{suite.table}" in may_be_emptied
                yield _gate(
                    suite, key, warehouse, is_emptied or suite.path in tables_without_source(), context
                )

    return gates


def _gate(
    suite: Suite,
    key: dg.AssetKey,
    warehouse: Warehouse,
    may_be_emptied: bool,
    context: dg.AssetCheckExecutionContext,
) -> dg.AssetCheckResult:
    with failing_clearly():
        if suite.layer == "raw" and _was_never_read(warehouse, suite.path[1]):
            return _nothing_to_validate(suite, key)
        outcome = run_gate(warehouse, suite, run_id=context.run.run_id, may_be_emptied=may_be_emptied)
        is_held = suite.layer == "raw" and _hold_or_release(warehouse, suite, outcome, context)
    say = context.log.info if outcome.status is Status.PASSED else context.log.warning
    for message in outcome.messages:
        say(message)
    return _result(outcome, key, is_held)


def _was_never_read(warehouse: Warehouse, source: str) -> bool:
    is_on_hold = holding.EXTRACTION in holding.causes(warehouse).get(source, ())
    return is_on_hold and source in holding.never_extracted(warehouse, [source])


def _nothing_to_validate(suite: Suite, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Of a source that is on hold and never came through; its extraction has said why."""
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=GATE,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{suite.path[1]} is on hold and never came through: there are no rows to validate",
    )


def _hold_or_release(
    warehouse: Warehouse, suite: Suite, outcome: GateOutcome, context: dg.AssetCheckExecutionContext
) -> bool:
    """Whether a raw gate's failure puts its source on hold."""
    source, cause = suite.path[1], f"gate of {suite.table}"
    if outcome.status is not Status.FAILED:
        holding.release(warehouse, source, cause)
        return False
    reason = "; ".join(outcome.messages[:MESSAGES_SHOWN])
    holding.hold(warehouse, source, cause, f"{reason}. Fix it at the source.", context.run.run_id)
    return True


def _every_source() -> dg.AssetChecksDefinition:
    """After publishing: a source on hold makes the run a failed one, so that an operator looks."""

    @dg.asset_check(
        asset=PUBLISHED,
        name=holding.EVERY_SOURCE,
        blocking=True,
        description="No source is on hold. Readers have all others anew, and of this one what they had.",
        pool="gates",
    )
    def every_source(environment: Environment) -> dg.AssetCheckResult:
        with failing_clearly():
            lines = holding.held(environment.warehouse, list(source_contracts()))
        return dg.AssetCheckResult(
            passed=not lines,
            severity=dg.AssetCheckSeverity.ERROR,
            description="\n".join(lines) or "every source came through",
            metadata={"sources_on_hold": len(lines)},
        )

    return every_source


def _result(outcome: GateOutcome, key: dg.AssetKey, is_held: bool) -> dg.AssetCheckResult:
    """A blocking check stops the run by its severity: that of a source on hold does not."""
    record = dg.TableRecord
    rules = [
        record(
            {
                "rule": result.message or result.expectation,
                "column": result.column_name or "",
                "severity": result.severity,
                "passed": result.success,
                "rows failed": result.rows_failed or 0,
                "rows quarantined": result.rows_quarantined,
            }
        )
        for result in outcome.results
    ]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=GATE,
        passed=outcome.status is Status.PASSED,
        severity=dg.AssetCheckSeverity.ERROR
        if outcome.status is Status.FAILED and not is_held
        else dg.AssetCheckSeverity.WARN,
        description="\n".join(outcome.messages[:MESSAGES_SHOWN]) or "every rule holds",
        metadata={
            "rows_checked": outcome.rows_checked,
            "rows_quarantined": outcome.rows_quarantined,
            "rows_still_quarantined": outcome.rows_still_quarantined,
            "rows_released": outcome.rows_released,
            **({"rules": dg.MetadataValue.table(records=rules)} if rules else {}),
        },
    )


def _description(suite: Suite) -> str:
    lines = [
        f"- {rule.rule} ({'quarantine' if rule.row_rule else rule.severity})" for rule in suite.expectations
    ]
    return f"Great Expectations, `expectations/{'/'.join(suite.path)}.json`:\n" + "\n".join(lines)
