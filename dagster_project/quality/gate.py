"""One gate: a suite run on what a step has just written, and what follows from it.

Belongs here: which rows are validated, the order (row rules, quarantine, checks), the outcome.
Does not belong here: Great Expectations (expect.py), moving rows (quarantine.py), Dagster.
"""

import csv
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from dagster_project.config import DBT_PROJECT_DIR, source_contracts
from dagster_project.errors import GateError
from dagster_project.quality import expect, ledger, quarantine
from dagster_project.quality.expect import PLACE, RuleResult
from dagster_project.quality.metrics import Rows
from dagster_project.quality.quarantine import LOAD_ID, Moves, Place
from dagster_project.quality.suites import Expectation, Severity, Suite
from dagster_project.warehouse import Warehouse

FIGURES_SHOWN = 5
# A name of a channel, a kind or a status; neither a telephone number nor an address nor a person's name in full.
CONFIGURED_WORD = re.compile(r"(?!.*\d{5})\w[\w.:/-]{0,39}")
# A table of so few rows may lose them all in an ordinary week.
FEW_ROWS = 10


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
    state: ledger.TableState
    is_rebuilt: bool
    has_loads: bool
    condition: str = "true"  # the rows that are validated, on alias t
    rows: int = 0  # that meet it
    in_table: int = 0
    pending: int = 0  # quarantined rows that are validated again with them
    loads: list[str] | None = None  # that the table has rows of
    is_settled: bool = False  # what breaks row rules is not in the table, or no longer
    moves: Moves = field(default_factory=Moves)
    results: list[CheckResult] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> Mapping[str, str]:
        return self.state.columns

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
    may_be_emptied: bool = False,
) -> GateOutcome:
    """Validates schema.table by `suite`, moves bad rows to quarantine, writes ops.gate_results.

    schema, table: where the suite's table is unless given. batch: new loads for layer raw, else the whole
    table. may_be_emptied: no source fills the table any more, or the settings name it. Raises GateError for a
    suite that cannot be run, WarehouseError when the warehouse fails: then nothing was validated or moved.
    """
    started = time.perf_counter()
    place = Place(schema or suite.schema, table or suite.table, suite.key)
    batch = batch or (Batch.NEW_LOADS if suite.layer == "raw" else Batch.WHOLE_TABLE)
    run = _open(warehouse, suite, place, run_id, batch)
    if _is_usable(run) and not _validate_at_once(run):
        _validate_rows(run)
        _validate_table(run, may_be_emptied)
    outcome = _outcome(run, started)
    with ledger.transaction(warehouse, suite) as connection:
        if run.is_settled and not run.has_loads:
            ledger.set_relation(connection, suite, run.state.relation or 0)
        ledger.append(connection, suite, [{"run_id": run_id, **asdict(result)} for result in run.results])
        if outcome.status is not Status.FAILED:
            ledger.set_passed(connection, suite, run.loads)
            if not run.has_loads:
                ledger.set_accepted(connection, suite, run.rows - run.moves.new)
    return outcome


def _open(warehouse: Warehouse, suite: Suite, place: Place, run_id: str, batch: Batch) -> _Run:
    """Looks at the table and at how far it is gated, and decides which rows are validated."""
    with ledger.transaction(warehouse, suite) as connection:
        state = ledger.look(connection, suite, place)
        run = _Run(
            *(warehouse, suite, place, run_id, state),
            is_rebuilt=batch is Batch.WHOLE_TABLE
            and suite.layer != "raw"
            and state.relation != state.gated_relation,
            has_loads=suite.layer == "raw",
            parameters=parameters(),
        )
        if state.relation is None or (run.has_loads and LOAD_ID not in state.columns):
            return run
        rules_changed = state.rules is not None and state.rules != suite.fingerprint
        if run.has_loads:
            counts = ledger.count_loads(connection, place)
            run.loads = sorted(load for load in counts if load is not None)
            run.in_table = sum(counts.values())
            old = set() if rules_changed or batch is Batch.WHOLE_TABLE else state.loads
            new = counts.keys() - old
            run.rows = sum(counts[load] for load in new)
            if len(new) < len(counts):
                run.condition = _of_loads(new)
        if suite.row_rules and state.has_quarantine:
            run.moves = Moves(known=quarantine.count(connection, place))
            # A table that dbt did not make anew lacks the rows that were moved out of it.
            if rules_changed if run.has_loads else not run.is_rebuilt:
                run.pending = run.moves.known
        return run


