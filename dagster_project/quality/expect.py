"""Great Expectations at work: rows and expectations in, counts and row numbers out.

Belongs here: expectations as Great Expectations builds them, and its decision on each. Does not belong here: how the
figures are had that it decides by (metrics.py), and what follows from a result (gate.py, quarantine.py). No value of
a row leaves this module.
"""

import gc
import hashlib
import logging
import os
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import sqlalchemy as sa

from dagster_project.errors import GateError, WarehouseError
from dagster_project.quality.metrics import COUNT, QUERY_COUNT, Plan, Planner, Rows, figures, measure, places
from dagster_project.quality.suites import CUSTOM_QUERY, Expectation, Suite
from dagster_project.sources import load_sources
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.failures import broken_by_words

# The column that names a row to us; row rules are answered with it instead of with values.
PLACE = "c360_place"
# Most rules hold most days: asked first whether they do.
HOLDS = {"result_format": "BOOLEAN_ONLY"}
COUNTS_ONLY = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
# Great Expectations cuts the list of rows at partial_unexpected_count, 20 unless told.
WITH_PLACES = {
    "result_format": "COMPLETE",
    "partial_unexpected_count": 2**31 - 1,
    "unexpected_index_column_names": [PLACE],
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
}
# Exceptions of the connection, not of the data; Great Expectations only hands on their traceback.
LOST_CONNECTION = re.compile(r"\b(OperationalError|InterfaceError|AdminShutdown|QueryCanceled|DiskFull)\b")
# The name of what was raised: the rest of a traceback may quote a value.
ERROR_NAME = re.compile(r"psycopg\.errors\.(\w+)|^(\w+Error)\b", re.MULTILINE)
SOURCES_OF_KINDS = re.compile(r"\{sources:([a-zA-Z,]+)\}")


@dataclass(frozen=True)
class RuleResult:
    """Whether the rows meet one expectation. `failed` is None where it does not count rows.

    `error` names why it could not be evaluated; `places` are the PLACE of the rows that break it; `figures` are
    the rows of a query that returns figures.
    """

    expectation: Expectation
    success: bool
    failed: int | None = None
    error: str | None = None
    places: Sequence[str] = ()
    figures: Sequence[Mapping[str, Any]] = ()


def validate(
    warehouse: Warehouse,
    suite: Suite,
    expectations: Sequence[Expectation],
    rows: Rows,
    parameters: Mapping[str, Any],
    *,
    with_places: bool = False,
) -> tuple[int, list[RuleResult]]:
    """How many `rows` there are, and the results of `expectations` of `suite` on them, in their order.

    with_places: the rows have the column PLACE, and those that break an expectation are listed by it.
    Raises GateError for an expectation that cannot be built, WarehouseError when the connection breaks.
    """
    _library()
    done: dict[int, RuleResult] = {}
    planned: list[tuple[Expectation, Any, Plan]] = []
    left: list[Expectation] = []
    planner = Planner(rows)
    for expectation in expectations:
        rule = _rule(suite, expectation, parameters)
        try:
            plan = planner.plan(rule)
        except Exception as error:
            done[expectation.position] = RuleResult(expectation, False, error=_error_name(error))
            continue
        if plan is None or (with_places and plan.broken is None):
            left.append(expectation)
        else:
            planned.append((expectation, rule, plan))
    try:
        count, measured = measure(warehouse, rows, [plan for *_, plan in planned])
        for (expectation, rule, plan), metrics in zip(planned, measured, strict=True):
            result = _decide(expectation, rule, metrics)
            if with_places and result.failed:
                result = replace(result, places=places(warehouse, rows, plan, PLACE))
            elif expectation.figures and not result.success and not result.error:
                result = _with_figures(result, figures(warehouse, plan))
            done[expectation.position] = result
    except sa.exc.DBAPIError as error:
        raise broken_by_words(str(error.orig)) or _lost(suite, type(error.orig).__name__) from None
    if left:
        asked = ask(warehouse, suite, left, rows.query, parameters, with_places)
        done |= {result.expectation.position: result for result in asked}
    if with_places:
        for result in done.values():
            _check_places(suite, result)
    return count, [done[expectation.position] for expectation in expectations]


