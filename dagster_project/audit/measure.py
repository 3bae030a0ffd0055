"""The figures of an audit, in DuckDB: completeness, validity, duplicates, overlap, linkability, placeholders.

Belongs here: what is counted and how. Does not belong here: reading (reading.py), showing (page.py and
commands/audit.py), what makes a value valid or a placeholder (identity/).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

from dagster_project.audit.columns import (
    BETWEEN,
    CONTACT,
    CONTACT_IN_JSON,
    CONTACTS,
    IDENTIFIERS,
    NAMES,
    holds,
)
from dagster_project.audit.reading import Reader, reader
from dagster_project.errors import ConfigError
from dagster_project.identity.company import UNNAMED, Company
from dagster_project.identity.engine import connect
from dagster_project.identity.identifiers import canonical_values, spell
from dagster_project.identity.placeholders import count_days, find_placeholders
from dagster_project.identity.standardise import RECORD_COLUMNS, standardise
from dagster_project.sources import Source, Table

PLACEHOLDERS_SHOWN = 20


@dataclass(frozen=True)
class TableFigures:
    """One table: its size, and from when to when its rows changed (as the source writes times).

    rejected: what stands where a row should be; refused: files that could not be read, each with the reason.
    """

    source: str
    table: str
    rows: int
    earliest: str | None
    latest: str | None
    without_time: int
    is_card: bool  # it names people: a row is somebody's card
    rejected: int = 0
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ColumnFigures:
    """One column that names people. valid and repeated are rows of those that are filled.

    A column that mixes phones and e-mails is here once as each: filled are the rows that have one of the kind.
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
    is_mixed: bool = False

    @property
    def label(self) -> str:
        """source.table.column, and which part of a mixed one."""
        part = f" ({self.holds}s)" if self.is_mixed else ""
        return f"{self.source}.{self.table}.{self.column}{part}"


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
    company: Company = UNNAMED,
    progress: Callable[[str], None] = lambda _: None,
    secrets: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    home: Path = Path(),
) -> Audit:
    """Audits sources, each with its URL. Reads every row of the columns that name people; memory stays flat.

    secrets: of APIs, by source. home: where the tokens that an API gives are kept, as a refresh keeps them.
    Raises SourceError or SourceUnavailable for a source that cannot be read as declared.
    """
    sources = list(sources)
    if not sources:
        raise ConfigError("There is no source to audit.", "Name one in vars.sources of dbt_project.yml.")
    con = connect()
    try:
        con.execute(
            "create table audited (source varchar, tbl varchar, col varchar, kind varchar, rid bigint, value varchar, "
            "is_mixed boolean, regions varchar);"
            f"create table records (rid bigint, {', '.join(f'{name} {_type(name)}' for name in RECORD_COLUMNS)})"
        )
        tables: list[TableFigures] = []
        for source, url in sources:
            with reader(source, url, secrets.get(source.name, {}), home) as opened:
                tables += _take(con, source, opened, company.regions_of(source.name), progress)
        progress("comparing")
        con.execute("create table identifiers as select distinct rid, kind, value from audited")
        standardise(con, company)
        count_days(con, "cards")
        phones = [phone for phone in canonical_values("phone", company.phones, [company.region]) if phone]
        find_placeholders(con, phones)
        columns, cards = _columns(con, tables), _cards(con, [source.name for source, _ in sources])
        return Audit(tables, columns, cards, _overlaps(con), _placeholders(con))
    finally:
        con.close()


def _type(column: str) -> str:
    return "boolean" if column.startswith("is_") else "timestamptz" if column.endswith("_at") else "varchar"


def _take(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    opened: Reader,
    regions: Sequence[str],
    progress: Callable[[str], None],
) -> Iterable[TableFigures]:
    for table in source.tables:
        progress(f"{source.name}.{table.name}")
        extent = opened.extent(table)
        kinds = holds(table.name, opened.sample(table), regions) if extent.rows else {}
        if kinds:
            _read(con, source, table, opened, kinds, regions)
        is_card = any(kind in NAMES for kind in kinds.values())
        yield TableFigures(
            source.name, table.name, extent.rows, extent.earliest, extent.latest, extent.without_time, is_card,
            extent.beside.rejected, extent.beside.refused,
        )  # fmt: skip


