"""The daily step: identity brought up to date with the warehouse's cards.

Belongs here: reading, skipping, resolving and writing as one run. Does not belong here: how cards are resolved
(resolution.py) and stored (store.py).
"""

import contextlib
import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import duckdb
import pyarrow as pa

from dagster_project.identity import changes, standardise, store
from dagster_project.identity.calibration import calibrate
from dagster_project.identity.changes import Changes
from dagster_project.identity.company import UNNAMED, Company
from dagster_project.identity.engine import beside, connect, dictionaries, in_small_groups
from dagster_project.identity.estimate import drift
from dagster_project.identity.incremental import (
    MAX_SHARE,
    Change,
    Outcome,
    Rest,
    TooMuchChanged,
    follow,
    look_back,
    resolve_changes,
    rest_of,
)
from dagster_project.identity.incremental.session import count
from dagster_project.identity.model import Model, check, train_model
from dagster_project.identity.resolution import (
    RULES_VERSION,
    Progress,
    Resolution,
    prepare_loaded,
    resolve_prepared,
)
from dagster_project.identity.state import State
from dagster_project.identity.store import RunSummary
from dagster_project.identity.training import provenance
from dagster_project.warehouse import Warehouse


def refresh(
    warehouse: Warehouse,
    run_id: str,
    *,
    company: Company = UNNAMED,
    progress: Progress | None = None,
    state_folder: Path | None = None,
) -> RunSummary:
    """Resolves intermediate.customer_records and writes schema identity, all or nothing.

    Trains a model if there is none. Where neither cards nor decisions nor model changed since the last run it
    skips and says so. With a `state_folder`, where it keeps what it knows, its work follows what changed; the result
    is the same without. Raises WarehouseError where the cards are missing, IdentityError where the model in use is
    of other code.
    """
    say = progress or (lambda _: None)
    started_at = dt.datetime.now(dt.UTC)
    is_followed = changes.follow(warehouse)
    with (
        store.reading(warehouse) as reader,
        ThreadPoolExecutor(2) as pool,
        contextlib.ExitStack() as sessions,
    ):
        opening = pool.submit(connect)
        seen = reader.changes()
        is_told = is_followed and seen.keys is not None
        # Read while the session is made; a first run reads them with the cards.
        digests = pool.submit(reader.digests) if not is_told and store.is_trained(warehouse) else None
        model = store.read_model(warehouse)
        if model is not None:
            check(model)
        decisions = reader.decisions()
        con = sessions.enter_context(_let_go(opening.result()))
        state = None if model is None else _state(state_folder, model, company)
        is_known = state is not None and seen.mark is not None and state.attach(con, seen.mark)
        keys: pa.Table | None = None
        told: _Told | None = None
        fingerprint: str | None = None
        if model is None:
            say("no model yet: training one")
            keys = _prepare(con, reader, decisions, company)
            model = _train(warehouse, con, started_at, keys.num_rows)
            state = _state(state_folder, model, company)
        elif state is not None and is_known and is_told:
            is_known = False
            with _whatever_befalls(state, say):
                told = _read_told(con, reader, seen)
                if told is not None:
                    fingerprint = _fingerprint(con, decisions, model, company)
                is_known = True
            if not is_known:
                con, told, fingerprint = _another(sessions, con), None, None
        if keys is None and fingerprint is None:
            _digest(con, *(digests.result() if digests else reader.digests()))
        fingerprint = fingerprint or _fingerprint(con, decisions, model, company)
        last = store.last_run(warehouse)
        if last is not None and last.fingerprint == fingerprint:
            say("nothing changed since the last run: skipped")
            summary = _skipped(last, run_id, started_at)
            with store.writing(warehouse, run_id, started_at) as writer:
                writer.met(seen)
                writer.summary(summary)
            return summary
        linked = store.linked_sources(warehouse)
        new_sources = len(store.sources_of_records(warehouse) - linked) if linked else 0
        run = _Run(warehouse, run_id, started_at, model, fingerprint, state, seen, say, new_sources)
        found: RunSummary | None = None
        if is_known and state is not None:
            with _whatever_befalls(state, say):
                sessions.enter_context(in_small_groups(con))
                told = told or _read_differing(con, reader)
                outcome = None
                if told is not None:
                    outcome = _follow(con, reader, told, model, decisions, run_id, started_at, company, say)
                found = None if outcome is None else _write(run, con, outcome)
            if found is None:
                con, told = _another(sessions, con), None
        if found is None:
            if keys is None:
                keys = _prepare(con, reader, decisions, company)
            resolution = resolve_prepared(
                con, model, store.read_previous(warehouse), run_id=run_id, at=started_at, progress=progress
            )
            found = _write(run, con, resolution, keys)
    say("written")
    return found