def _rule(suite: Suite, expectation: Expectation, parameters: Mapping[str, Any] | None = None) -> Any:
    """`expectation` as Great Expectations builds it; a `$PARAMETER` gets its value, if given."""
    from great_expectations.expectations.registry import get_expectation_impl

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            if parameters is not None and "$PARAMETER" in value:
                return parameters[value["$PARAMETER"]]
            return {key: filled(inner) for key, inner in value.items()}
        return [filled(inner) for inner in value] if isinstance(value, list) else value

    kwargs = {**filled(_kwargs(suite, expectation)), "severity": expectation.severity}
    try:
        return get_expectation_impl(expectation.type)(**kwargs)
    except Exception as error:
        raise GateError(
            f"{suite.file}, expectations[{expectation.position}] ({expectation.type}): "
            f"{' '.join(str(error).split())}.",
            "Fix its kwargs.",
        ) from None


def _kwargs(suite: Suite, expectation: Expectation) -> dict[str, Any]:
    """An expectation's kwargs; in a query `{schema}` becomes the suite's schema, and `{sources:<kind>,…}` the names of
    the sources of these kinds.
    """
    kwargs = dict(expectation.kwargs)
    if query := kwargs.get("unexpected_rows_query"):
        query = SOURCES_OF_KINDS.sub(lambda kinds: _names_of_sources(kinds[1].split(",")), query)
        kwargs["unexpected_rows_query"] = query.replace("{schema}", suite.schema)
    return kwargs


def _names_of_sources(kinds: Sequence[str]) -> str:
    """SQL: the list of the sources that are declared of one of `kinds`; never empty, for `in ()` is none."""
    names = [source.name for source in load_sources() if source.kind in kinds]
    return ", ".join(f"'{name}'" for name in names) or "''"


def _decide(
    expectation: Expectation, rule: Any, metrics: Mapping[str, Any] | sa.exc.DBAPIError
) -> RuleResult:
    """Great Expectations' decision on one rule by the metrics that it asked for."""
    if isinstance(metrics, Exception):
        return RuleResult(expectation, False, error=_error_name(metrics))
    try:
        decided = rule._validate(metrics=metrics, runtime_configuration={"result_format": HOLDS})
    except Exception as error:
        return RuleResult(expectation, False, error=_error_name(error))
    success = bool(decided["success"])
    failed = metrics[QUERY_COUNT if expectation.type == CUSTOM_QUERY else f"{rule.map_metric}{COUNT}"]
    if success and "mostly" not in expectation.kwargs:
        failed = 0
    return RuleResult(expectation, success, failed)


def _with_figures(result: RuleResult, figures: Sequence[Mapping[str, Any]]) -> RuleResult:
    failed = sum(row["failed"] for row in figures) if all("failed" in row for row in figures) else None
    return replace(result, failed=failed, figures=figures)


def _check_places(suite: Suite, result: RuleResult) -> None:
    if result.error is None and len(result.places) != result.failed:
        expectation = result.expectation
        raise GateError(
            f"{suite.file}, expectations[{expectation.position}] ({expectation.type}): Great Expectations "
            f"counted {result.failed} rows and listed {len(result.places)}.",
            "A rule of this type cannot be a row rule; make it a check.",
        )


def _error_name(error: Exception) -> str:
    """The type of what was raised: its words may quote a value."""
    return type(error.orig if isinstance(error, sa.exc.DBAPIError) else error).__name__


def ask(
    warehouse: Warehouse,
    suite: Suite,
    expectations: Sequence[Expectation],
    query: str,
    parameters: Mapping[str, Any],
    with_places: bool = False,
) -> list[RuleResult]:
    """The results of `expectations` by Great Expectations' own statements: for those that `validate` has no plan for."""

    def results_of(asked: Sequence[Expectation], result_format: dict[str, Any]) -> list[RuleResult]:
        results = _validate(warehouse, suite, asked, query, parameters, result_format)
        if len(asked) > 1 and any(result.error for result in results):
            # Metrics share statements, so that one bad column fails its neighbours: ask one by one.
            results = [
                _validate(warehouse, suite, [result.expectation], query, parameters, result_format)[0]
                if result.error
                else result
                for result in results
            ]
        return results

    if with_places:
        return results_of(expectations, WITH_PLACES)
    results = results_of(expectations, HOLDS)
    uncounted = [
        result.expectation
        for result in results
        if not result.error and (not result.success or "mostly" in result.expectation.kwargs)
    ]
    counted = (
        {result.expectation.position: result for result in results_of(uncounted, COUNTS_ONLY)}
        if uncounted
        else {}
    )
    return [counted.get(result.expectation.position, result) for result in results]