def parameters() -> dict[str, Any]:
    """What a suite's $PARAMETERs stand for: times in UTC, the names of vars.sources, the channels of the seed."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    tomorrow = now + timedelta(days=1)
    return {
        "now": str(now),
        "tomorrow": str(tomorrow),
        "sources": sorted(source_contracts()),
        "channels": channels(),
    }


@lru_cache
def channels() -> list[str]:
    """The channels that reports know: the seed `channels`."""
    with (DBT_PROJECT_DIR / "seeds" / "staging" / "channels.csv").open(encoding="utf-8", newline="") as file:
        return [row["channel"] for row in csv.DictReader(file)]


def _of_loads(loads: Iterable[str | None]) -> str:
    """The condition, on alias t, for the rows of `loads`; None: of no load."""
    named = ", ".join(_literal(load) for load in sorted(load for load in loads if load is not None))
    conditions = [f't."{LOAD_ID}" in ({named})'] if named else []
    if None in loads:
        conditions.append(f't."{LOAD_ID}" is null')
    return f"({' or '.join(conditions) or 'false'})"


def _literal(text: str) -> str:
    # SQLAlchemy takes a colon before a word for a parameter.
    return "'" + text.replace("'", "''").replace(":", "\\:") + "'"


def _is_usable(run: _Run) -> bool:
    """False, with the reason among the results, where no rule could be evaluated at all."""
    if run.state.relation is None:
        run.fail("the table does not exist")
        return False
    needed = [*run.suite.key, *([LOAD_ID] if run.has_loads else [])]
    for column in needed:
        if column not in run.columns:
            run.fail(f"the column {column} is missing")
    return not run.results


def _validate_at_once(run: _Run) -> bool:
    """Rules and checks in one scan, as most tables most days need no more; True: that was all.

    False, with nothing done but rows counted, where a row rule is broken, or quarantined rows may come back.
    """
    rules, checks = run.suite.row_rules, run.suite.checks
    missing = [e for e in (*rules, *checks) if not set(e.columns) <= run.columns.keys()]
    if missing or run.pending or (run.has_loads and not run.rows):
        if not run.has_loads:
            run.rows = run.in_table = expect.validate(
                run.warehouse, run.suite, (), _rows(run, run.place.rows(run.condition)), run.parameters
            )[0]
        return False
    rows, results = _validated(run, [*rules, *checks])
    if not run.has_loads:
        run.rows = run.in_table = rows
    of_rows, of_table = results[: len(rules)], results[len(rules) :]
    if not rows or not all(result.success for result in of_rows):
        return False
    _settle(run, of_rows)
    run.results += [_row_result(run, result) for result in of_rows]
    run.results += [_check_result(run, result) for result in of_table]
    return True


def _validated(run: _Run, expectations: Sequence[Expectation]) -> tuple[int, list[RuleResult]]:
    """The number of the batch's rows in the table, and `expectations` on them."""
    query = f"select t.* from {run.place.relation} t where {run.condition}"
    return expect.validate(
        run.warehouse, run.suite, expectations, _rows(run, query, run.state.unique), run.parameters
    )


def _rows(run: _Run, query: str, unique: frozenset[frozenset[str]] = frozenset()) -> Rows:
    return Rows(query, (PLACE, *run.columns), unique)


def _validate_rows(run: _Run) -> None:
    """Row rules: what breaks one is moved out, what no longer does comes back."""
    rules = _evaluable(run, run.suite.row_rules)
    results: list[RuleResult] = []
    if rules and run.rows + run.pending:
        query = run.place.rows(run.condition)
        if run.pending:
            query += " union all " + run.place.pending_rows()
        _, results = expect.validate(
            run.warehouse, run.suite, rules, _rows(run, query), run.parameters, with_places=True
        )
    for result in results:
        if result.error:
            run.fail(_not_evaluated(run, result), result.expectation)
    if run.results:
        return  # without one of the rules nobody knows which rows are bad: none moves
    _settle(run, results)
    run.results += [_row_result(run, result) for result in results]


def _settle(run: _Run, results: Sequence[RuleResult]) -> None:
    """Moves rows by the `results` of row rules, where there are any to move."""
    is_stale = run.moves.known and (run.is_rebuilt or run.pending or run.rows)
    if is_stale or any(result.places for result in results):
        with ledger.transaction(run.warehouse, run.suite) as connection:
            run.moves = quarantine.settle(
                connection,
                run.place,
                results,
                condition=run.condition,
                is_rebuilt=run.is_rebuilt,
                revalidated=run.pending > 0,
                has_loads=run.has_loads,
                run_id=run.run_id,
            )
            if run.has_loads:
                ledger.count_quarantined(connection, run.suite, run.place.quarantine)
            else:
                ledger.set_relation(connection, run.suite, run.state.relation or 0)
    run.is_settled = bool(run.suite.row_rules)


def _validate_table(run: _Run, may_be_emptied: bool) -> None:
    """Checks, on the rows that are left; a table that was filled and is empty now fails unless it may be."""
    left, in_table = _left(run)
    if not in_table and not run.suite.may_be_empty and not may_be_emptied and (why := _emptied(run)):
        run.fail(why, is_error=False)
    checks = _evaluable(run, run.suite.checks)
    if not checks or not left:
        return
    _, results = _validated(run, checks)
    run.results += [_check_result(run, result) for result in results]


