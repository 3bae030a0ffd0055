"""The figures of an audit, in DuckDB: completeness, validity, duplicates, overlap, linkability, placeholders.

Belongs here: what is counted and how. Does not belong here: reading (reading.py), showing (page.py and
commands/audit.py), what makes a value valid or a placeholder (identity/).
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import duckdb

from dagster_project.audit.columns import IDENTIFIERS, NAMES, holds
from dagster_project.audit.reading import Extent, Reader, reader
from dagster_project.errors import ConfigError
from dagster_project.identity.engine import connect
from dagster_project.identity.identifiers import canonical_values, spell
from dagster_project.identity.placeholders import count_days, find_placeholders
from dagster_project.identity.standardise import RECORD_COLUMNS, standardise
from dagster_project.sources import Source, Table

PLACEHOLDERS_SHOWN = 20


@dataclass(frozen=True)
class TableFigures:
    """One table: its size, and from when to when its rows changed (as the source writes times)."""

    source: str
    table: str
    rows: int
    earliest: str | None
    latest: str | None
    without_time: int
    is_card: bool  # it names people: a row is somebody's card


@dataclass(frozen=True)
class ColumnFigures:
    """One column that names people. valid and repeated are rows of those that are filled.

    valid: it can be read as what the column holds; None for names. repeated: another row of the column holds the same
    value, in whichever spelling. distinct counts spellings as one.
    """

    source: str
    table: str
    column: str
    holds: str
    rows: int
    filled: int
    valid: int | None
    distinct: int
    repeated: int


@dataclass(frozen=True)
class CardFigures:
    """The cards of a source (rows that say anything of a person), each once under the first that is true of it.

    known_elsewhere: another source holds one of its identifiers. twin_here: another of this source's cards does.
    alone: nobody shares its identifiers. by_name: no usable identifier, but a whole name or a date of birth.
    unlinkable: nothing to know it by.
    """

    source: str
    cards: int
    known_elsewhere: int
    twin_here: int
    alone: int
    by_name: int
    unlinkable: int
    with_twin: (
        int  # cards that share an identifier with another card of the same source, whatever else is true
    )


@dataclass(frozen=True)
class Overlap:
    """Different usable values of a kind that both sources hold; a source with itself: all that it holds."""

    kind: str
    source: str
    other: str
    shared: int


@dataclass(frozen=True)
class Placeholder:
    """A value that several cards hold and that names nobody, masked.

    On how many cards, under how many different first names, and why it is suspected (identity/placeholders.py).
    """

    kind: str
    masked: str
    reason: str
    cards: int
    people: int | None


@dataclass(frozen=True)
class Audit:
    """Counts and masked values only."""

    tables: list[TableFigures] = field(default_factory=list)
    columns: list[ColumnFigures] = field(default_factory=list)
    cards: list[CardFigures] = field(default_factory=list)
    overlaps: list[Overlap] = field(default_factory=list)
    placeholders: list[Placeholder] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def audit(
    sources: Iterable[tuple[Source, str]],
    company_phones: Iterable[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Audit:
    """Audits sources, each with its URL. Reads every row of the columns that name people; memory stays flat.

    Raises SourceError or SourceUnavailable for a source that cannot be read as declared.
    """
    sources = list(sources)
    if not sources:
        raise ConfigError("There is no source to audit.", "Name one in vars.sources of dbt_project.yml.")
    con = connect()
    try:
        con.execute(
            "create table audited (source varchar, tbl varchar, col varchar, kind varchar, rid bigint, value varchar);"
            f"create table records (rid bigint, {', '.join(f'{name} {_type(name)}' for name in RECORD_COLUMNS)})"
        )
        tables = [figures for source, url in sources for figures in _take(con, source, url, progress)]
        progress("comparing")
        con.execute("create table identifiers as select distinct rid, kind, value from audited")
        standardise(con)
        count_days(con, "cards")
        phones = [phone for phone in canonical_values("phone", list(company_phones)) if phone]
        find_placeholders(con, phones)
        columns, cards = _columns(con, tables), _cards(con, [source.name for source, _ in sources])
        return Audit(tables, columns, cards, _overlaps(con), _placeholders(con))
    finally:
        con.close()


def _type(column: str) -> str:
    return "boolean" if column.startswith("is_") else "timestamptz" if column.endswith("_at") else "varchar"


def _take(
    con: duckdb.DuckDBPyConnection, source: Source, url: str, progress: Callable[[str], None]
) -> Iterable[TableFigures]:
    with reader(source, url) as opened:
        for table in source.tables:
            progress(f"{source.name}.{table.name}")
            extent = opened.extent(table)
            kinds = holds(table.name, opened.sample(table)) if extent.rows else {}
            if kinds:
                _read(con, source, table, opened, kinds)
            yield _figures(source, table, extent, kinds)


def _figures(source: Source, table: Table, extent: Extent, kinds: dict[str, str]) -> TableFigures:
    is_card = any(kind in NAMES for kind in kinds.values())
    return TableFigures(
        source.name, table.name, extent.rows, extent.earliest, extent.latest, extent.without_time, is_card
    )


def _read(
    con: duckdb.DuckDBPyConnection, source: Source, table: Table, opened: Reader, kinds: dict[str, str]
) -> None:
    named = {kind: column for column, kind in kinds.items() if kind not in IDENTIFIERS}
    # A click or a visit of nobody's is no card.
    is_filled = " or ".join(f"trim({_name(column)}) <> ''" for column in kinds)
    for rows in opened.portions(table, list(dict.fromkeys([*table.key, *kinds]))):
        con.register("portion", rows)
        key = " || chr(30) || ".join(f"coalesce({_name(column)}, '')" for column in table.key)
        rid = f"card_key({_text(source.name)}, {_text(table.name + ':')} || {key})"
        if named:
            con.execute(
                f"insert into records (rid, source_system, source_record_id, {', '.join(named)}) "
                f"select {rid}, {_text(source.name)}, {_text(table.name + ':')} || {key}, "
                f"{', '.join(map(_name, named.values()))} from portion where {is_filled}"
            )
        for column, kind in kinds.items():
            # Names too, so that their completeness is told; only identifiers are spelt and compared.
            con.execute(
                f"insert into audited select {_text(source.name)}, {_text(table.name)}, {_text(column)}, {_text(kind)}, "
                f"{rid}, trim({_name(column)}) from portion where trim({_name(column)}) <> ''"
            )
        con.unregister("portion")


def _columns(con: duckdb.DuckDBPyConnection, tables: list[TableFigures]) -> list[ColumnFigures]:
    spell(con, "audited")
    size = {(figures.source, figures.table): figures.rows for figures in tables}
    found = con.execute(
        f"""
        create or replace temp table spelt as
        select w.source, w.tbl, w.col, w.kind, w.rid, coalesce(s.value, lower(w.value)) as value,
            case when w.kind in ({", ".join(map(_text, IDENTIFIERS))}) then s.value is not null end as is_valid
        from audited w left join spellings s on s.kind = w.kind and s.written = w.value and s.place = 1;
        select source, tbl, col, kind, sum(uses), sum(case when is_valid then uses when not is_valid then 0 end),
            count(*), coalesce(sum(uses) filter (uses > 1), 0)
        from (select source, tbl, col, kind, value, is_valid, count(*) as uses from spelt group by all)
        group by source, tbl, col, kind
        """
    ).fetchall()
    order = {(figures.source, figures.table): place for place, figures in enumerate(tables)}
    figures = [
        ColumnFigures(
            source,
            table,
            column,
            kind,
            size[source, table],
            int(filled),
            None if valid is None else int(valid),
            distinct,
            int(repeated),
        )
        for source, table, column, kind, filled, valid, distinct, repeated in found
    ]
    return sorted(figures, key=lambda f: (order[f.source, f.table], f.holds, f.column))


# Identifiers of anybody's, without those that name nobody. An event's number stands beside cards, but is none.
_USABLE = """
    create or replace temp table usable as
    select distinct w.source, w.rid, w.kind, s.value, r.rid is not null as is_card
    from audited w join spellings s on s.kind = w.kind and s.written = w.value
    left join records r on r.rid = w.rid
    anti join placeholders p on p.kind = w.kind and p.value = s.value
