"""What Great Expectations decides by, counted in one scan of the rows for all rules that allow it.

Belongs here: turning rules into SQL, by the conditions that Great Expectations' own metrics write, and running it.
Does not belong here: what a figure means for its rule (expect.py hands it to the expectation), and rules that cannot
be had this way: they get no plan, and Great Expectations asks PostgreSQL itself.

A rule costs nothing more where an index already guarantees that values are unique. What is read are counts, places of
rows, and the figures of queries that return figures.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import psycopg
import sqlalchemy as sa

from dagster_project.warehouse import Warehouse

BOOLEAN = {"result_format": "BOOLEAN_ONLY"}
ROW_COUNT = "table.row_count"
QUERY_ROWS = "unexpected_rows_query.table"
QUERY_COUNT = "unexpected_rows_query.row_count"
COUNT, FILTERED = ".unexpected_count", ".filtered_row_count"
# Their conditions are window functions over all rows: grouping gives the same count for half the price.
UNIQUE = ("column_values.unique", "compound_columns.unique")
# What Great Expectations gives to every condition; what takes more than the row's columns has no plan.
OF_COLUMNS = {"table.columns", "table.column_types", ROW_COUNT}
# A query that keeps the rows that meet a condition on themselves; a brace or another select is more than that.
OF_ROWS = re.compile(r"select\s+\*\s+from\s+\{batch\}\s+where\s+([^{}]+)", re.IGNORECASE | re.DOTALL)
ANOTHER_SELECT = re.compile(r"\bselect\b", re.IGNORECASE)
ALIAS = "subselect"  # Great Expectations' own, which a query may use


@dataclass(frozen=True)
class Rows:
    """Rows to validate: a query, the names of its columns, and sets of them that an index keeps unique."""

    query: str
    columns: tuple[str, ...]
    unique: frozenset[frozenset[str]] = frozenset()


@dataclass
class Plan:
    """How a rule's metrics are had, each by its name: in the scan, by a statement of its own, or known already.

    instead: a statement that gives the same as `in_scan`. broken: the condition of the rows that break the rule, where
    it is one of a row alone. query: the rule's own query, where it is one.
    """

    in_scan: dict[str, sa.ColumnElement[int]] = field(default_factory=dict)
    instead: sa.Executable | None = None
    alone: dict[str, sa.Executable] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    broken: sa.ColumnElement[bool] | None = None
    query: sa.TextClause | None = None


class Planner:
    """Makes plans for rules on `rows`."""

    def __init__(self, rows: Rows) -> None:
        from great_expectations.execution_engine import SqlAlchemyExecutionEngine
        from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData

        self.rows = rows
        # Great Expectations' engine writes conditions; it never connects.
        self.engine = SqlAlchemyExecutionEngine(engine=_dialect())
        data = SqlAlchemyBatchData(self.engine, query=rows.query, create_temp_table=False)
        self.engine.load_batch_data("rows", data)

    def plan(self, rule: Any) -> Plan | None:
        """The plan for `rule`, an expectation of Great Expectations'; None where it has to be asked itself.

        Raises what Great Expectations raises for a rule that contradicts itself.
        """
        needs = needed_metrics(type(rule), rule)
        if needs == {QUERY_ROWS, QUERY_COUNT}:
            return self._of_query(rule)
        if getattr(rule, "map_metric", None) is None:
            return None
        values, done = rule.dict(), Plan()
        for name in needs:
            metric = name.removesuffix(COUNT)
            if name == ROW_COUNT or name.endswith(FILTERED):
                done.in_scan[name] = _count(self._filters(_of(values, name, "domain")))
            elif metric in UNIQUE:
                self._of_unique(done, name, values)
            elif name.endswith(COUNT) and _parts(f"{metric}.condition", self.engine) is not None:
                conditions = self._broken(metric, values)
                done.in_scan[name] = _count(conditions)
                if metric == rule.map_metric:
                    done.broken = sa.and_(*conditions)
            else:
                return None
        return done

    def _broken(self, metric: str, values: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
        """Which rows break a rule: Great Expectations' own condition, among the rows that its metric looks at."""
        broken, domain, _ = self._expression(f"{metric}.condition", values)
        return [*self._filters(domain), broken]

    def _expression(self, name: str, values: Mapping[str, Any]) -> tuple[Any, dict[str, Any], Any]:
        """What Great Expectations writes for a metric of a row: an expression, its domain, and its columns."""
        provider, write = _provider(name, self.engine)
        return write(
            cls=provider,
            execution_engine=self.engine,
            metric_domain_kwargs=_of(values, name, "domain"),
            metric_value_kwargs=_of(values, name, "value"),
            metrics={"table.columns": list(self.rows.columns), "table.column_types": []}
            | {other: self._expression(other, values) for other in _parts(name, self.engine) or ()},
            runtime_configuration={},
        )

    def _filters(self, domain: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
        """The conditions that a metric's domain puts on the rows (row_condition, ignore_row_if)."""
        found: list[sa.ColumnElement[bool]] = []
        selected: Any = self.engine.get_domain_records({"batch_id": "rows", **domain})
        while not isinstance(selected, sa.TextualSelect):
            if isinstance(selected, sa.Select):
                if selected.whereclause is not None:
                    found.append(selected.whereclause)
                (selected,) = selected.get_final_froms()
            else:
                selected = selected.element
        return found

    def _of_unique(self, done: Plan, name: str, values: Mapping[str, Any]) -> None:
        domain = _of(values, name, "domain")
        columns = [domain["column"]] if "column" in domain else list(domain["column_list"])
        # Neither an index nor Great Expectations counts keys of which a part is null.
        if any(index <= set(columns) for index in self.rows.unique):
            done.known[name] = 0
            return
        keys: list[sa.ColumnElement[Any]] = [sa.column(column) for column in columns]
        filters = [*self._filters(domain), *(key.is_not(None) for key in keys)]
        times = sa.func.count().label("times")
        twice = (
            sa.select(times)
            .select_from(_from(self.rows))
            .where(*filters)
            .group_by(*keys)
            .having(sa.func.count() > 1)
        ).subquery()
        done.alone[name] = sa.select(sa.func.coalesce(sa.func.sum(twice.c.times), 0))

    def _of_query(self, rule: Any) -> Plan:
        query = rule.unexpected_rows_query.strip()
        provider, _ = _provider(QUERY_COUNT, self.engine)
        text = provider._get_substituted_batch_subquery_from_query_and_batch_selectable(
            query=query, batch_selectable=_from(self.rows), execution_engine=self.engine
        )
        counted = sa.text(f"select count(*) from ({text}\n) as broken")
        done = Plan(known={QUERY_ROWS: []}, query=sa.text(text))
        if (of_rows := OF_ROWS.fullmatch(query)) and not ANOTHER_SELECT.search(of_rows[1]):
            # In brackets: what is more than a condition is an error there, and then asked for by itself.
            done.in_scan[QUERY_COUNT] = _count([sa.text(f"({of_rows[1]}\n)")])
            done.instead = counted
        else:
            done.alone[QUERY_COUNT] = counted
        return done


def measure(
    warehouse: Warehouse, rows: Rows, plans: Sequence[Plan]
) -> tuple[int, list[dict[str, Any] | sa.exc.DBAPIError]]:
    """How many rows there are, and each plan's metrics, or the error that its statement ended with.

    Raises the error where not even the rows can be read, and whatever ends the connection.
    """
    # The number of all rows is asked for by most rules, and by the same object.
    columns = list({id(column): column for plan in plans for column in plan.in_scan.values()}.values())
    alone = [(at, name, statement) for at, plan in enumerate(plans) for name, statement in plan.alone.items()]
    scanned, *found = _run(warehouse, [_select(rows, columns), *(statement for *_, statement in alone)])
    if isinstance(scanned, Exception) and not columns:
        raise scanned
    if isinstance(scanned, Exception):
        # One rule's condition fails all: each by itself.
        statements = [_select(rows, [])] + [
            _select(rows, plan.in_scan.values()) if plan.instead is None else plan.instead for plan in plans
        ]
        of_rows, *of_plans = _run(warehouse, statements)
        if isinstance(of_rows, Exception):
            raise of_rows
        of_plans = [
            row if isinstance(row, Exception) or plan.instead is not None else row[1:]
            for plan, row in zip(plans, of_plans, strict=True)
        ]
    else:
        of_rows, values = scanned, dict(zip(map(id, columns), scanned[1:], strict=True))
        of_plans = [[values[id(column)] for column in plan.in_scan.values()] for plan in plans]
    metrics: list[Any] = [
        row if isinstance(row, Exception) else plan.known | dict(zip(plan.in_scan, row, strict=True))
        for plan, row in zip(plans, of_plans, strict=True)
    ]
    for (at, name, _), row in zip(alone, found, strict=True):
        if isinstance(row, Exception):
            metrics[at] = row
        elif not isinstance(metrics[at], Exception):
            metrics[at][name] = int(row[0])
    return of_rows[0], metrics


def places(warehouse: Warehouse, rows: Rows, plan: Plan, place: str) -> list[str]:
    """The column `place` of the rows that break the plan's rule."""
    assert plan.broken is not None
    with warehouse.begin() as connection:
        return list(
            connection.scalars(sa.select(sa.column(place)).select_from(_from(rows)).where(plan.broken))
        )


def figures(warehouse: Warehouse, plan: Plan) -> list[dict[str, Any]]:
    """The rows of the plan's query, for a rule whose query returns figures of the whole table."""
    assert plan.query is not None
    with warehouse.begin() as connection:
        return [dict(row) for row in connection.execute(plan.query).mappings()]


def is_lost(error: BaseException) -> bool:
    """Whether the connection or the server failed, rather than the statement."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError))


def needed_metrics(kind: type, rule: Any) -> frozenset[str]:
    """The names of the metrics that expectations of `kind` decide by; `rule` is any of them."""
    if kind not in _NEEDED:
        asked = rule.get_validation_dependencies(runtime_configuration={"result_format": BOOLEAN})
        _NEEDED[kind] = frozenset(asked.metric_configurations)
    return _NEEDED[kind]


_NEEDED: dict[type, frozenset[str]] = {}


def _provider(name: str, engine: Any) -> tuple[Any, Any]:
    from great_expectations.expectations.registry import get_metric_provider

    return get_metric_provider(name, engine)


@cache
def _keys(name: str) -> dict[str, tuple[str, ...]]:
    from great_expectations.expectations.registry import get_metric_kwargs

    keys = get_metric_kwargs(name)
    return {"domain": keys["metric_domain_keys"], "value": keys["metric_value_keys"]}


def _of(values: Mapping[str, Any], name: str, kind: str) -> dict[str, Any]:
    """What the metric `name` takes of an expectation's `values`."""
    return {key: values[key] for key in _keys(name)[kind] if values.get(key) is not None}


_PARTS: dict[str, tuple[str, ...] | None] = {}


def _parts(name: str, engine: Any) -> tuple[str, ...] | None:
    """The metrics that the metric `name` is made of, beside the table's columns; None where it is not of one row."""
    if name not in _PARTS:
        from great_expectations.core.metric_function_types import MetricPartialFunctionTypes as Types
        from great_expectations.validator.metric_configuration import MetricConfiguration

        provider, write = _provider(name, engine)
        asked = provider.get_evaluation_dependencies(
            MetricConfiguration(name, {"column": "c"}), execution_engine=engine
        )
        others = tuple(other for other in asked if other not in OF_COLUMNS)
        is_of_row = getattr(write, "metric_fn_type", None) in (Types.MAP_CONDITION_FN, Types.MAP_FN)
        is_of_row = is_of_row and all(_parts(other, engine) is not None for other in others)
        _PARTS[name] = others if is_of_row else None
    return _PARTS[name]


@cache
def _dialect() -> sa.Engine:
    return sa.create_engine("postgresql+psycopg://")


ALL: sa.ColumnElement[int] = sa.func.count()


def _count(conditions: Sequence[Any]) -> sa.ColumnElement[int]:
    return sa.func.count().filter(*conditions) if conditions else ALL


def _from(rows: Rows) -> sa.FromClause:
    return sa.text(rows.query).columns().subquery(ALIAS)


def _select(rows: Rows, columns: Iterable[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    """The number of rows, and `columns`; labelled, for two that are the same are two."""
    labelled = [column.label(f"m{at}") for at, column in enumerate(columns)]
    return sa.select(sa.func.count().label("rows"), *labelled).select_from(_from(rows))


def _run(warehouse: Warehouse, statements: Sequence[sa.Executable]) -> list[Any]:
    """Each statement's one row, or its error. One transaction; another one after each error."""
    done: list[Any] = []
    while len(done) < len(statements):
        try:
            with warehouse.begin() as connection:
                for statement in statements[len(done) :]:
                    done.append(tuple(connection.execute(statement).one()))
        except sa.exc.DBAPIError as error:
            if is_lost(error) or len(done) == len(statements):
                raise
            done.append(error)
    return done
