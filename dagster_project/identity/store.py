"""Identity's tables in PostgreSQL: read, and written in one transaction a run.

Belongs here: the movement of tables. Does not belong here: their DDL (warehouse/migrations), what they hold
(resolution.py, registry.py).
"""

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from dagster_project.errors import WarehouseError
from dagster_project.identity import changes, registry
from dagster_project.identity.changes import Changes
from dagster_project.identity.decisions import DECISIONS, Key
from dagster_project.identity.incremental import Delta, Outcome, Rest
from dagster_project.identity.model import TERM_FREQUENCIES, Model
from dagster_project.identity.registry import Previous
from dagster_project.identity.resolution import Resolution
from dagster_project.identity.standardise import IDENTIFIER_COLUMNS, RECORD_COLUMNS
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse.schema import IDENTITY, INTERMEDIATE

# What stewards say of links that stood before they were asked; a revoked decision says nothing.
_REVIEWED = f"""
update {IDENTITY}.runs set (reviewed_pairs, reviewed_precision) = (
    select count(*), avg((d.verdict = 'same')::int)
    from {IDENTITY}.reviewed_pairs p join {IDENTITY}.decisions d using (decision_id)
    where p.were_linked and d.revoked_at is null)
where run_id = $1
"""
# One refresh at a time writes identity; the number is arbitrary and ours.
_LOCK = 360_001


@dataclass(frozen=True)
class RunSummary:
    """A row of identity.runs; what stewards reviewed is added as it is written.

    report: dropped blocking values and placeholders, as counts.
    """

    run_id: str
    started_at: dt.datetime
    finished_at: dt.datetime
    model_version: str
    records: int
    candidate_pairs: int
    edges: int
    customers: int
    largest_cluster: int
    created: int
    merged: int
    split: int
    retired: int
    is_skipped: bool
    fingerprint: str
    report: Mapping[str, Any]
    churned: int = 0
    estimated_precision: float | None = None
    estimated_recall: float | None = None
    weight_drift: float | None = None
    new_sources: int = 0


@contextlib.contextmanager
def reading(warehouse: Warehouse) -> Iterator["Reader"]:
    """The cards as they are at one moment, however often they are asked for."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(warehouse.arrow())
        connections = (first, *(stack.enter_context(first.adbc_clone()) for _ in range(2)))
        cursors = [stack.enter_context(connection.cursor()) for connection in connections]
        for cursor in cursors:
            cursor.execute("set transaction isolation level repeatable read")
            # Single cards are found by their keys.
            cursor.execute("set local random_page_cost = 1.1")
        cursors[0].execute("select pg_export_snapshot()")
        snapshot = cursors[0].fetchall()[0][0]
        for cursor in cursors[1:]:
            cursor.execute(f"set transaction snapshot '{snapshot}'")
        yield Reader(*cursors)


class Reader:
    """intermediate.customer_records (live ones) and their identifiers, in sessions that see one snapshot.

    The two are read at once, for the server has a core for each; the third session reads what is asked meanwhile.
    card_hash stands for a card's key, digest for all that a row says. Raises WarehouseError where they are missing.
    """

    def __init__(self, records: adbc.Cursor, identifiers: adbc.Cursor, meanwhile: adbc.Cursor) -> None:
        self._meanwhile = meanwhile
        self._sources = (
            (records, RECORD_COLUMNS, f"{INTERMEDIATE}.customer_records where deleted_at is null"),
            (identifiers, IDENTIFIER_COLUMNS, f"{INTERMEDIATE}.customer_record_identifiers where true"),
        )

    def changes(self) -> Changes:
        """The cards that PostgreSQL saw change since a run last took its log away."""
        return changes.read(self._meanwhile)

    def decisions(self) -> pa.Table:
        """The stewards' decisions (DECISIONS)."""
        return _read(self._meanwhile, _DECISIONS).cast(DECISIONS)

    def digests(self) -> tuple[pa.Table, pa.Table]:
        """(card_hash, digest) of every card, and of every identifier."""

        def read(cursor: adbc.Cursor, columns: Sequence[str], table: str) -> pa.Table:
            # One value a source (PostgreSQL has room for 64 million rows in it): rows take longer to move than to digest.
            pair = f"int8send({_HASH}) || int8send({_digest(columns)})"
            packed = _read(cursor, f"select string_agg({pair}, '') from {table} group by source_system")
            pairs = np.frombuffer(b"".join(packed.column(0).to_pylist()), ">i8").astype("i8").reshape(-1, 2)
            return pa.table({"card_hash": pairs[:, 0], "digest": pairs[:, 1]})

        return self._both(read)

    def cards(self, wanted: pa.Table | None = None, with_digests: bool = False) -> tuple[pa.Table, pa.Table]:
        """Records and identifiers, with card_hash and, if asked for, digest: of every card, or of the `wanted`.

        wanted: cards by card_hash, or by source_system and source_record_id.
        """

        def read(cursor: adbc.Cursor, columns: Sequence[str], table: str) -> pa.Table:
            chosen = ""
            if wanted is not None:
                _stage(cursor, "wanted", wanted)
                cursor.execute("analyze wanted")
                key = _HASH if wanted.column_names == ["card_hash"] else "(source_system, source_record_id)"
                chosen = f" and {key} in (select {', '.join(wanted.column_names)} from wanted)"
            told = ", ".join(
                [f"{_HASH} as card_hash", *[f"{_digest(columns)} as digest"] * with_digests, *columns]
            )
            return _read(cursor, f"select {told} from {table}{chosen}")

        return self._both(read)

    def _both(self, read: Callable[[adbc.Cursor, Sequence[str], str], pa.Table]) -> tuple[pa.Table, pa.Table]:
        with ThreadPoolExecutor(len(self._sources)) as pool:
            records, identifiers = pool.map(lambda source: read(*source), self._sources)
        return records, identifiers


