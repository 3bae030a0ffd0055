"""One gate: a suite run on what a step has just written, and what follows from it.

Belongs here: which rows are judged, the order (row rules, quarantine, checks), the outcome.
Does not belong here: Great Expectations (expect.py), moving rows (quarantine.py), Dagster.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from dagster_project.config import source_contracts
from dagster_project.errors import GateError
from dagster_project.quality import expect, ledger, quarantine
from dagster_project.quality.expect import Judgement
from dagster_project.quality.quarantine import LOAD_ID, Moves, Place
from dagster_project.quality.suites import Expectation, Severity, Suite
from dagster_project.warehouse import Warehouse

FIGURES_SHOWN = 5


class Status(StrEnum):
    PASSED = "passed"
    WARNED = "warned"  # something to look at; the data goes on
    FAILED = "failed"  # the data stops here


class Batch(StrEnum):
    NEW_LOADS = "new_loads"  # rows of loads that the gate has not passed yet
    WHOLE_TABLE = "whole_table"


@dataclass(frozen=True)
class CheckResult:
    """One line of ops.gate_results: counts of rows, never a value of one.

    rows_failed is None where the rule does not count rows. is_error: the rule could not be evaluated.
    """

    expectation: str
    column_name: str | None
    severity: Severity
    success: bool
    is_error: bool
    rows_checked: int
    rows_failed: int | None
    rows_quarantined: int
    message: str

    @property
    def stops(self) -> bool:
        return not self.success and (self.is_error or self.severity == "critical")


@dataclass(frozen=True)
class GateOutcome:
    """What a gate found. Rows: newly quarantined, in quarantine since an earlier run, out of it again.

    `messages` are lines for a person: table, column, rule and count, without a personal value.
    """

    table: str
    status: Status
    results: tuple[CheckResult, ...]
    messages: tuple[str, ...]
    rows_checked: int
    rows_quarantined: int
    rows_still_quarantined: int
    rows_released: int
    seconds: float


@dataclass
class _Run:
    """A gate under way: its place, what it found at the start, and what it has found so far."""

    warehouse: Warehouse
    suite: Suite
    place: Place
    run_id: str
    columns: dict[str, str]  # name → type, as PostgreSQL writes it
    relation: int | None
    condition: str  # the rows that are judged, on alias t
    rows: int
    pending: int  # quarantined rows that are judged again with them
    is_rebuilt: bool
    has_loads: bool
    load_id: str | None
    moves: Moves = field(default_factory=Moves)
    results: list[CheckResult] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return f"{self.place.schema}.{self.place.table}"

    def fail(self, what: str, expectation: Expectation | None = None, *, is_error: bool = True) -> None:
        """Adds a result that stops the data."""
        self.results.append(
            CheckResult(
                expectation.type if expectation else "table",
                expectation.column if expectation else None,
                "critical" if expectation is None else expectation.severity,
                False,
                is_error,
                self.rows,
                None,
                0,
                f"{self.table}: {what}",
            )
        )


def run_gate(
    warehouse: Warehouse,
    suite: Suite,
    *,
    run_id: str,
    schema: str | None = None,
    table: str | None = None,
    batch: Batch | None = None,
) -> GateOutcome:
    """Judges schema.table by `suite`, moves bad rows to quarantine, writes ops.gate_results.

    schema, table: where the suite's table lies unless told. batch: new loads for layer raw, else the whole
    table. Raises GateError for a suite that cannot be run, WarehouseError when the warehouse fails:
    then nothing was judged and nothing moved.
    """
    started = time.perf_counter()
    place = Place(schema or suite.schema, table or suite.table, suite.key)
    batch = batch or (Batch.NEW_LOADS if suite.layer == "raw" else Batch.WHOLE_TABLE)
    run = _open(warehouse, suite, place, run_id, batch)
    if _is_usable(run) and not _judge_at_once(run):
        _judge_rows(run)
        _judge_table(run)
    outcome = _outcome(run, started)
    with ledger.transaction(warehouse, suite) as connection:
        ledger.append(connection, suite, [{"run_id": run_id, **asdict(result)} for result in run.results])
        if outcome.status is not Status.FAILED:
            ledger.set_passed(connection, suite, run.load_id)
    return outcome


def _open(warehouse: Warehouse, suite: Suite, place: Place, run_id: str, batch: Batch) -> _Run:
    """Looks at the table and at how far it is gated, and decides which rows are judged."""
    with ledger.transaction(warehouse, suite) as connection:
        mark = ledger.mark(connection, suite)
        relation = connection.scalar(
            sa.text("select to_regclass(:name)::oid::bigint"), {"name": place.relation}
        )
        run = _Run(
            *(warehouse, suite, place, run_id, _columns(connection, relation), relation),
            condition="true",
            rows=0,
            pending=0,
            is_rebuilt=batch is Batch.WHOLE_TABLE and suite.layer != "raw" and relation != mark.relation,
            has_loads=suite.layer == "raw",
            load_id=mark.load_id,
            parameters=_parameters(),
        )
        if relation is None or (run.has_loads and LOAD_ID not in run.columns):
            return run
        rules_changed = mark.rules is not None and mark.rules != suite.fingerprint
        if run.has_loads:
            newest = connection.scalar(sa.text(f'select max("{LOAD_ID}") from {place.relation}'))
            if batch is Batch.NEW_LOADS and not rules_changed:
                run.condition = _loads_after(mark.load_id, newest)
            run.load_id = max(filter(None, (mark.load_id, newest)), default=None)
        run.rows = connection.scalar(
            sa.text(f"select count(*) from {place.relation} t where {run.condition}")
        )
        if suite.row_rules:
            run.moves = Moves(known=quarantine.count(connection, place))
            # A table that dbt did not make anew lacks the rows that were moved out of it.
            if rules_changed if run.has_loads else not run.is_rebuilt:
                run.pending = run.moves.known
        return run


def _parameters() -> dict[str, Any]:
    """What a suite's $PARAMETERs stand for: times in UTC, and the names of vars.sources."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    tomorrow = now + timedelta(days=1)
    return {"now": str(now), "tomorrow": str(tomorrow), "sources": sorted(source_contracts())}


