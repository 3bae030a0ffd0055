"""Dates as files write them, read per source and column: the values decide which of day and month comes first.

Belongs here: forms of dates and the choice among them. Does not belong here: which dates are nobody's
(prepare.py).
"""

from dataclasses import dataclass

import duckdb

_MONTHS = (
    *(
        ("jan", "ян", "ene"),
        ("feb", "фев"),
        ("mar", "мар", "mär", "mrz"),
        ("apr", "апр", "abr"),
        ("may", "мая", "май", "mai"),
    ),
    *(
        ("jun", "июн"),
        ("jul", "июл"),
        ("aug", "авг", "ago"),
        ("sep", "сен"),
        ("oct", "окт", "okt"),
        ("nov", "ноя"),
    ),
    ("dec", "дек", "dez", "dic"),
)
_MONTH = (
    "case "
    + " ".join(
        f"when regexp_matches(name, '^({'|'.join(names)})') then {i}" for i, names in enumerate(_MONTHS, 1)
    )
    + " end"
)


# SQL regular expression: a year that somebody may be born in.
YEAR = "(?:1[6-9]|20)[0-9]{2}"


@dataclass(frozen=True)
class DateReport:
    """How a column of a source was read. forms: form → values; unreadable: values that became null."""

    source: str
    column: str
    forms: dict[str, int]
    unreadable: int
    order: str | None
    is_guess: bool


def read_dates(con: duckdb.DuckDBPyConnection, column: str) -> list[DateReport]:
    """Turns `column` of `fields` to ISO dates, years (YYYY) where no more is known, or null."""
    con.execute(
        rf"""
        create or replace temp table dates as
        with texts as (
            select distinct source_system, {column} as written,
                trim(regexp_replace(lower({column}), '(t| +)[0-9]{{1,2}}:[0-9]{{2}}.*$|г[.]?$', '')) as t
            from fields where {column} is not null
        ), parsed as (
            select *,
                case
                    when regexp_full_match(t, '[0-9]{{4}}[-/. ][0-9]{{1,2}}[-/. ][0-9]{{1,2}}') then 'Y-M-D'
                    when regexp_full_match(t, '[0-9]{{1,2}}[-/. ][0-9]{{1,2}}[-/. ][0-9]{{4}}') then 'A/B/Y'
                    when regexp_full_match(t, '[0-9]{{1,2}}[-/.][0-9]{{1,2}}[-/.][0-9]{{2}}') then 'A/B/YY'
                    when regexp_full_match(t, '(1[6-9]|20)[0-9]{{2}}(0[0-9]|1[0-2])[0-3][0-9]') then 'YMD'
                    when regexp_full_match(t, '[0-9]{{8}}') then 'ABY'
                    when regexp_full_match(t, '[0-9]{{4}}') then 'Y'
                    when regexp_full_match(t, '[0-9]{{4}}-[0-9]{{1,2}}') then 'Y-M'
                    when regexp_matches(t, '^[0-9]{{1,2}}[^0-9]+[0-9]{{4}}$') then 'D month Y'
                    when regexp_matches(t, '^[^0-9]+[0-9]{{1,2}}[^0-9]+[0-9]{{4}}$') then 'month D Y'
                end as form,
                list_transform(regexp_extract_all(t, '[0-9]+'), lambda n: try_cast(n as int)) as n
            from texts
        )
        select source_system, written, t, form, regexp_extract(t, '[^0-9 .,/-]+') as name, case
                when form = 'ABY' then list_transform([left(t, 2), substr(t, 3, 2), right(t, 4)], lambda x: try_cast(x as int))
                when form = 'YMD' then list_transform([left(t, 4), substr(t, 5, 2), right(t, 2)], lambda x: try_cast(x as int))
                else n end as n
        from parsed
        """
    )
    orders = _orders(con, column)
    con.execute("create or replace temp table date_orders (source_system varchar, day_first boolean)")
    if orders:
        con.executemany(
            "insert into date_orders values (?, ?)",
            [[source, first] for source, (first, _) in orders.items()],
        )
    con.execute(
        f"""
        create or replace temp table read_dates as
        with parts as (
            select d.*, case
                    when form in ('Y-M-D', 'YMD') then {{'y': n[1], 'm': n[2], 'd': n[3]}}
                    when form in ('A/B/Y', 'A/B/YY', 'ABY') then case
                        -- A value that the column's order cannot mean is read in the other.
                        when (n[1] > 12 or (o.day_first and n[2] <= 12)) then {{'y': n[3], 'm': n[2], 'd': n[1]}}
                        else {{'y': n[3], 'm': n[1], 'd': n[2]}} end
                    when form = 'D month Y' then {{'y': n[2], 'm': {_MONTH}, 'd': n[1]}}
                    when form = 'month D Y' then {{'y': n[2], 'm': {_MONTH}, 'd': n[1]}}
                    when form in ('Y', 'Y-M') then {{'y': n[1], 'm': null, 'd': null}} end as p
            from dates d left join date_orders o using (source_system)
        ), years as (
            select *, case when form = 'A/B/YY'
                then p.y + case when p.y > year(current_date) % 100 then 1900 else 2000 end else p.y end as y
            from parts
        )
        select source_system, written, form, case
                when y is null or y < 1000 or y > year(current_date) + 1 then null
                when form in ('Y', 'Y-M') then printf('%04d', y)
                else cast(try_cast(printf('%04d-%02d-%02d', y, p.m, p.d) as date) as varchar) end as iso
        from years
        """
    )
    counts = con.execute(
        f"""
        select r.source_system, r.form, count(*), count(*) filter (r.iso is null)
        from fields f join read_dates r on r.source_system = f.source_system and r.written = f.{column}
        group by 1, 2 order by 1, 2
        """
    ).fetchall()
    con.execute(
        f"update fields set {column} = r.iso from read_dates r"
        f" where r.source_system = fields.source_system and r.written = fields.{column}"
    )
    con.execute("drop table dates; drop table date_orders; drop table read_dates")
    reports: dict[str, DateReport] = {}
    for source, form, records, lost in counts:
        first, guess = orders.get(source, (None, False))
        known = reports.setdefault(
            source,
            DateReport(
                source,
                column,
                {},
                0,
                None if first is None else "day first" if first else "month first",
                guess,
            ),
        )
        if form and records > lost:
            known.forms[form] = records - lost
        reports[source] = DateReport(
            source, column, known.forms, known.unreadable + lost, known.order, known.is_guess
        )
    return list(reports.values())


def _orders(con: duckdb.DuckDBPyConnection, column: str) -> dict[str, tuple[bool, bool]]:
    """Source → (day comes first, that is a guess), for sources with dates whose order must be found out."""
    rows = con.execute(
        """
        select source_system, count(*) filter (n[1] > 12 and n[2] <= 12), count(*) filter (n[2] > 12 and n[1] <= 12),
            count(*) filter (t like '%/%'), count(*)
        from dates where form in ('A/B/Y', 'A/B/YY', 'ABY') group by 1 order by 1
        """
    ).fetchall()
    told = [(day, month) for _, day, month, _, _ in rows]
    all_day, all_month = sum(day for day, _ in told), sum(month for _, month in told)
    orders = {}
    for source, day, month, slashes, count in rows:
        if day != month:
            orders[source] = (day > month, False)
        elif all_day != all_month:
            orders[source] = (all_day > all_month, True)
        else:
            orders[source] = (slashes < count, True)
    return orders