def _read(cursor: adbc.Cursor, query: str) -> pa.Table:
    try:
        cursor.execute(query)
        return cursor.fetch_arrow_table()
    except adbc.ProgrammingError as error:
        raise _unreadable() from error


_HASH = "hashtextextended(coalesce(source_record_id, ''), hashtextextended(coalesce(source_system, ''), 0))"


def _digest(columns: Sequence[str]) -> str:
    return f"hash_record_extended(row({', '.join(columns)}), 0)"


def _unreadable() -> WarehouseError:
    return WarehouseError(
        f"{INTERMEDIATE}.customer_records or customer_record_identifiers cannot be read as the contract has them.",
        "Build them first: `c360 dbt build --select staging intermediate`.",
    )


def read_cards(warehouse: Warehouse, only: Sequence[Key] | None = None) -> tuple[pa.Table, pa.Table]:
    """intermediate.customer_records (live ones; of keys `only` if given) and their identifiers.

    Raises WarehouseError where they are missing.
    """
    chosen = "" if only is None else f" and (source_system, source_record_id) in ({quoted(only)})"
    try:
        records = warehouse.read(
            f"select {', '.join(RECORD_COLUMNS)} from {INTERMEDIATE}.customer_records where deleted_at is null{chosen}"
        )
        identifiers = warehouse.read(
            f"select {', '.join(IDENTIFIER_COLUMNS)} from {INTERMEDIATE}.customer_record_identifiers where true{chosen}"
        )
    except adbc.ProgrammingError as error:
        raise _unreadable() from error
    return records, identifiers


def quoted(keys: Sequence[Key]) -> str:
    """Keys as the inside of SQL's `in (…)`."""
    return ", ".join(
        "({}, {})".format(*("'" + part.replace("'", "''") + "'" for part in key)) for key in keys
    )


_DECISIONS = f"select {', '.join(DECISIONS.names)} from {IDENTITY}.decisions"


def read_decisions(warehouse: Warehouse) -> pa.Table:
    return warehouse.read(_DECISIONS).cast(DECISIONS)


def read_previous(warehouse: Warehouse) -> Previous:
    return Previous(
        *(
            warehouse.read(f"select {', '.join(schema.names)} from {IDENTITY}.{table}").cast(schema)
            for table, schema in (
                ("record_customers", registry.RECORD_CUSTOMERS),
                ("customers", registry.CUSTOMERS),
                ("departed_records", registry.DEPARTED),
            )
        )
    )


def is_trained(warehouse: Warehouse) -> bool:
    """Is there a current model?"""
    with warehouse.begin() as connection:
        return bool(
            connection.scalar(sa.text(f"select exists (select from {IDENTITY}.models where is_current)"))
        )


def read_model(warehouse: Warehouse) -> Model | None:
    """The current model, or None where none was trained yet."""
    with warehouse.begin() as connection:
        row = connection.execute(
            sa.text(
                f"select model_version, trained_at, settings, training from {IDENTITY}.models where is_current"
            )
        ).one_or_none()
    if row is None:
        return None
    frequencies = warehouse.read(
        f"select column_name, value, frequency from {IDENTITY}.model_term_frequencies"
        f" where model_version = '{row.model_version}'"
    )
    return Model(
        row.model_version, row.trained_at, row.settings, row.training, frequencies.cast(TERM_FREQUENCIES)
    )