def _read(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    table: Table,
    opened: Reader,
    kinds: dict[str, str],
    regions: Sequence[str],
) -> None:
    apart = (*IDENTIFIERS, CONTACT, CONTACTS)
    named = {kind: column for column, kind in kinds.items() if kind not in apart}
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
                f"insert into audited select {_text(source.name)}, {_text(table.name)}, {_text(column)}, kind, rid, value, "
                f"{kind in (CONTACT, CONTACTS)}, case when kind = 'phone' then {_text(','.join(regions))} else '' end "
                f"from ({_values(column, kind, rid)})"
            )
        con.unregister("portion")


def _values(column: str, kind: str, rid: str) -> str:
    """The query of what `column` of the portion holds: rid, kind, value; a mixed one's values in their parts."""
    name = _name(column)
    if kind == CONTACTS:
        query = (
            "select distinct doc.rid, trim(json_extract_string(leaf.atom, '$')) as value "
            f"from (select {rid} as rid, case when json_valid({name}) then {name} end as json from portion) doc, "
            "json_tree(doc.json) leaf where leaf.type = 'VARCHAR'"
        )
        wanted = f"regexp_full_match(value, {_text(CONTACT_IN_JSON.pattern)})"
    elif kind == CONTACT:
        parts = f"regexp_split_to_array({name}, {_text(BETWEEN.pattern)})"
        query = f"select distinct rid, trim(part) as value from (select {rid} as rid, unnest({parts}) as part from portion)"
        wanted = "value <> ''"
    else:
        return f"select {rid} as rid, {_text(kind)} as kind, trim({name}) as value from portion where trim({name}) <> ''"
    split = "case when contains(value, '@') then 'email' else 'phone' end"
    return f"select rid, {split} as kind, value from ({query}) where {wanted}"


def _columns(con: duckdb.DuckDBPyConnection, tables: list[TableFigures]) -> list[ColumnFigures]:
    spell(con, "audited")
    size = {(figures.source, figures.table): figures.rows for figures in tables}
    found = con.execute(
        f"""
        create or replace temp view read as
        select w.source, w.tbl, w.col, w.kind, w.rid, w.is_mixed, coalesce(s.value, lower(w.value)) as value,
            case when w.kind in ({", ".join(map(_text, IDENTIFIERS))}) then s.value is not null end as is_valid
        from audited w left join spellings s on s.kind = w.kind and s.written = w.value and s.regions = w.regions
            and s.place = 1;
        -- Of a mixed column a row may have several values, or one twice: it counts once.
        create or replace temp table spelt as
        select * from read where not is_mixed union all select distinct * from read where is_mixed;
        create or replace temp table filled as
        select source, tbl, col, kind, is_mixed, count(*) as filled, sum(cast(is_valid as integer)) as valid
        from (
            select source, tbl, col, kind, is_mixed, rid, bool_or(is_valid) as is_valid from spelt
            where is_mixed group by all
            union all
            select source, tbl, col, kind, is_mixed, rid, is_valid from spelt where not is_mixed
        ) group by all;
        select source, tbl, col, kind, any_value(filled), any_value(valid), count(*),
            coalesce(sum(uses) filter (uses > 1), 0), is_mixed
        from (
            select source, tbl, col, kind, is_mixed, value, count(*) as uses from spelt group by all
        ) join filled using (source, tbl, col, kind, is_mixed)
        group by source, tbl, col, kind, is_mixed
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
            is_mixed,
        )
        for source, table, column, kind, filled, valid, distinct, repeated, is_mixed in found
    ]
    return sorted(figures, key=lambda f: (order[f.source, f.table], f.holds, f.column))


# Identifiers of anybody's, without those that name nobody. An event's number stands beside cards, but is none.
_USABLE = """
    create or replace temp table usable as
    select distinct w.source, w.rid, w.kind, s.value, r.rid is not null as is_card
    from audited w join spellings s on s.kind = w.kind and s.written = w.value and s.regions = w.regions
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
