"""What a source's staging models give the conformed tables, validated before those are built.

Belongs here: finding what one source's rows would do to everybody: a value that does not fit, a key that is null or
there twice, a raw row that is lost, a table most of whose rows would go to quarantine. Does not belong here: rules
on single rows (gate.py), and what follows (holding.py).

A conformed table is the union of all sources and is built or not built as a whole, and what it had before is gone
then. So the source at fault must be known first: it is put on hold, and the others are built.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import sqlalchemy as sa

from dagster_project.messages import words
from dagster_project.quality import holding
from dagster_project.quality.gate import parameters
from dagster_project.quality.suites import Expectation
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.failures import broken_by_words
from dagster_project.warehouse.schema import STAGING

SOURCE_ROWS = "source_rows"
# A table of which so many and more than half of a source's rows would be moved out: the source is not as it was.
MANY_ROWS = 10
FAULTS_SHOWN = 5
# Of a value that indexes hold: two records' IDs, or an ID and an identifier, are in one index row, which has 2,704 bytes.
LONGEST_INDEXED_BYTES = 1_250
# Classes of errors that a model or its rows make; any other is the warehouse's own.
OF_THE_MODEL = ("21", "22", "23", "42", "0A")


@dataclass(frozen=True)
class ConformedTable:
    """A conformed table as its model declares it. `columns`: name → type; `rules`: its suite's row rules.

    required: columns that the model holds to be filled, besides the key. indexed: columns of its indexes. amount: what
    is summed up when raw rows and conformed rows are compared.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    required: tuple[str, ...] = ()
    amount: str | None = None
    rules: tuple[Expectation, ...] = ()
    indexed: tuple[str, ...] = ()