def _loads_after(load_id: str | None, newest: str | None) -> str:
    """The rows of loads after `load_id`, up to `newest`; rows without a load are new."""

    def literal(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    if newest is None:
        return "true"
    later = f't."{LOAD_ID}" > {literal(load_id)} and ' if load_id else ""
    return f'({later}t."{LOAD_ID}" <= {literal(newest)} or t."{LOAD_ID}" is null)'


def _columns(connection: sa.Connection, relation: int | None) -> dict[str, str]:
    rows = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, null) as type from pg_attribute "
            "where attrelid = cast(:relation as bigint) and attnum > 0 and not attisdropped"
        ),
        {"relation": relation or 0},
    )
    return {row.attname: row.type for row in rows}


def _is_usable(run: _Run) -> bool:
    """False, with the reason among the results, where no rule could be evaluated at all."""
    if run.relation is None:
        run.fail("the table does not exist")
        return False
    needed = [*run.suite.key, *([LOAD_ID] if run.has_loads else [])]
    for column in needed:
        if column not in run.columns:
            run.fail(f"the column {column} is missing")
    return not run.results


def _judge_at_once(run: _Run) -> bool:
    """Rules and checks with one question, as most tables most days need no more; True: that was all.

    False, with nothing done, where a row rule is broken, or rows that wait in quarantine may come back.
    """
    rules, checks = run.suite.row_rules, run.suite.checks
    missing = [e for e in (*rules, *checks) if not set(e.columns) <= run.columns.keys()]
    if missing or run.pending or run.moves.known or not (rules and checks and run.rows):
        return False
    query = f"select t.* from {run.place.relation} t where {run.condition}"
    judgements = expect.judge(run.warehouse, run.suite, [*rules, *checks], query, run.parameters)
    of_rows, of_table = judgements[: len(rules)], judgements[len(rules) :]
    if not all(judgement.success for judgement in of_rows):
        return False
    if not run.has_loads:
        with ledger.transaction(run.warehouse, run.suite) as connection:
            ledger.set_relation(connection, run.suite, run.relation or 0)
    run.results += [_row_result(run, judgement) for judgement in of_rows]
    run.results += [_check_result(run, judgement) for judgement in of_table]
    return True


def _judge_rows(run: _Run) -> None:
    """Row rules: what breaks one is moved out, what is mended comes back."""
    rules = _evaluable(run, run.suite.row_rules)
    judgements: list[Judgement] = []
    if rules and run.rows + run.pending:
        query = run.place.rows(run.condition)
        if run.pending:
            query += " union all " + run.place.pending_rows()
        judgements = expect.judge(run.warehouse, run.suite, rules, query, run.parameters, with_places=True)
    errors = [j for j in judgements if j.error]
    for judgement in errors:
        run.fail(_not_evaluated(run, judgement), judgement.expectation)
    if run.results:
        return  # a rule that cannot be evaluated says nothing of the rows: none moves
    is_stale = run.moves.known and (run.is_rebuilt or run.pending or run.rows)
    if is_stale or any(j.places for j in judgements):
        with ledger.transaction(run.warehouse, run.suite) as connection:
            run.moves = quarantine.settle(
                connection,
                run.place,
                judgements,
                condition=run.condition,
                is_rebuilt=run.is_rebuilt,
                rejudged=run.pending > 0,
                has_loads=run.has_loads,
                run_id=run.run_id,
            )
            ledger.set_relation(connection, run.suite, run.relation or 0)
            if run.has_loads:
                ledger.count_quarantined(connection, run.suite, run.place.quarantine)
    elif not run.has_loads and run.suite.row_rules:
        with ledger.transaction(run.warehouse, run.suite) as connection:
            ledger.set_relation(connection, run.suite, run.relation or 0)
    run.results += [_row_result(run, judgement) for judgement in judgements]


