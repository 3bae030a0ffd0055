"""Every suite in expectations/, on its table as declared: a valid row passes, each rule can fail."""

import random
import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from dagster_project.config import EXPECTATIONS_DIR
from dagster_project.quality import (
    Expectation,
    GateOutcome,
    Status,
    Suite,
    expect,
    ledger,
    load_suites,
    run_gate,
)
from dagster_project.quality.expect import build
from dagster_project.quality.gate import parameters
from dagster_project.quality.metrics import Rows
from dagster_project.warehouse import Warehouse, schema
from tests.integration.quality.breaking import BREAKING
from tests.integration.quality.conftest import execute, rows
from tests.integration.quality.sample import (
    SOURCES,
    Row,
    broken_row,
    columns_of,
    create_tables,
    put,
    valid_row,
)

SUITES = load_suites(EXPECTATIONS_DIR)
UNIQUE = "expect_column_values_to_be_unique"
every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=["/".join(path) for path in SUITES])


class Tables:
    """Every gated table with one valid row."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        create_tables(warehouse)
        self.columns = columns_of(warehouse)
        suites = {place(suite): suite for suite in SUITES.values()}
        self.valid = {table: valid_row(table, c, suites.get(table)) for table, c in self.columns.items()}
        self.dirty = set(self.valid)

    def restore(self) -> None:
        for table in self.dirty:
            put(self.warehouse, table, self.valid[table])
        self.dirty = set()

    def put(self, table: str, *given: Row) -> None:
        self.dirty.add(table)
        put(self.warehouse, table, *(self.valid[table] | row for row in given))

    def gate(self, suite: Suite) -> GateOutcome:
        """The gate as it runs for the first time."""
        execute(self.warehouse, "truncate ops.gated_loads, ops.gate_results, ops.accepted_tables")
        execute(self.warehouse, "drop schema quarantine cascade; create schema quarantine")
        return run_gate(self.warehouse, suite, run_id="r1")


def place(suite: Suite) -> str:
    return f"{suite.schema}.{suite.table}"


@pytest.fixture(scope="module")
def all_tables(warehouse: Warehouse) -> Tables:
    with warehouse.begin() as connection:
        # Other modules' sources too: what is there must be what has a gate.
        left = connection.scalars(
            sa.text("select nspname from pg_namespace where starts_with(nspname, 'raw_')")
        )
        for name in (*schema.SCHEMAS, *left):
            connection.execute(sa.text(f'drop schema if exists "{name}" cascade'))
        schema.prepare(connection, SOURCES)
    return Tables(warehouse)


@pytest.fixture
def tables(all_tables: Tables) -> Tables:
    all_tables.restore()
    return all_tables


def test_every_gated_layer_is_covered(all_tables: Tables) -> None:
    gated = {place(suite) for suite in SUITES.values()}
    # What identity keeps for itself, and the steward's words, are no step's result.
    own = {
        f"identity.{t}"
        for t in (
            *("card_changes", "card_changes_met", "decisions", "departed_records"),
            *("model_term_frequencies", "reviewed_pairs"),
        )
    }
    assert set(all_tables.columns) - gated - own == set()
    assert gated <= set(all_tables.columns)


@every_suite
def test_a_suite_names_columns_that_exist_and_builds(all_tables: Tables, suite: Suite) -> None:
    named = {*suite.key, *(column for e in suite.expectations for column in e.columns)}
    assert named <= set(all_tables.columns[place(suite)])
    assert len(build(suite, suite.expectations).expectations) == len(suite.expectations)
    assert suite.document["name"] == ".".join(suite.path)


@every_suite
def test_a_valid_row_passes(tables: Tables, suite: Suite) -> None:
    outcome = tables.gate(suite)
    assert (outcome.status, outcome.messages) == (Status.PASSED, ())
    assert len(outcome.results) == len(suite.expectations)


@every_suite
def test_a_table_that_never_had_rows_may_be_empty(tables: Tables, suite: Suite) -> None:
    """A company without orders publishes, and so does a shop on its first day."""
    tables.put(place(suite))
    assert tables.gate(suite).status is Status.PASSED


@pytest.mark.parametrize("path", [path for path in SUITES if path[0] != "raw"], ids="/".join)
def test_a_table_that_was_filled_and_is_empty_stops(tables: Tables, path: tuple[str, ...]) -> None:
    suite = SUITES[path]
    tables.put(place(suite))
    with tables.warehouse.begin() as connection:
        ledger.set_accepted(connection, suite, 59_124)
    outcome = run_gate(tables.warehouse, suite, run_id="r1")
    assert outcome.status is (Status.PASSED if suite.may_be_empty else Status.FAILED)
    if not suite.may_be_empty:
        (message,) = outcome.messages
        assert "is empty and had 59,124 rows when it last passed" in message
        assert f"C360_MAY_BE_EMPTIED={suite.layer}.{suite.table}" in message
        # The setting, or a table that no source fills any more; from then on it was empty.
        accepted = run_gate(tables.warehouse, suite, run_id="r2", may_be_emptied=True)
        assert accepted.status is Status.PASSED
        assert run_gate(tables.warehouse, suite, run_id="r3").status is Status.PASSED


@every_suite
def test_each_rule_can_fail(tables: Tables, suite: Suite) -> None:
    """One gate judges a copied key, a bad row for each row rule, and a row that breaks many checks at once.

    Checks on one column, and those on the key, break one after the other in further gates.
    """
    table = place(suite)
    columns = tables.columns[table]
    bad = bad_rows(suite, columns)
    copies_move = any(rule.type == UNIQUE for rule in suite.row_rules)
    pending = [(check, row) for check in suite.checks if (row := broken_row(check, columns))]
    is_first = True
    while is_first or pending:
        together: Row = {}
        broken = []
        for check, row in pending:
            if not set(row) & {*together, *(suite.key if is_first else ())}:
                together |= row
                broken.append(check)
        # Where two rows of one key are moved out, they are no longer there for the checks.
        twice = [together] if not copies_move else [{suite.key[0]: "twice"}] * 2
        tables.put(table, together, *([*twice, *bad] if is_first else []))
        outcome = tables.gate(suite)
        if is_first:
            assert_bad_rows_moved(tables, suite, outcome)
            broken += [c for c in suite.checks if "unique" in c.type and set(c.columns) == set(suite.key)]
            assert copies_move != ("unique" in broken[-1].type if broken else False)
        for check in broken:
            (result,) = [r for r in outcome.results if f"'{check.rule}'" in r.message and not r.success]
            assert (result.severity, result.is_error) == (check.severity, False)
        if any(check.severity == "critical" for check in broken):
            assert outcome.status is Status.FAILED
        pending = [(check, row) for check, row in pending if check not in broken]
        is_first = False


def bad_rows(suite: Suite, columns: dict[str, str]) -> list[Row]:
    """For each row rule on a row by itself a row with a key of its own that breaks it."""
    key = suite.key[-1]
    is_text = "char" in columns[key] or columns[key] == "text"
    return [
        {key: f"bad {i}" if is_text else 100 + i} | (broken_row(rule, columns) or {})
        for i, rule in enumerate(alone(suite))
    ]


def alone(suite: Suite) -> list[Expectation]:
    return [rule for rule in suite.row_rules if rule.type != UNIQUE]


def assert_bad_rows_moved(tables: Tables, suite: Suite, outcome: GateOutcome) -> None:
    bad = bad_rows(suite, tables.columns[place(suite)])
    copies = 2 if len(alone(suite)) < len(suite.row_rules) else 0
    assert outcome.rows_quarantined == len(bad) + copies
    if not bad:
        return
    key = suite.key[-1]
    prefix = f"{suite.path[1]}__" if suite.layer == "raw" else ""
    found = dict(
        rows(tables.warehouse, f"select row ->> '{key}', reasons from quarantine.{prefix}{suite.table}")
    )
    # A key column may be what the rule is about: then the row is found by its reasons alone.
    for row, rule in zip(bad, alone(suite), strict=True):
        assert rule.rule in (found.get(str(row[key])) or str(list(found.values())))


QUERIES = [
    (suite, check)
    for suite in SUITES.values()
    for check in suite.checks
    if check.type == "unexpected_rows_expectation" and not check.rule.endswith(" is a flag")
]


def test_every_query_is_broken_below() -> None:
    listed = {(path, rule) for path, rules in BREAKING.items() for rule in rules}
    assert listed == {("/".join(suite.path), check.rule) for suite, check in QUERIES}


@pytest.mark.parametrize(
    ("suite", "check"), QUERIES, ids=[f"{'/'.join(suite.path)}: {check.rule}" for suite, check in QUERIES]
)
def test_each_query_can_fail(tables: Tables, suite: Suite, check: Expectation) -> None:
    for table, given in BREAKING["/".join(suite.path)][check.rule].items():
        tables.put(table, *given)
    outcome = tables.gate(replace(suite, expectations=(check,)))
    (result,) = outcome.results
    assert (result.success, result.severity, result.is_error) == (False, check.severity, False)
    assert outcome.status is (Status.FAILED if check.severity == "critical" else Status.WARNED)
    if check.figures:
        said = re.escape(check.figures)
        sentence = re.sub(r"\\{(\w+)\\}", lambda name: r"[\w.,-]+", said)
        assert re.search(f": {sentence}.*The rule: ", result.message), result.message


def test_a_rule_of_a_whole_table_says_its_figures() -> None:
    """Where a query's rows are not the table's own, their number says nothing: figures must."""
    for suite, check in QUERIES:
        query = check.kwargs["unexpected_rows_query"]
        columns, rows = query.removeprefix("select ").split(" from ", 1)
        is_of_rows = rows.startswith("{batch}") and not re.search(r"\b(count|sum|max)\(", columns)
        assert is_of_rows != bool(check.figures), f"{'/'.join(suite.path)}: {check.rule}"


@every_suite
def test_one_scan_decides_as_great_expectations_own_statements_do(tables: Tables, suite: Suite) -> None:
    """On sound rows, and on rows that break any of the suite's rules, alone and together."""
    table = place(suite)
    chance = random.Random(table)
    breaking = [row for e in suite.expectations if (row := broken_row(e, tables.columns[table]))]
    queries = BREAKING.get("/".join(suite.path), {}).values()
    breaking += [row for given in queries for row in given.get(table, [])]
    rows_given: list[Row] = [{}, {}, dict.fromkeys(suite.key)]
    for _ in range(6):
        together = chance.sample(breaking, k=min(len(breaking), chance.randint(1, 3)))
        rows_given.append(dict(item for row in together for item in row.items()))
    assert all(agreed(tables, suite, f"select t.* from {table} t", expect.HOLDS))
    tables.put(table, *rows_given)
    assert not all(agreed(tables, suite, f"select t.* from {table} t", expect.COUNTS_ONLY))