def hold_faulty(
    warehouse: Warehouse,
    tables: Mapping[str, Sequence[ConformedTable]],
    failed: Mapping[str, Sequence[str]],
    run_id: str,
    say: Callable[[str], None],
) -> None:
    """Puts each source on hold whose staging models give its `tables` what they cannot take, and releases those that
    are sound again. A source that is on hold for another reason stays as it is.

    failed: by source, what dbt said of staging models that it could not build.
    """
    on_hold = holding.causes(warehouse)
    sources = [source for source in tables if not on_hold.get(source, set()) - {holding.STAGED}]

    def faults_of(source: str) -> Sequence[str]:
        return failed.get(source) or find_faults(warehouse, source, tables[source])

    with ThreadPoolExecutor(2) as pool:  # the warehouse works, and has as many cores
        for source, faults in zip(sources, pool.map(faults_of, sources), strict=True):
            if not faults:
                if source in on_hold:
                    holding.release(warehouse, source, holding.STAGED)
                continue
            more = len(faults) - FAULTS_SHOWN
            reason = "; ".join(faults[:FAULTS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
            reason += f". Fix it at the source, or in dbt_project/models/staging/{source}."
            say(f"{source} is on hold: {reason}")
            holding.hold(warehouse, source, holding.STAGED, reason, run_id)


def find_faults(warehouse: Warehouse, source: str, tables: Sequence[ConformedTable]) -> list[str]:
    """A line for each thing that is wrong with `source`: model, column, count; never a value.

    Reads `stg_<source>__<table>` of each table once. Raises the database's error where it is not the source's.
    """
    faults: list[str] = []
    with warehouse.begin() as connection:
        for table in tables:
            faults += _read(connection, source, table) or _look(connection, source, table)
        if not faults and any(table.name == SOURCE_ROWS for table in tables):
            faults += _lost_rows(connection, source, tables)
    return faults


def _model(source: str, table: ConformedTable) -> str:
    return f"stg_{source}__{table.name}"


def _copy(table: ConformedTable) -> str:
    return f'pg_temp."staged_{table.name}"'


def _read(connection: sa.Connection, source: str, table: ConformedTable) -> list[str]:
    """Reads the model into a temporary table, in the conformed table's columns and types."""
    model = _model(source, table)
    given = list(
        connection.scalars(
            sa.text(
                "select attname from pg_attribute where attrelid = to_regclass(:model) and attnum > 0 "
                "and not attisdropped"
            ),
            {"model": f'{STAGING}."{model}"'},
        )
    )
    if not given:
        return [f"dbt has not built {model}"]
    if unknown := sorted(set(given) - set(table.columns)):
        return [f"{model}.{unknown[0]}: the conformed table {table.name} has no such column"]
    columns = {
        name: f"cast({_quoted(name) if name in given else 'null'} as {kind})"
        for name, kind in table.columns.items()
    }
    selected = ", ".join(f"{value} as {_quoted(name)}" for name, value in columns.items())
    error = _error_of(
        connection,
        f'create temp table {_copy(table)} on commit drop as select {selected} from {STAGING}."{model}"',
    )
    if error is None:
        return []
    # Which column it is: each is read by itself, now that something is wrong.
    at_fault = [
        name
        for name in given
        if _error_of(connection, f'select count({columns[name]}::text) from {STAGING}."{model}"')
    ]
    where = f"{model}.{', '.join(at_fault)}" if len(at_fault) < len(given) else model
    return [f"{where}: {error}"]


def _error_of(connection: sa.Connection, statement: str) -> str | None:
    """What PostgreSQL says against the statement, without a row's value; None where nothing."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement)
    except sa.exc.DBAPIError as error:
        said = str(error.orig)
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if error.connection_invalidated or broken_by_words(said) or state[:2] not in OF_THE_MODEL:
            raise
        return words(said, state)
    return None


def _look(connection: sa.Connection, source: str, table: ConformedTable) -> list[str]:
    """What the rows that were read are: of another source, without a key, with one key twice, mostly bad."""
    name = _model(source, table)
    # Column, condition, what the rows are that meet it, and whether one such row is too many.
    asked = [("source_system", f"source_system is distinct from '{source}'", f"are not of {source}", True)]
    asked += [(c, f"{_quoted(c)} is null", "have none, and it is part of the key", True) for c in table.key]
    required = [c for c in table.required if c not in (*table.key, "source_system")]
    asked += [(c, f"{_quoted(c)} is null", "have none", True) for c in required]
    # A row that breaks a rule on its length goes to quarantine alone.
    bounded = {
        rule.column for rule in table.rules if rule.type == "expect_column_value_lengths_to_be_between"
    }
    asked += [
        (
            *(c, f"octet_length(cast({_quoted(c)} as text)) > {LONGEST_INDEXED_BYTES}"),
            *(f"are longer than an index takes ({LONGEST_INDEXED_BYTES:,} bytes)", True),
        )
        for c in dict.fromkeys((*table.key, *table.indexed))
        if c not in bounded
    ]
    for rule in table.rules:
        if condition := _breaks(rule):
            asked.append((rule.column or "", condition, f"break '{rule.rule}'", False))
    counts = ", ".join(f"count(*) filter (where {condition})" for _, condition, _, _ in asked)
    found = connection.execute(sa.text(f"select count(*), {counts} from {_copy(table)}")).one()
    rows, *met = (int(count) for count in found)
    faults = [
        f"{name}.{column}: {count:,} of {rows:,} rows {what}"
        for (column, _, what, is_strict), count in zip(asked, met, strict=True)
        if count and (is_strict or count > max(MANY_ROWS, rows / 2))
    ]
    key = ", ".join(map(_quoted, table.key))
    values, copies = connection.execute(
        sa.text(
            f"select count(*), coalesce(sum(n), 0) from (select count(*) as n from {_copy(table)} "
            f"where row({key}) is not null group by {key} having count(*) > 1) k"
        )
    ).one()
    if values:
        faults.append(
            f"{name}: {values:,} values of the key ({', '.join(table.key)}) are there more than once, "
            f"in {copies:,} of {rows:,} rows"
        )
    return faults


def _breaks(rule: Expectation) -> str | None:
    """SQL: a row breaks the row rule; None for a kind of rule that is left to the gate."""
    column = _quoted(str(rule.kwargs.get("column")))
    if rule.type == "expect_column_values_to_not_be_null":
        return f"{column} is null"
    if rule.type == "expect_column_values_to_be_in_set":
        given = rule.kwargs["value_set"]
        values = parameters()[given["$PARAMETER"]] if isinstance(given, dict) else given
        listed = ", ".join("'" + str(value).replace("'", "''").replace(":", "\\:") + "'" for value in values)
        return f"cast({column} as text) not in ({listed})"
    return None


def _lost_rows(connection: sa.Connection, source: str, tables: Sequence[ConformedTable]) -> list[str]:
    """Raw rows that are neither in the conformed table that they belong in nor left out for a reason."""
    faults = []
    for table in tables:
        own = [column for column in table.key if column != "source_system"]
        if table.name == SOURCE_ROWS or len(own) != 1:
            continue
        # Of the orders, lines and the like the money too.
        amounts = f"sum(c.{_quoted(table.amount)}) filter (where r.left_out is null)" if table.amount else "0"
        found = connection.execute(
            sa.text(
                "select r.table_name, count(*) filter (where (c.key is null) = (r.left_out is null)) as lost, "
                f"count(*) as total, {'sum(r.amount) filter (where r.left_out is null)' if table.amount else '0'} "
                f'as before, {amounts} as after from pg_temp."staged_{SOURCE_ROWS}" r left join '
                f"(select {_quoted(own[0])} as key, * from {_copy(table)}) c on c.key = r.contract_row_id "
                "where r.contract = :table group by r.table_name order by r.table_name"
            ),
            {"table": table.name},
        )
        for row in found:
            where = f"raw_{source}.{row.table_name}"
            if row.lost:
                faults.append(
                    f"{where}: {row.lost:,} of {row.total:,} rows are not in {table.name} as "
                    f"stg_{source}__{SOURCE_ROWS} has them"
                )
            elif (row.before or 0) != (row.after or 0):
                faults.append(f"{where}: the sum of {table.amount} is another in {table.name}")
    return faults


def _quoted(name: str) -> str:
    return f'"{name}"'