def write_model(warehouse: Warehouse, model: Model, is_current: bool = True) -> None:
    """Stores `model`, and makes it the current one if `is_current`; the same version again changes nothing but that."""
    frequencies = model.term_frequencies.append_column(
        "model_version", pa.array([model.version] * model.term_frequencies.num_rows, pa.string())
    )
    with warehouse.arrow() as connection:
        with connection.cursor() as cursor:
            if is_current:
                cursor.execute(f"update {IDENTITY}.models set is_current = false where is_current")
            cursor.execute(
                f"insert into {IDENTITY}.models values ($1, $2::timestamptz, $3::jsonb, $4::jsonb, $5)"
                " on conflict (model_version) do update set is_current = models.is_current or excluded.is_current",
                (
                    model.version,
                    model.trained_at.isoformat(),
                    json.dumps(model.settings),
                    json.dumps(model.training),
                    is_current,
                ),
            )
            _stage(cursor, "new_frequencies", frequencies)
            cursor.execute(
                f"insert into {IDENTITY}.model_term_frequencies (model_version, column_name, value, frequency)"
                " select model_version, column_name, value, frequency from new_frequencies on conflict do nothing"
            )
        connection.commit()


def update_training(warehouse: Warehouse, version: str, changes: Mapping[str, Any]) -> None:
    """Puts `changes` into what model `version` notes of its training."""
    with warehouse.begin() as connection:
        connection.execute(
            sa.text(
                f"update {IDENTITY}.models set training = training || cast(:changes as jsonb) "
                "where model_version = :version"
            ),
            {"changes": json.dumps(dict(changes)), "version": version},
        )


def sources_of_records(warehouse: Warehouse) -> set[str]:
    """The sources that intermediate.customer_records has records of."""
    return _sources(warehouse, f"{INTERMEDIATE}.customer_records")


def linked_sources(warehouse: Warehouse) -> set[str]:
    """The sources whose records the last run linked."""
    return _sources(warehouse, f"{IDENTITY}.record_customers")


def _sources(warehouse: Warehouse, table: str) -> set[str]:
    # From one source to the next by the index, where `distinct` would read every row.
    query = f"""
        with recursive found as (
            select min(source_system) as source from {table}
            union all
            select (select min(source_system) from {table} where source_system > found.source)
            from found where found.source is not null)
        select source from found where source is not null
    """
    with warehouse.begin() as connection:
        return set(connection.scalars(sa.text(query)))


def share_of_records(warehouse: Warehouse, sources: Iterable[str]) -> tuple[int, int]:
    """How many live records are of `sources`, and how many there are in all."""
    with warehouse.begin() as connection:
        row = connection.execute(
            sa.text(
                "select count(*) filter (where source_system = any(:sources)), count(*) "
                f"from {INTERMEDIATE}.customer_records where deleted_at is null"
            ),
            {"sources": sorted(sources)},
        ).one()
    return row[0], row[1]


def was_trained_on(warehouse: Warehouse, sources: Iterable[str]) -> bool:
    """Whether any model, promoted or not, was trained on records of all of `sources`."""
    with warehouse.begin() as connection:
        return bool(
            connection.scalar(
                sa.text(
                    f"select exists (select from {IDENTITY}.models "
                    "where training -> 'sources' @> cast(:sources as jsonb))"
                ),
                {"sources": json.dumps(sorted(sources))},
            )
        )


def last_run(warehouse: Warehouse) -> RunSummary | None:
    """The last run that finished, a skipped one included."""
    names = ", ".join(RunSummary.__dataclass_fields__)
    with warehouse.begin() as connection:
        row = connection.execute(
            sa.text(f"select {names} from {IDENTITY}.runs order by started_at desc, finished_at desc limit 1")
        ).one_or_none()
    return None if row is None else RunSummary(**row._mapping)


@contextlib.contextmanager
def writing(warehouse: Warehouse, run_id: str, at: dt.datetime) -> Iterator["Writer"]:
    """One transaction for all of a run; a kill or an error before its end leaves the last state whole."""
    with warehouse.arrow() as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"select pg_advisory_xact_lock({_LOCK})")
            # Of a table's rows few change: they are found by their keys. Pages are in memory or on an SSD.
            cursor.execute("set local random_page_cost = 1.1")
            yield Writer(cursor, run_id, at)
        connection.commit()