def test_one_scan_names_the_same_errors(tables: Tables) -> None:
    """Every column as text: what cannot be compared is the error of its rule alone."""
    suite = SUITES["intermediate", "web_sessions"]
    columns = ", ".join(f'"{column}"::text as "{column}"' for column in tables.columns[place(suite)])
    assert not all(agreed(tables, suite, f"select {columns} from {place(suite)} t", None))


def agreed(tables: Tables, suite: Suite, query: str, result_format: dict[str, object] | None) -> list[bool]:
    """Whether each rule holds; success, number of rows and error are the same both ways."""
    asked = Rows(query, tuple(tables.columns[place(suite)]))
    _, ours = expect.validate(tables.warehouse, suite, suite.expectations, asked, parameters())
    given = (tables.warehouse, suite, suite.expectations, query, parameters())
    plain = expect._validate(*given, result_format) if result_format else expect.ask(*given)
    for one, other in zip(ours, plain, strict=True):
        # Of a query that returns figures these say how many failed, not its rows.
        counted = one.failed is not None and other.failed is not None and one.expectation.figures is None
        assert (one.success, one.error) == (other.success, other.error), one
        assert not counted or one.failed == other.failed, one
    return [one.success for one in ours]


def test_a_guest_of_120_orders_is_one_customer_of_one_profile(tables: Tables) -> None:
    records = [{"source_record_id": str(order)} for order in range(120)]
    tables.put("identity.record_customers", *records)
    tables.put("intermediate.customer_records", *records)
    outcome = tables.gate(SUITES["identity", "record_customers"])
    assert (outcome.status, outcome.messages) == (Status.PASSED, ())
