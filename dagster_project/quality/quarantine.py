"""The quarantine: rows that break a row rule, moved out with their reasons, and back once they are fixed.

Belongs here: the tables of schema quarantine and every move. Does not belong here: which rows break a
rule (expect.py). A move is one transaction: table rows plus quarantined rows are never more or fewer.

A quarantined row is superseded when its key arrives again: the row in the table is the newer one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dagster_project.errors import WarehouseError
from dagster_project.quality.expect import PLACE, RuleResult
from dagster_project.warehouse.schema import QUARANTINE, quarantine_table, row_key

LOAD_ID = "_dlt_load_id"


@dataclass(frozen=True)
class Moves:
    """Counts of rows: newly quarantined, there since an earlier run, out of quarantine again."""

    new: int = 0
    known: int = 0
    released: int = 0


@dataclass(frozen=True)
class Place:
    """A gated table and its quarantine. Key values make `row_key`, joined by '|'; null if one is null."""

    schema: str
    table: str
    key: tuple[str, ...]

    @property
    def relation(self) -> str:
        return f'"{self.schema}"."{self.table}"'

    @property
    def quarantine(self) -> str:
        return f'{QUARANTINE}."{self.quarantine_table}"'

    @property
    def quarantine_table(self) -> str:
        if not self.schema.startswith("raw_"):
            return self.table
        return quarantine_table(self.schema.removeprefix("raw_"), self.table)

    def row_key(self, alias: str) -> str:
        return row_key(self.key, alias)

    def rows(self, condition: str) -> str:
        """The query of the table's rows that meet `condition` (on alias t), each with its PLACE."""
        return f"select 't' || t.ctid::text as {PLACE}, t.* from {self.relation} t where {condition}"

    def pending_rows(self) -> str:
        """The query of the quarantined rows that nothing supersedes, each with its PLACE."""
        return (
            f"select 'q' || q.ctid::text as {PLACE}, r.* from {self.quarantine} q "
            f"cross join lateral jsonb_populate_record(null::{self.relation}, q.row) r "
            f"where not {self._superseded('true')}"
        )

    def _superseded(self, condition: str) -> str:
        # `is not distinct from` would be wrong: rows without a key supersede nothing.
        return (
            f"coalesce(q.row_key in (select {self.row_key('t')} from {self.relation} t "
            f"where {condition} and {self.row_key('t')} is not null), false)"
        )


def ensure(connection: sa.Connection, place: Place) -> None:
    """Makes the quarantine of `place` where it is missing; one that is there is not locked."""
    name = place.quarantine_table
    if connection.scalar(sa.text("select to_regclass(:name)"), {"name": place.quarantine}) is not None:
        return
    connection.execute(
        sa.text(
            f"create table if not exists {place.quarantine} ("
            "row_key text, row jsonb not null, reasons text[] not null, load_id text, run_id text not null, "
            "first_quarantined_at timestamptz not null default now(), "
            "last_seen_at timestamptz not null default now());"
            # A key may be of any length: an identifier that is too long to be one is part of its row's key.
            f'create index if not exists "{name}_row_key_idx" on {place.quarantine} using hash (row_key)'
        )
    )


def count(connection: sa.Connection, place: Place) -> int:
    """How many rows are in quarantine; 0 where the table has none yet."""
    if connection.scalar(sa.text("select to_regclass(:name)"), {"name": place.quarantine}) is None:
        return 0
    return connection.scalar(sa.text(f"select count(*) from {place.quarantine}")) or 0