"""


def _cards(con: duckdb.DuckDBPyConnection, order: list[str]) -> list[CardFigures]:
    con.execute(_USABLE)
    rows = con.execute(
        """
        with holders as (
            select kind, value, source, count(distinct rid) filter (is_card) as cards from usable group by all
        ), spread as (
            select kind, value, count(*) as sources from holders group by all
        ), judged as (
            select r.source_system as source, r.rid, bool_or(s.sources > 1) as elsewhere,
                bool_or(h.cards > 1) as twin, count(u.value) > 0 as has_identifier
            from records r left join usable u using (rid)
            left join holders h on h.kind = u.kind and h.value = u.value and h.source = r.source_system
            left join spread s on s.kind = u.kind and s.value = u.value
            group by all
        ), told as (
            select j.*, (c.given is not null and c.family is not null) or c.birth_date is not null as has_name
            from judged j join cards c using (rid)
        )
        select source, count(*), count(*) filter (elsewhere), count(*) filter (twin and not elsewhere),
            count(*) filter (has_identifier and not twin and not elsewhere),
            count(*) filter (not has_identifier and has_name),
            count(*) filter (not has_identifier and not has_name), count(*) filter (twin)
        from told group by source
        """
    ).fetchall()
    return sorted((CardFigures(*row) for row in rows), key=lambda figures: order.index(figures.source))


def _overlaps(con: duckdb.DuckDBPyConnection) -> list[Overlap]:
    rows = con.execute(
        """
        with values_ as (select distinct source, kind, value from usable)
        select a.kind, a.source, b.source, count(*) from values_ a join values_ b using (kind, value)
        group by all order by all
        """
    ).fetchall()
    return [Overlap(*row) for row in rows]


def _placeholders(con: duckdb.DuckDBPyConnection) -> list[Placeholder]:
    rows = con.execute(
        "select kind, value, reason, cards, people from placeholders where cards > 1 "
        f"order by cards desc, kind, value limit {PLACEHOLDERS_SHOWN}"
    ).fetchall()
    return [Placeholder(kind, masked(kind, value), *rest) for kind, value, *rest in rows]


def masked(kind: str, value: str) -> str:
    """`value` so that whoever knows it recognises it: its ends, and the domain of an e-mail. A date stays."""
    if kind == "birth_date":
        return value
    if kind == "email":
        local, _, domain = value.partition("@")
        return f"{local[:1]}…@{domain}"
    return f"{value[:2]}…{value[-2:]}" if len(value) > 6 else "…"


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