class Writer:
    """Identity's tables, within the transaction of `writing`. Rows that did not change are not touched."""

    def __init__(self, cursor: adbc.Cursor, run_id: str, at: dt.datetime) -> None:
        self._cursor, self._run_id, self._at = cursor, run_id, at

    def tables(self, result: Resolution | Outcome | Rest) -> None:
        """Whatever `result` says of identity's tables."""
        if not isinstance(result, Rest):
            self._cursor.execute(_MEET_DECISIONS, (self._run_id,))
        for table, (field, keys) in _TABLES.items():
            if field in result.__dataclass_fields__:
                for statement in _statements(self._cursor, table, getattr(result, field), keys):
                    self._cursor.execute(statement)
        if not isinstance(result, Rest):
            _append(self._cursor, "customer_id_events", _dated(result.events, self._run_id, self._at))

    def met(self, seen: Changes, mark: str | None = None) -> None:
        """What the run read in the log of changes is dealt with; mark: what the run's state is known by."""
        changes.take_away(self._cursor, seen, mark)

    def summary(self, summary: RunSummary, weights: Sequence[int] | None = None) -> None:
        """The row of identity.runs; weights: where this run's links lie, which the model keeps if it is its first."""
        if weights is not None:
            # The first run of a model is what its later runs are compared with.
            self._cursor.execute(
                f"update {IDENTITY}.models set training = training || $1::jsonb"
                " where model_version = $2 and not training ? 'weights'",
                (json.dumps({"weights": weights}), summary.model_version),
            )
        _write_summary(self._cursor, summary)


# A decision meets the links that stood when it was taken: before a run changes them.
_MEET_DECISIONS = (
    f"insert into {IDENTITY}.reviewed_pairs (decision_id, were_linked, run_id)"
    f" select d.decision_id, l.customer_id = r.customer_id, $1 from {IDENTITY}.decisions d"
    + "".join(
        f" left join {IDENTITY}.record_customers {side} on {side}.source_system = d.source_system_{side}"
        f" and {side}.source_record_id = d.source_record_id_{side}"
        for side in "lr"
    )
    + " where d.revoked_at is null on conflict do nothing"
)


def _statements(
    cursor: adbc.Cursor, table: str, rows: pa.Table | Delta, keys: tuple[str, ...]
) -> Iterable[str]:
    if isinstance(rows, Delta):
        yield from _followed(cursor, table, rows, keys)
    elif rows.num_rows >= FILLED_AT_ONCE and _is_empty(cursor, table) and _is_mine_alone(cursor, table):
        yield from _filled(cursor, table, rows)
    else:
        _stage(cursor, f"new_{table}", rows)
        yield from _replaced(table, rows.column_names, keys)


_KEY = ("source_system", "source_record_id")
_PAIR_KEY = tuple(f"{name}_{side}" for side in "lr" for name in _KEY)
# Table → the result's field, and its key.
_TABLES = {
    "record_customers": ("record_customers", _KEY),
    "record_identifiers": ("record_identifiers", (*_KEY, "kind", "value")),
    "departed_records": ("departed", _KEY),
    "customers": ("customers", ("customer_id",)),
    "households": ("households", ("customer_id",)),
    "edges": ("edges", _PAIR_KEY),
    "review_queue": ("review_queue", _PAIR_KEY),
    "placeholder_dates": ("placeholder_dates", ("birth_date",)),
}


def _is_empty(cursor: adbc.Cursor, table: str) -> bool:
    cursor.execute(f"select not exists (select 1 from {IDENTITY}.{table})")
    return bool(cursor.fetchall()[0][0])


# Fewer rows than these are not worth the locks of a table filled at once.
FILLED_AT_ONCE = 1_000


def _is_mine_alone(cursor: adbc.Cursor, table: str) -> bool:
    """Locks the table if nobody uses it at this moment: who reads it meanwhile must not be waited for."""
    cursor.execute(f"select ops.lock_at_once('{IDENTITY}.{table}')")
    return bool(cursor.fetchall()[0][0])


def _filled(cursor: adbc.Cursor, table: str, rows: pa.Table) -> Iterable[str]:
    """SQL around the filling of an empty identity.<table>: an index is made faster of all rows than by each.

    Truncated in this transaction, the table needs no WAL where the server keeps none for others (wal_level minimal).
    """
    cursor.execute(_INDEXES.format(table=f"{IDENTITY}.{table}"))
    indexes = cursor.fetchall()
    yield from (drop for drop, _ in indexes)
    yield f"truncate {IDENTITY}.{table}"
    _append(cursor, table, rows)
    yield from (create for _, create in indexes)
    # The next run may come before PostgreSQL has looked at what lies here now.
    yield f"analyze {IDENTITY}.{table}"


