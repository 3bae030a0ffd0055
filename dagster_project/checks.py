"""The gates as Dagster asset checks: one blocking check a suite.

Belongs here: a gate's outcome as Dagster shows it. Does not belong here: judging (quality/), the rules
(expectations/).
"""

import dagster as dg

from dagster_project.assets.dbt import asset_key, mart_nodes
from dagster_project.assets.failures import failing_clearly
from dagster_project.config import EXPECTATIONS_DIR, source_contracts
from dagster_project.errors import ConfigError
from dagster_project.quality import GateOutcome, Status, Suite, load_suites, run_gate
from dagster_project.resources import Environment

MESSAGES_SHOWN = 20


def build_gates() -> list[dg.AssetChecksDefinition]:
    """A gate for every suite below expectations/, but those of sources that vars.sources does not name."""
    suites = load_suites(EXPECTATIONS_DIR)
    return [
        _gate(suite, _asset_of(suite))
        for suite in suites.values()
        if suite.layer != "raw" or suite.path[1] in source_contracts()
    ]


def _asset_of(suite: Suite) -> dg.AssetKey:
    if suite.layer != "marts":
        return dg.AssetKey(suite.path)
    if (node := mart_nodes().get(suite.table)) is None:
        raise ConfigError(
            f"{suite.file} judges a mart that dbt does not build.", "Remove the suite, or write the model."
        )
    return asset_key(node)


def _gate(suite: Suite, key: dg.AssetKey) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key,
        name="gate",
        blocking=True,
        description=_description(suite),
        pool="gates",
    )
    def gate(context: dg.AssetCheckExecutionContext, environment: Environment) -> dg.AssetCheckResult:
        with failing_clearly():
            outcome = run_gate(environment.warehouse, suite, run_id=context.run.run_id)
        say = context.log.info if outcome.status is Status.PASSED else context.log.warning
        for message in outcome.messages:
            say(message)
        return _result(outcome)

    return gate


def _result(outcome: GateOutcome) -> dg.AssetCheckResult:
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
        passed=outcome.status is Status.PASSED,
        severity=dg.AssetCheckSeverity.ERROR
        if outcome.status is Status.FAILED
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