def _judge_table(run: _Run) -> None:
    """Checks, on the rows that are left; an empty table fails unless it may be empty."""
    left, in_table = _left(run)
    if not in_table and not run.suite.may_be_empty:
        run.fail("the table is empty", is_error=False)
    checks = _evaluable(run, run.suite.checks)
    if not checks or not left:
        return
    query = f"select t.* from {run.place.relation} t where {run.condition}"
    for judgement in expect.judge(run.warehouse, run.suite, checks, query, run.parameters):
        run.results.append(_check_result(run, judgement))


def _left(run: _Run) -> tuple[bool, bool]:
    """Whether the batch, and whether the table, has rows after the quarantine took its own."""
    with ledger.transaction(run.warehouse, run.suite) as connection:
        row = connection.execute(
            sa.text(
                f"select exists (select 1 from {run.place.relation} t where {run.condition}), "
                f"exists (select 1 from {run.place.relation})"
            )
        ).one()
    return row[0], row[1]


def _evaluable(run: _Run, expectations: Sequence[Expectation]) -> list[Expectation]:
    """Those whose columns are there; a missing column is an error whatever the severity."""
    there = []
    for expectation in expectations:
        missing = [column for column in expectation.columns if column not in run.columns]
        if missing and expectation.type != "expect_column_to_exist":
            run.fail(f"the column {', '.join(missing)} is missing", expectation)
        else:
            there.append(expectation)
    return there


def _not_evaluated(run: _Run, judgement: Judgement) -> str:
    columns = ", ".join(f"{name} is {run.columns[name]}" for name in judgement.expectation.columns)
    rule = judgement.expectation.rule
    return f"'{rule}' cannot be evaluated ({judgement.error}{': ' if columns else ''}{columns})"


def _row_result(run: _Run, judgement: Judgement) -> CheckResult:
    expectation, bad = judgement.expectation, len(judgement.places)
    of = run.rows + run.pending
    message = f"{run.table}.{expectation.column}: {bad} of {of} rows break '{expectation.rule}'"
    if bad:
        message += f", moved to {run.place.quarantine}"
    return CheckResult(
        expectation.type, expectation.column, expectation.severity, not bad, False, of, bad, bad, message
    )


def _check_result(run: _Run, judgement: Judgement) -> CheckResult:
    expectation, failed = judgement.expectation, judgement.failed
    where = f"{run.table}.{expectation.column}" if expectation.columns else run.table
    rows = run.rows - run.moves.new
    if judgement.error:
        message = f"{run.table}: {_not_evaluated(run, judgement)}"
    elif judgement.success:
        message = f"{where}: '{expectation.rule}' holds"
    elif judgement.figures:
        message = f"{where}: {_sentences(run, judgement)}. The rule: {expectation.rule}"
    elif failed is None:
        message = f"{where}: '{expectation.rule}' does not hold"
    else:
        message = f"{where}: {failed} of {rows} rows break '{expectation.rule}'"
    return CheckResult(
        expectation.type,
        expectation.column,
        expectation.severity,
        judgement.success,
        judgement.error is not None,
        rows,
        failed,
        0,
        message,
    )


def _sentences(run: _Run, judgement: Judgement) -> str:
    """What a query's figures say: a sentence for each of its rows. Raises GateError for what is no figure."""
    lines = []
    for row in judgement.figures[:FIGURES_SHOWN]:
        shown = {}
        for name, value in row.items():
            if name != "source_system" and not isinstance(value, (int, float, Decimal)):
                raise GateError(
                    f"{run.suite.file}, expectations[{judgement.expectation.position}]: {name} is no number.",
                    "A query with meta.figures returns numbers, and source_system.",
                )
            is_whole = not isinstance(value, str) and value == int(value)
            shown[name] = value if isinstance(value, str) else f"{value:,.{0 if is_whole else 3}f}"
        try:
            lines.append(str(judgement.expectation.figures).format(**shown))
        except (KeyError, IndexError):
            raise GateError(
                f"{run.suite.file}, expectations[{judgement.expectation.position}]: meta.figures names a column "
                "that the query does not return.",
                f"It returns {', '.join(row)}.",
            ) from None
    more = len(judgement.figures) - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more else "")


def _outcome(run: _Run, started: float) -> GateOutcome:
    broken = [r for r in run.results if not r.success and not r.rows_quarantined]
    if any(result.stops for result in broken):
        status = Status.FAILED
    elif broken or run.moves.new:
        status = Status.WARNED
    else:
        status = Status.PASSED
    messages = [result.message for result in run.results if not result.success]
    if not run.results:
        messages.append(f"{run.table}: nothing new" if run.has_loads else f"{run.table}: empty, as it may be")
    if run.moves.known:
        messages.append(f"{run.table}: {run.moves.known} rows still in {run.place.quarantine}")
    if run.moves.released:
        messages.append(f"{run.table}: {run.moves.released} rows left {run.place.quarantine}")
    return GateOutcome(
        run.table,
        status,
        tuple(run.results),
        tuple(messages),
        run.rows,
        run.moves.new,
        run.moves.known,
        run.moves.released,
        round(time.perf_counter() - started, 3),
    )