# Statements that drop each index of a table, and those that make it again.
_INDEXES = """
select case when c.oid is null then 'drop index ' || i.indexrelid::regclass
        else 'alter table ' || i.indrelid::regclass || ' drop constraint ' || quote_ident(c.conname) end,
    case when c.oid is null then pg_get_indexdef(i.indexrelid)
        else 'alter table ' || i.indrelid::regclass || ' add constraint ' || quote_ident(c.conname) || ' '
            || pg_get_constraintdef(c.oid) end
from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.conrelid = i.indrelid
where i.indrelid = '{table}'::regclass
"""


def _dated(events: pa.Table, run_id: str, at: dt.datetime) -> pa.Table:
    """Events with their run, in the order in which they get their numbers."""
    run = pa.array([run_id] * events.num_rows, pa.string())
    when = pa.array([at] * events.num_rows, pa.timestamp("us", "UTC"))
    ordered = events.sort_by([("kind", "ascending"), ("customer_id", "ascending")])
    return ordered.append_column("run_id", run).append_column("at", when)


def _append(cursor: adbc.Cursor, table: str, rows: pa.Table) -> None:
    """Adds all rows to identity.<table>: there is nothing to compare them with."""
    cursor.adbc_ingest(table, rows, mode="append", db_schema_name=IDENTITY)


def _followed(cursor: adbc.Cursor, table: str, delta: Delta, keys: tuple[str, ...]) -> Iterable[str]:
    """SQL that takes out of identity.<table> what is gone, and brings in the new rows.

    Gone are rows by their key, or all rows of a card (a part of the key) but those among the new ones.
    """
    if not delta.rows.num_rows and not delta.gone.num_rows:
        return
    _stage(cursor, f"new_{table}", delta.rows)
    yield f"analyze new_{table}"
    if delta.gone.num_rows:
        _stage(cursor, f"gone_{table}", delta.gone)
        yield f"analyze gone_{table}"
        matched = _match(delta.gone.column_names, "t", "g")
        if len(delta.gone.column_names) < len(keys):
            matched += f" and not exists (select 1 from new_{table} n where {_match(keys, 't', 'n')})"
        yield f"delete from {IDENTITY}.{table} t using gone_{table} g where {matched}"
    yield _merged(table, delta.rows.column_names, keys)


def _replaced(table: str, columns: list[str], keys: tuple[str, ...]) -> Iterable[str]:
    """SQL that brings identity.<table> to the rows of new_<table>, touching those that differ."""
    yield f"analyze new_{table}"
    yield (
        f"delete from {IDENTITY}.{table} t"
        f" where not exists (select 1 from new_{table} n where {_match(keys, 't', 'n')})"
    )
    yield _merged(table, columns, keys)


def _merged(table: str, columns: Sequence[str], keys: tuple[str, ...]) -> str:
    values = [column for column in columns if column not in keys and column != "run_id"]
    differs = (
        f"({', '.join(f't.{c}' for c in values)}) is distinct from ({', '.join(f'n.{c}' for c in values)})"
    )
    written = ", ".join(f"{c} = n.{c}" for c in columns if c not in keys)
    return (
        f"merge into {IDENTITY}.{table} t using new_{table} n on {_match(keys, 't', 'n')}"
        + (f" when matched and {differs} then update set {written}" if values else "")
        + f" when not matched then insert ({', '.join(columns)}) values ({', '.join(f'n.{c}' for c in columns)})"
    )


def _match(keys: Sequence[str], one: str, other: str) -> str:
    return " and ".join(f"{one}.{key} = {other}.{key}" for key in keys)


def _stage(cursor: adbc.Cursor, name: str, table: pa.Table) -> None:
    cursor.execute(f"drop table if exists {name}")
    cursor.adbc_ingest(name, table, mode="create", temporary=True)


def _write_summary(cursor: adbc.Cursor, summary: RunSummary) -> None:
    row = {name: getattr(summary, name) for name in RunSummary.__dataclass_fields__}
    row |= {name: row[name].isoformat() for name in ("started_at", "finished_at")}
    row["report"] = json.dumps(row["report"])
    casts = {"started_at": "::timestamptz", "finished_at": "::timestamptz", "report": "::jsonb"}
    places = ", ".join(f"${i}{casts.get(name, '')}" for i, name in enumerate(row, 1))
    cursor.execute(
        f"insert into {IDENTITY}.runs ({', '.join(row)}) values ({places}) on conflict (run_id) do update set"
        f" {', '.join(f'{name} = excluded.{name}' for name in row if name != 'run_id')}",
        tuple(row.values()),
    )
    cursor.execute(_REVIEWED, (summary.run_id,))