def settle(
    connection: sa.Connection,
    place: Place,
    results: Sequence[RuleResult],
    *,
    condition: str,
    is_rebuilt: bool,
    revalidated: bool,
    has_loads: bool,
    run_id: str,
) -> Moves:
    """Moves the rows that `results` (of row rules, with places) list into quarantine, and those that are good again back.

    condition: which rows of the table (alias t) were validated. is_rebuilt: the table is made anew from its
    sources, so that every quarantined row is in it again or gone. revalidated: pending_rows() were validated too.
    """
    ensure(connection, place)
    connection.execute(
        sa.text(f"lock table {place.relation}, {place.quarantine} in share row exclusive mode")
    )
    _remember_bad(connection, results)
    load_id = f'"{LOAD_ID}"' if has_loads else "null"
    connection.execute(
        sa.text(
            f"create temp table c360_bad on commit drop as "
            f"select t.ctid as place, {place.row_key('t')} as row_key, to_jsonb(t) as row, "
            f"j.reasons, {load_id} as load_id "
            f"from {place.relation} t join c360_broken j on j.origin = 't' and t.ctid = j.place"
        )
    )
    superseded = "true" if is_rebuilt else place._superseded(condition)
    connection.execute(
        sa.text(
            f"create temp table c360_superseded on commit drop as "
            f"select q.ctid as place, q.row_key, q.first_quarantined_at "
            f"from {place.quarantine} q where {superseded}"
        )
    )
    returned = _take_back(connection, place, run_id) if revalidated else 0
    released = _count(
        connection,
        "select count(*) from c360_superseded where row_key is null "
        "or row_key not in (select row_key from c360_bad where row_key is not null)",
    )
    known = _count(
        connection, "select count(*) from c360_bad where row_key in (select row_key from c360_superseded)"
    )
    connection.execute(
        sa.text(f"delete from {place.quarantine} q using c360_superseded s where q.ctid = s.place")
    )
    moved = connection.execute(
        sa.text(
            f"insert into {place.quarantine} (row_key, row, reasons, load_id, run_id, first_quarantined_at) "
            "select b.row_key, b.row, b.reasons, b.load_id, :run_id, coalesce(s.first_quarantined_at, now()) "
            "from c360_bad b left join (select row_key, min(first_quarantined_at) as first_quarantined_at "
            "from c360_superseded group by row_key) s using (row_key)"
        ),
        {"run_id": run_id},
    ).rowcount
    deleted = connection.execute(
        sa.text(f"delete from {place.relation} t using c360_bad b where t.ctid = b.place")
    ).rowcount
    listed = _count(connection, "select count(*) from c360_broken where origin = 't'")
    if not moved == deleted == listed:
        raise WarehouseError(
            f"{place.schema}.{place.table} changed while it was gated: {deleted} of {listed} rows found.",
            "Nothing was moved. Let nothing else write to it during a refresh, and run again.",
        )
    new = moved - known
    return Moves(new=new, known=count(connection, place) - new, released=released + returned)


def values_of(
    connection: sa.Connection, place: Place, column: str, reason: str, run_id: str
) -> list[tuple[str | None, str | None, int]]:
    """What `column` is in the rows that `run_id` met in quarantine for `reason`: source, value and count.

    The most frequent first. The source is null where the table has no source_system.
    """
    rows = connection.execute(
        sa.text(
            f"select row ->> 'source_system' as source, row ->> :column as value, count(*) as number from {place.quarantine} "
            "where run_id = :run_id and :reason = any(reasons) group by 1, 2 order by 3 desc, 1, 2 limit 1000"
        ),
        {"column": column, "reason": reason, "run_id": run_id},
    )
    return [(row.source, row.value, row.number) for row in rows]


def forget(connection: sa.Connection, schema: str, table: str, key: Sequence[str], keys_relation: str) -> int:
    """Drops quarantined rows of schema.table that their source no longer has; returns how many.

    keys_relation: a relation, temporary ones of `connection` included, with the `key` columns of every row
    that the source holds now.
    """
    place = Place(schema, table, tuple(key))
    if not count(connection, place):
        return 0
    return connection.execute(
        sa.text(
            f"delete from {place.quarantine} q where q.row_key is not null and not exists "
            f"(select 1 from {keys_relation} k where {place.row_key('k')} = q.row_key)"
        )
    ).rowcount


def _remember_bad(connection: sa.Connection, results: Sequence[RuleResult]) -> None:
    """Temporary table c360_broken(origin, place, reasons): one row for each bad row."""
    places = [place for result in results for place in result.places]
    reasons = [result.expectation.rule for result in results for _ in result.places]
    connection.execute(
        sa.text("create temp table c360_broken (origin text, place tid, reasons text[]) on commit drop")
    )
    connection.execute(
        sa.text(
            "insert into c360_broken select left(place, 1), substr(place, 2)::tid, "
            "array_agg(distinct reason order by reason) "
            "from unnest(cast(:places as text[]), cast(:reasons as text[])) as b (place, reason) "
            "group by place"
        ),
        {"places": places, "reasons": reasons},
    )


def _take_back(connection: sa.Connection, place: Place, run_id: str) -> int:
    """Validated again: what is still bad gets its new reasons, the rest returns to the table."""
    connection.execute(
        sa.text(
            f"create temp table c360_returned on commit drop as "
            f"select q.ctid as place, q.row from {place.quarantine} q "
            "where q.ctid not in (select place from c360_superseded) "
            "and q.ctid not in (select place from c360_broken where origin = 'q')"
        )
    )
    connection.execute(
        sa.text(
            f"insert into {place.relation} select r.* from c360_returned m "
            f"cross join lateral jsonb_populate_record(null::{place.relation}, m.row) r"
        )
    )
    returned = connection.execute(
        sa.text(f"delete from {place.quarantine} q using c360_returned m where q.ctid = m.place")
    ).rowcount
    connection.execute(
        sa.text(
            f"update {place.quarantine} q set reasons = j.reasons, run_id = :run_id, last_seen_at = now() "
            "from c360_broken j where j.origin = 'q' and q.ctid = j.place"
        ),
        {"run_id": run_id},
    )
    return returned


def _count(connection: sa.Connection, query: str) -> int:
    return connection.scalar(sa.text(query)) or 0