def _another(sessions: contextlib.ExitStack, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A session in place of `con`: what was begun there must not be met again."""
    con.close()
    return sessions.enter_context(_let_go(connect()))


@contextlib.contextmanager
def _let_go(con: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Closes `con` in the end: the state's file is free at once, a gigabyte of memory beside whatever comes next."""
    try:
        yield con
    finally:
        try:
            con.execute("detach database if exists state")
        except duckdb.Error:
            con.close()
        else:
            Thread(target=con.close).start()


@dataclass(frozen=True)
class _Run:
    """What a result is written with, whichever way it was found."""

    warehouse: Warehouse
    run_id: str
    started_at: dt.datetime
    model: Model
    fingerprint: str
    state: State | None
    seen: Changes
    say: Progress
    new_sources: int


def _write(
    run: _Run, con: duckdb.DuckDBPyConnection, result: Resolution | Outcome, keys: pa.Table | None = None
) -> RunSummary:
    """Into PostgreSQL and the state; keys: those of all cards, of a Resolution.

    While PostgreSQL writes what an Outcome says, the state follows; the rest is found in it while it goes to the disk.
    """
    state, mark = run.state, uuid.uuid4().hex
    with beside(con) as own, ThreadPoolExecutor(2) as pool:
        resting: Future[Rest] | None = None
        kept: Future[None] | None = None
        if state is not None and isinstance(result, Outcome):
            looked, followed = Future[None](), Future[None]()
            resting = pool.submit(_rest, con, looked, followed)
            kept = pool.submit(_follow_state, state, own, looked, followed)
        elif state is not None and keys is not None:
            kept = pool.submit(_make, state, con, mark, keys)
        with store.writing(run.warehouse, run.run_id, run.started_at) as writer:
            writer.tables(result)
            rest = result if resting is None else resting.result()
            assert not isinstance(rest, Outcome), "what is incremental has a state to follow"
            if isinstance(rest, Rest):
                writer.tables(rest)
            summary = RunSummary(
                run_id=run.run_id,
                started_at=run.started_at,
                finished_at=dt.datetime.now(dt.UTC),
                model_version=run.model.version,
                is_skipped=False,
                fingerprint=run.fingerprint,
                report=_report(rest),
                estimated_precision=rest.estimate.precision,
                estimated_recall=rest.estimate.recall,
                weight_drift=drift(run.model.training.get("weights", rest.weights), rest.weights),
                new_sources=run.new_sources,
                **rest.counts,
            )
            writer.met(run.seen, mark)
            writer.summary(summary, rest.weights)
        if state is not None and kept is not None:
            with _whatever_befalls(state, run.say):
                kept.result()
                if resting is not None:
                    state.apply(con, mark, follow.of_rest())
                state.publish()
    return summary


def _rest(con: duckdb.DuckDBPyConnection, looked: Future[None], followed: Future[None]) -> Rest:
    with _announcing(looked):
        look_back(con)
    followed.result()
    return rest_of(con)


def _follow_state(
    state: State, own: duckdb.DuckDBPyConnection, looked: Future[None], followed: Future[None]
) -> None:
    """The state says what the outcome does, once nobody asks any more what it said before; and goes to the disk."""
    with _announcing(followed):
        state.advance(own, (*follow.of_outcome(), *_DIGESTS_FOLLOW))
        looked.result()
        state.settle(own)
    state.write(own)


@contextlib.contextmanager
def _announcing(done: Future[None]) -> Iterator[None]:
    """Whoever waits for `done` learns that it is, or why it is not."""
    try:
        yield
    except BaseException as error:
        done.set_exception(error)
        raise
    done.set_result(None)


def _make(state: State, con: duckdb.DuckDBPyConnection, mark: str, keys: pa.Table) -> None:
    """A state of all that a full run found."""
    _number(con, keys)
    state.make(con, mark, "numbered_digests")


def _prepare(
    con: duckdb.DuckDBPyConnection, reader: store.Reader, decisions: pa.Table, company: Company
) -> pa.Table:
    """All cards into `con`, and `digests`; returns the cards' keys with card_hash."""
    records, identifiers = reader.cards(with_digests=True)
    standardise.load(con, records, identifiers)
    _digest(con, records, identifiers)
    keys = records.select(["source_system", "source_record_id", "card_hash"])
    # The session has its own copy: two would be in memory through all that follows.
    del records, identifiers
    prepare_loaded(con, decisions, company)
    return keys


# A commit that finds no room is a TransactionException.
_HARM = (
    *(duckdb.IOException, duckdb.FatalException, duckdb.SerializationException, duckdb.TransactionException),
    OSError,
)


@contextlib.contextmanager
def _whatever_befalls(state: State, say: Progress) -> Iterator[None]:
    """A full disk or a damaged file costs the state, never the run: the next one is full."""
    try:
        yield
    except _HARM as error:
        say(f"the state file is of no use ({type(error).__name__}): all is resolved anew")
        state.discard()


def _state(folder: Path | None, model: Model, company: Company) -> State | None:
    if folder is None:
        return None
    basis = {"rules": RULES_VERSION, "model": model.version, "company": repr(company)}
    return State(folder / "state.duckdb", basis)


@dataclass(frozen=True)
class _Told:
    """Cards that may say something else than the state knows: their records and identifiers, those that are left.

    `numbered_digests` has their digests, `left_digests` (rid) whose digests in the state hold no longer.
    """

    records: pa.Table
    identifiers: pa.Table


def _read_told(con: duckdb.DuckDBPyConnection, reader: store.Reader, seen: Changes) -> _Told | None:
    """Of the cards that the log of changes names, those that differ; makes `digests` of all cards, for the attached
    state has the others'. None: it names so many that comparing all is the shorter way."""
    con.register("named", seen.keys)
    con.execute(
        "create table wanted as select distinct source_system, source_record_id from named;"
        " create table left_digests as select card_key(source_system, source_record_id) as rid from wanted"
    )
    con.unregister("named")
    if count(con, "wanted") > 100 + MAX_SHARE * count(con, "state.digests"):
        return None
    records, identifiers = reader.cards(con.sql("from wanted").to_arrow_table(), with_digests=True)
    _digest(con, records, identifiers)
    _number(con, records)
    con.execute(
        """
        create table as_they_were as
        select n.rid from state.digests t join numbered_digests n on n.rid = t.rid and n.digest = t.digest
        -- A card that is there twice is not as it was.
        where n.rid in (select rid from numbered_digests group by rid having count(*) = 1);
        delete from left_digests where rid in (select rid from as_they_were);
        delete from numbered_digests where rid in (select rid from as_they_were);
        drop table digests;
        create view digests as
        select card_hash, digest from state.digests where rid not in (select rid from left_digests)
        union all select card_hash, digest from numbered_digests
        """
    )
    return _Told(*(_of_numbered(con, table) for table in (records, identifiers)))


def _of_numbered(con: duckdb.DuckDBPyConnection, cards: pa.Table) -> pa.Table:
    """The rows of `cards` whose card is in `numbered_digests`."""
    con.register("incoming", cards)
    found = con.sql(
        "from incoming where card_hash in (select card_hash from numbered_digests)"
    ).to_arrow_table()
    con.unregister("incoming")
    return found


def _read_differing(con: duckdb.DuckDBPyConnection, reader: store.Reader) -> _Told | None:
    """The cards whose `digests` are not the attached state's; None: too many, or a card is there twice."""
    con.execute(
        """
        create or replace table unmatched as
        select n.card_hash as now_hash, t.card_hash as then_hash
        from digests n full join state.digests t on n.card_hash = t.card_hash and n.digest = t.digest
        where n.card_hash is null or t.card_hash is null;
        create or replace table changed_hashes as
        select distinct coalesce(now_hash, then_hash) as card_hash from unmatched;
        create or replace table left_digests as
        select rid from state.digests where card_hash in (select card_hash from changed_hashes);
        """
    )
    changed = con.sql("from changed_hashes").to_arrow_table()
    known, read = (count(con, table) for table in ("state.digests", "digests"))
    new, missing = con.execute("select count(now_hash), count(then_hash) from unmatched").fetchall()[0]
    # A card that is there twice is matched by the one that was known: a full run says what is wrong.
    if known - missing != read - new or changed.num_rows > 100 + MAX_SHARE * known:
        return None
    records, identifiers = reader.cards(changed)
    _number(con, records)
    return _Told(records, identifiers)


def _follow(
    con: duckdb.DuckDBPyConnection,
    reader: store.Reader,
    told: _Told,
    model: Model,
    decisions: pa.Table,
    run_id: str,
    at: dt.datetime,
    company: Company,
    say: Progress,
) -> Outcome | None:
    """What follows from what changed since the attached state; None: so much that all is to be done again."""
    gone = con.sql(
        "select rid from left_digests where rid not in (select rid from numbered_digests)"
        " and rid in (select rid from state.digests)"
    ).to_arrow_table()
    say(f"{told.records.num_rows + gone.num_rows} cards changed since the last run")

    def fetch(rids: pa.Table) -> tuple[pa.Table, pa.Table]:
        con.register("asked", rids)
        keys = con.sql(
            "select source_system, source_record_id from state.cards where rid in (select rid from asked)"
        ).to_arrow_table()
        con.unregister("asked")
        return reader.cards(keys)

    try:
        return resolve_changes(
            con,
            Change(told.records, told.identifiers, gone, fetch),
            model,
            decisions,
            run_id=run_id,
            at=at,
            company=company,
            progress=say,
        )
    except TooMuchChanged:
        say("they touch too many others: everything is resolved anew")
        return None


def _digest(con: duckdb.DuckDBPyConnection, cards: pa.Table, identifiers: pa.Table) -> None:
    """From tables with card_hash and digest to `digests` (of both): one figure for all that a card says."""
    con.register("card_digests", cards)
    con.register("identifier_digests", identifiers)
    con.execute(
        """
        create or replace table digests as
        with further as (
            select card_hash, sum(digest) as digest from identifier_digests group by card_hash
        )
        select card_hash, hash(c.digest, f.digest) as digest from card_digests c left join further f using (card_hash)
        """
    )
    con.unregister("card_digests")
    con.unregister("identifier_digests")


def _number(con: duckdb.DuckDBPyConnection, keys: pa.Table) -> None:
    """Makes `numbered_digests` (card_hash, digest, rid) of the cards in `keys`."""
    con.register("incoming", keys)
    con.execute(
        """
        create or replace table numbered_digests as
        select d.card_hash, d.digest, card_key(i.source_system, i.source_record_id) as rid
        from incoming i join digests d using (card_hash)
        """
    )
    con.unregister("incoming")


_DIGESTS_FOLLOW = (
    "delete from state.digests where rid in (select rid from left_digests)",
    "insert into state.digests by name from numbered_digests",
)


def _train(warehouse: Warehouse, con: duckdb.DuckDBPyConnection, at: dt.datetime, cards: int) -> Model:
    model = calibrate(con, train_model(con, at))
    model.training.update(provenance(cards, sorted(store.sources_of_records(warehouse))))
    store.write_model(warehouse, model)
    return model


def _fingerprint(con: duckdb.DuckDBPyConnection, decisions: pa.Table, model: Model, company: Company) -> str:
    """One text for all that a result depends on, whatever the order of rows."""
    digest = hashlib.sha256(f"{RULES_VERSION}|{model.version}|{company}|{dictionaries()}".encode())
    con.register("incoming", decisions)
    for table in ("digests", "incoming"):
        row = con.execute(f"select count(*), sum(hash(t)), bit_xor(hash(t)) from {table} t").fetchall()[0]
        digest.update(str(row).encode())
    con.unregister("incoming")
    return digest.hexdigest()


def _skipped(last: RunSummary, run_id: str, started_at: dt.datetime) -> RunSummary:
    return RunSummary(
        run_id=run_id,
        started_at=started_at,
        finished_at=dt.datetime.now(dt.UTC),
        model_version=last.model_version,
        records=last.records,
        candidate_pairs=0,
        edges=last.edges,
        customers=last.customers,
        largest_cluster=last.largest_cluster,
        created=0,
        merged=0,
        split=0,
        retired=0,
        is_skipped=True,
        fingerprint=last.fingerprint,
        report={},
        estimated_precision=last.estimated_precision,
        estimated_recall=last.estimated_recall,
        weight_drift=last.weight_drift,
    )


def _report(result: Resolution | Rest) -> dict[str, object]:
    """Counts only: the values themselves are personal data."""
    placeholders: dict[str, int] = {}
    for row in result.placeholders.select(["kind", "reason"]).to_pylist():
        name = f"{row['kind']}:{row['reason']}"
        placeholders[name] = placeholders.get(name, 0) + 1
    return {
        "placeholders": placeholders,
        "dropped_blocks": {r["rule"]: r["dropped_values"] for r in result.blocking_report.to_pylist()},
        "left_out_of_households": dict(
            zip(
                *(result.household_report.column(name).to_pylist() for name in ("what", "count")),
                strict=True,
            )
        ),
        "review_queue": result.reviews,
    }