def _emptied(run: _Run) -> str:
    """What is wrong with the empty table; an empty text where it never had more than a few rows.

    A new company has no orders yet, another one will never have any. Of a raw table nothing is ever deleted.
    """
    if run.has_loads:
        moved = run.moves.new + run.moves.known
        return f"the table is empty: all of its {moved:,} rows are in {run.place.quarantine}" if moved else ""
    with ledger.transaction(run.warehouse, run.suite) as connection:
        rows = ledger.accepted_rows(connection, run.suite)
    if rows <= FEW_ROWS:
        return ""
    name = f"{run.suite.layer}.{run.suite.table}"
    return (
        f"the table is empty and had {rows:,} rows when it last passed. If that is right, set "
        f"C360_MAY_BE_EMPTIED={name} for one refresh"
    )


def _left(run: _Run) -> tuple[bool, bool]:
    """Whether the batch, and whether the table, has rows after the quarantine took its own."""
    if not (run.moves.new or run.moves.released):
        return run.rows > 0, run.in_table > 0
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


def _not_evaluated(run: _Run, result: RuleResult) -> str:
    columns = ", ".join(f"{name} is {run.columns[name]}" for name in result.expectation.columns)
    rule = result.expectation.rule
    return f"'{rule}' cannot be evaluated ({result.error}{': ' if columns else ''}{columns})"


def _row_result(run: _Run, result: RuleResult) -> CheckResult:
    expectation, bad = result.expectation, len(result.places)
    of = run.rows + run.pending
    message = f"{run.table}.{expectation.column}: {bad} of {of} rows break '{expectation.rule}'"
    if bad:
        message += f"{_bad_values(run, expectation)}, moved to {run.place.quarantine}"
    return CheckResult(
        expectation.type, expectation.column, expectation.severity, not bad, False, of, bad, bad, message
    )


def _bad_values(run: _Run, expectation: Expectation) -> str:
    """Of a closed list, what stands in its place: words of a source's configuration, counted; else an empty text.

    What does not look like such a word is counted and not shown: a source may put anything in a column.
    """
    column = expectation.kwargs.get("column")
    if expectation.type != "expect_column_values_to_be_in_set" or column is None:
        return ""
    with ledger.transaction(run.warehouse, run.suite) as connection:
        found = quarantine.values_of(connection, run.place, column, expectation.rule, run.run_id)
    if not found:
        return ""
    shown = [
        f"{source + ': ' if source else ''}"
        f"{repr(value) if value and CONFIGURED_WORD.fullmatch(value) else 'another value'} {count:,}"
        for source, value, count in found[:FIGURES_SHOWN]
    ]
    more = len(found) - len(shown)
    return f" ({', '.join(shown)}{f' and {more} more values' if more else ''})"


def _check_result(run: _Run, result: RuleResult) -> CheckResult:
    expectation, failed = result.expectation, result.failed
    where = f"{run.table}.{expectation.column}" if expectation.columns else run.table
    rows = run.rows - run.moves.new
    if result.error:
        message = f"{run.table}: {_not_evaluated(run, result)}"
    elif result.success:
        message = f"{where}: '{expectation.rule}' holds"
    elif result.figures:
        message = f"{where}: {_sentences(run, result)}. The rule: {expectation.rule}"
    elif failed is None:
        message = f"{where}: '{expectation.rule}' does not hold"
    else:
        message = f"{where}: {failed} of {rows} rows break '{expectation.rule}'"
    return CheckResult(
        expectation.type,
        expectation.column,
        expectation.severity,
        result.success,
        result.error is not None,
        rows,
        failed,
        0,
        message,
    )


def _sentences(run: _Run, result: RuleResult) -> str:
    """What a query's figures say: a sentence for each of its rows. Raises GateError for what is no figure."""
    lines = []
    for row in result.figures[:FIGURES_SHOWN]:
        shown = {}
        for name, value in row.items():
            if name != "source_system" and not isinstance(value, (int, float, Decimal)):
                raise GateError(
                    f"{run.suite.file}, expectations[{result.expectation.position}]: {name} is no number.",
                    "A query with meta.figures returns numbers, and source_system.",
                )
            is_whole = not isinstance(value, str) and value == int(value)
            shown[name] = value if isinstance(value, str) else f"{value:,.{0 if is_whole else 3}f}"
        try:
            lines.append(str(result.expectation.figures).format(**shown))
        except (KeyError, IndexError):
            raise GateError(
                f"{run.suite.file}, expectations[{result.expectation.position}]: meta.figures names a column "
                "that the query does not return.",
                f"It returns {', '.join(row)}.",
            ) from None
    more = len(result.figures) - len(lines)
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
