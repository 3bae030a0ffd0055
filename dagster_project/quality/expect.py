"""Great Expectations at work: a query's rows and expectations in, counts and row numbers out.

Belongs here: everything that knows Great Expectations. Does not belong here: what follows from a
result (gate.py, quarantine.py). No value of a row leaves this module.
"""

import hashlib
import logging
import os
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from dagster_project.errors import GateError, WarehouseError
from dagster_project.quality.suites import CUSTOM_QUERY, Expectation, Suite
from dagster_project.sources import load_sources
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.failures import broken_by_words

# The column that names a row to us; row rules are answered with it instead of with values.
PLACE = "c360_place"
# Most rules hold most days: asked first whether they do, which takes half of what counting takes.
HOLDS = {"result_format": "BOOLEAN_ONLY"}
COUNTS_ONLY = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
# Of queries that return figures: their rows hold nothing else.
WITH_FIGURES = {"result_format": "COMPLETE", "partial_unexpected_count": 0}
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
class Judgement:
    """What one expectation says of the rows. `failed` is None where it does not count rows.

    `error` says why it could not be evaluated; `places` are the PLACE of the rows that break it; `figures` are
    the rows of a query that returns figures.
    """

    expectation: Expectation
    success: bool
    failed: int | None = None
    error: str | None = None
    places: Sequence[str] = ()
    figures: Sequence[Mapping[str, Any]] = ()


def judge(
    warehouse: Warehouse,
    suite: Suite,
    expectations: Sequence[Expectation],
    query: str,
    parameters: Mapping[str, Any],
    *,
    with_places: bool = False,
) -> list[Judgement]:
    """Evaluates `expectations` of `suite` on the rows of `query`, in their order.

    with_places: the query has the column PLACE, and the rows that break an expectation are listed by it.
    Raises GateError for an expectation that cannot be built, WarehouseError when the connection breaks.
    """

    def validate(asked: Sequence[Expectation], result_format: dict[str, Any]) -> list[Judgement]:
        judged = _validate(warehouse, suite, asked, query, parameters, result_format)
        if len(asked) > 1 and any(j.error for j in judged):
            # Metrics share statements, so that one bad column fails its neighbours: ask one by one.
            judged = [
                _validate(warehouse, suite, [j.expectation], query, parameters, result_format)[0]
                if j.error
                else j
                for j in judged
            ]
        return judged

    if with_places:
        return validate(expectations, WITH_PLACES)
    judged = validate(expectations, HOLDS)
    uncounted = [
        j.expectation for j in judged if not j.error and (not j.success or "mostly" in j.expectation.kwargs)
    ]
    counted: dict[int, Judgement] = {}
    for result_format, has_figures in ((COUNTS_ONLY, False), (WITH_FIGURES, True)):
        if asked := [e for e in uncounted if (e.figures is not None) is has_figures]:
            counted |= {j.expectation.position: j for j in validate(asked, result_format)}
    return [counted.get(j.expectation.position, j) for j in judged]


def build(suite: Suite, expectations: Iterable[Expectation], schema: str) -> Any:
    """The gx.ExpectationSuite of `expectations`; in a query `{schema}` becomes `schema`, and `{sources:<kind>,…}`
    the names of the sources of these kinds.

    Raises GateError naming file and position of one that Great Expectations would only log and drop.
    """
    gx = _library()
    from great_expectations.expectations.registry import get_expectation_impl

    entries = []
    for expectation in expectations:
        kwargs = dict(expectation.kwargs)
        if query := kwargs.get("unexpected_rows_query"):
            query = SOURCES_OF_KINDS.sub(lambda kinds: _names_of_sources(kinds[1].split(",")), query)
            kwargs["unexpected_rows_query"] = query.replace("{schema}", schema)
        marks: dict[str, Any] = {"meta": {"position": expectation.position}, "severity": expectation.severity}
        try:
            get_expectation_impl(expectation.type)(**kwargs, **marks)
        except Exception as error:
            raise GateError(
                f"{suite.file}, expectations[{expectation.position}] ({expectation.type}): "
                f"{' '.join(str(error).split())}.",
                "Mend its kwargs.",
            ) from None
        entries.append({"type": expectation.type, "kwargs": kwargs, **marks})
    built = gx.ExpectationSuite(name=suite.document["name"], expectations=entries)
    if len(built.expectations) != len(entries):
        raise GateError(
            f"{suite.file}: Great Expectations took {len(built.expectations)} of {len(entries)} rules.",
            "Two of them are the same, or one is of a form that it drops.",
        )
    return built


def _names_of_sources(kinds: Sequence[str]) -> str:
    """SQL: the list of the sources that are declared of one of `kinds`; never empty, for `in ()` is none."""
    names = [source.name for source in load_sources() if source.kind in kinds]
    return ", ".join(f"'{name}'" for name in names) or "''"


def _validate(
    warehouse: Warehouse,
    suite: Suite,
    expectations: Sequence[Expectation],
    query: str,
    parameters: Mapping[str, Any],
    result_format: dict[str, Any],
) -> list[Judgement]:
    source = _data_source(warehouse)
    built = build(suite, expectations, suite.schema)
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
    return [_judgement(suite, e, by_position[e.position], result_format) for e in expectations]


def _judgement(
    suite: Suite, expectation: Expectation, result: Any, result_format: dict[str, Any]
) -> Judgement:
    if raised := _raised(result.exception_info):
        if lost := LOST_CONNECTION.search(raised):
            raise broken_by_words(raised) or _lost(suite, lost.group())
        named = ERROR_NAME.search(raised)
        return Judgement(
            expectation, False, error=(named.group(1) or named.group(2)) if named else "no result"
        )
    if result_format is HOLDS:
        is_none_bad = bool(result.success) and _counts_rows(expectation)
        return Judgement(expectation, bool(result.success), 0 if is_none_bad else None)
    found = result.result
    if result_format is WITH_FIGURES:
        figures = [dict(row) for row in found["details"]["unexpected_rows"]]
        failed = sum(row["failed"] for row in figures) if all("failed" in row for row in figures) else None
        return Judgement(expectation, bool(result.success), failed, figures=figures)
    failed = found.get("observed_value" if expectation.type == CUSTOM_QUERY else "unexpected_count")
    if failed is None and found.get("element_count") == 0:
        failed = 0  # no row met the row_condition
    places = [place for group in found.get("unexpected_index_list") or () for place in group[PLACE]]
    if result_format is WITH_PLACES and len(places) != failed:
        raise GateError(
            f"{suite.file}, expectations[{expectation.position}] ({expectation.type}): Great Expectations "
            f"counted {failed} rows and listed {len(places)}.",
            "A rule of this type cannot be a row rule; make it a check.",
        )
    return Judgement(expectation, bool(result.success), failed, None, places)


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
        "The data was not judged; run again once the server is up.",
    )


@cache
def _library() -> Any:
    """Great Expectations, imported late (seconds) and quiet: no analytics, no progress bars, no chatter."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx

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