def build(suite: Suite, expectations: Iterable[Expectation]) -> Any:
    """The gx.ExpectationSuite of `expectations`.

    Raises GateError naming file and position of one that Great Expectations would only log and drop.
    """
    gx = _library()
    entries = []
    for expectation in expectations:
        _rule(suite, expectation)
        entries.append(
            {
                "type": expectation.type,
                "kwargs": _kwargs(suite, expectation),
                "meta": {"position": expectation.position},
                "severity": expectation.severity,
            }
        )
    built = gx.ExpectationSuite(name=suite.document["name"], expectations=entries)
    if len(built.expectations) != len(entries):
        raise GateError(
            f"{suite.file}: Great Expectations took {len(built.expectations)} of {len(entries)} rules.",
            "Two of them are the same, or one is of a form that it drops.",
        )
    return built


def _validate(
    warehouse: Warehouse,
    suite: Suite,
    expectations: Sequence[Expectation],
    query: str,
    parameters: Mapping[str, Any],
    result_format: dict[str, Any],
) -> list[RuleResult]:
    source = _data_source(warehouse)
    built = build(suite, expectations)
    asset = source.add_query_asset(name=uuid.uuid4().hex, query=query)
    try:
        batch = asset.add_batch_definition_whole_table("rows").get_batch()
        done = batch.validate(
            built,
            result_format=result_format,
            expectation_parameters=dict(parameters),
        )
    except sa.exc.DBAPIError as error:
        raise broken_by_words(str(error.orig)) or _lost(suite, type(error.orig).__name__) from None
    finally:
        source.delete_asset(asset.name)
    by_position = {result.expectation_config.meta["position"]: result for result in done.results}
    return [_result(suite, e, by_position[e.position], result_format) for e in expectations]


def _result(suite: Suite, expectation: Expectation, result: Any, result_format: dict[str, Any]) -> RuleResult:
    if raised := _raised(result.exception_info):
        if lost := LOST_CONNECTION.search(raised):
            raise broken_by_words(raised) or _lost(suite, lost.group())
        named = ERROR_NAME.search(raised)
        return RuleResult(
            expectation, False, error=(named.group(1) or named.group(2)) if named else "no result"
        )
    if result_format is HOLDS:
        is_none_bad = bool(result.success) and _counts_rows(expectation)
        return RuleResult(expectation, bool(result.success), 0 if is_none_bad else None)
    found = result.result
    failed = found.get("observed_value" if expectation.type == CUSTOM_QUERY else "unexpected_count")
    if failed is None and found.get("element_count") == 0:
        failed = 0  # no row met the row_condition
    places = [place for group in found.get("unexpected_index_list") or () for place in group[PLACE]]
    return RuleResult(expectation, bool(result.success), failed, None, places)


def _counts_rows(expectation: Expectation) -> bool:
    from great_expectations.expectations.registry import get_expectation_impl

    return expectation.type == CUSTOM_QUERY or hasattr(get_expectation_impl(expectation.type), "map_metric")


def _raised(info: Mapping[str, Any]) -> str:
    """The traceback of a result, or an empty text: one exception, or one for each metric."""
    if "raised_exception" in info:
        return str(info["exception_traceback"] or "no traceback") if info["raised_exception"] else ""
    return "\n".join(str(one.get("exception_traceback") or "no traceback") for one in info.values())


def _lost(suite: Suite, error_name: str) -> WarehouseError:
    return WarehouseError(
        f"The warehouse failed while {suite.name} was gated: {error_name}.",
        "The data was not validated; run again once the server is up.",
    )


@cache
def _library() -> Any:
    """Great Expectations, imported late (seconds) and quiet: no analytics, no progress bars, no chatter."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # The collector would go through all of Dagster's and dbt's objects again and again: a quarter of the import.
    gc.disable()
    try:
        import great_expectations as gx
    finally:
        gc.enable()

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return gx


@cache
def _context() -> Any:
    context = _library().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _data_source(warehouse: Warehouse) -> Any:
    """The warehouse as a data source of the process' one context."""
    url = warehouse.url.render_as_string(hide_password=False)
    name = hashlib.sha256(url.encode()).hexdigest()
    sources = _context().data_sources
    if name not in sources.all():
        source = sources.add_postgres(name, connection_string=url, kwargs={"pool_pre_ping": True})
        engine = source.get_execution_engine().engine
        sa.event.listen(engine, "connect", _times_as_text)
        engine.dispose()  # the connection opened above has not heard of it
    return sources.get(name)


def _times_as_text(connection: Any, _record: Any) -> None:
    # Python has no year beyond 9999 and none before 1; a row that has must be found, not end the gate.
    from psycopg.types.string import TextLoader

    for kind in ("date", "timestamp", "timestamptz"):
        connection.adapters.register_loader(kind, TextLoader)
