"""The file's fields in standard form: names as words, phones and e-mails in one spelling, nobody's values gone.

Belongs here: `fields` to `named`, and the choice of comparisons by what the columns hold. Does not belong here: what a
comparison is (compare.py) and weighs (fit.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from dagster_project.identity.engine import dictionary
from dagster_project.identity.files import compare, dates
from dagster_project.identity.files.compare import Design

# Titles, and what stands between the parts of a surname: no names.
_NO_NAMES = (
    *("mr", "mrs", "ms", "miss", "dr", "prof", "jr", "sr", "herr", "frau", "señor", "señora", "sra"),
    *("de", "la", "del", "los", "las", "von", "van", "der", "den", "da", "dos", "di", "y", "ii", "iii"),
)
# A value that more records share names nobody, unless few first names share it.
MAX_SHARING = 20
MAX_GIVEN_NAMES = 6
# Records with a name that the Russian dictionary knows: from this share on, names are read the Russian way.
RUSSIAN_SHARE = 0.5
_NAME_FIELDS = ("given_name", "family_name", "full_name", "middle_name")
_TEXTS = ("street", "address_2", "suburb", "city", "birth_place", "occupation", "state", "country")
_CODES = {
    "postcode": False,
    "house": False,
    "national_id": True,
    "tax_id": True,
    "loyalty_card": True,
    "messenger_id": True,
    "login_id": True,
}


@dataclass(frozen=True)
class Dropped:
    """Values of a column that are no evidence, and why (placeholders.REASONS)."""

    column: str
    reason: str
    values: int
    records: int


def read_names(con: duckdb.DuckDBPyConnection, columns: Sequence[str], is_russian: bool) -> str | None:
    """Makes `named`: `fields` and names in standard form. Returns how: `parts`, `whole` (one field), or None."""
    for macro in compare.MACROS:
        con.execute(macro)
    has = [name for name in _NAME_FIELDS if name in columns]
    if not has:
        con.execute("create or replace table named as from fields")
        return None
    if is_russian:
        con.execute(
            """
            create or replace table named as
            select f.*, c.given, c.givens, c.given as given_key, c.given_known, w.written as given_written, c.family,
                c.families, c.family as family_key, coalesce(c.patronymic, c.patronymic_initial) as middle
            from fields f join numbered_cards n using (rid) join cards c on c.rid = n.card left join names w on w.rid = c.rid
            """
        )
        return "parts"
    value = {name: name if name in has else "cast(null as varchar)" for name in _NAME_FIELDS}
    # A comma tells which word is the surname; it is all that can be known of a name in one field.
    con.execute(
        f"""
        create or replace temp table name_words as
        select rid, {value["given_name"]} is null and {value["family_name"]} is null and {value["full_name"]} is not null
                as is_whole,
            contains({value["full_name"]}, ',') as has_comma,
            {_words(f"coalesce({value['given_name']}, split_part({value['full_name']}, ',', 2))")} as given_words,
            {_words(f"coalesce({value['family_name']}, split_part({value['full_name']}, ',', 1))")} as family_words,
            {_words(value["middle_name"])} as middle_words,
            {_words(f"concat_ws(' ', {', '.join(has)})")} as words
        from fields
        """
    )
    whole, told = con.execute(
        "select count(*) filter (is_whole and not has_comma), count(*) filter (len(words) > 0) from name_words"
    ).fetchall()[0]
    mode = "whole" if whole > 0.02 * told else "parts"
    # In a whole name any word may be a short form, and none is a first name by its place.
    variants = "coalesce(names, [])" if mode == "whole" else "list_append(coalesce(names, []), word)"
    con.execute(
        f"""
        create or replace temp table nicknames as
        select plain_word(lower(variant)) as variant, list(distinct plain_word(lower(name))) as names
        from {dictionary("nicknames")} group by 1;

        create or replace temp table given_variants as
        with uses as (
            select rid, unnest({"words" if mode == "whole" else "given_words"}) as word from name_words
        )
        select rid, list_distinct(flatten(list({variants}))) as givens
        from uses left join nicknames on variant = word where length(word) > 1 group by rid;

        create or replace table named as
        select f.*, v.givens,
            nullif(array_to_string(w.given_words, ' '), '') as given, name_key(w.given_words[1]) as given_key,
            false as given_known, given as given_written,
            nullif(array_to_string(w.family_words, ' '), '') as family,
            list_filter(w.family_words, lambda x: length(x) >= 3) as families,
            name_key(w.family_words[1]) as family_key,
            nullif(array_to_string(w.middle_words, ' '), '') as middle,
            list_sort(list_distinct(w.words)) as words,
            nullif(array_to_string(list_sort(list_distinct(w.words)), ' '), '') as name
        from fields f join name_words w using (rid) left join given_variants v using (rid);
        drop table name_words; drop table given_variants; drop table nicknames;
        """
    )
    return mode


def _words(text: str) -> str:
    # Words end where letters do, of any alphabet; doubled, what stands between two words is there for both.
    left_out = rf"(^|\P{{L}})({'|'.join(_NO_NAMES)})(\P{{L}}|$)"
    apart = rf"regexp_replace(lower({text}), '([^\p{{L}}\p{{M}}])', '\1\1', 'g')"
    # A letter alone stays: an initial.
    return (
        rf"list_filter(plain_words(regexp_replace({apart}, '{left_out}', '\1 \3', 'g')),"
        " lambda w: not regexp_matches(w, '[0-9]'))"
    )


def read_contacts(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> list[Dropped]:
    """Phones to their last digits, e-mails to lower case without tags, in `fields`; what cannot be read is null then."""
    dropped = []
    for column, written, read in (
        (
            "phone",
            "regexp_replace(regexp_replace(lower(regexp_split_to_array(phone, '[,;/|]')[1]), '(доб|ext|x|#).*$', ''),"
            " '[^0-9]', '', 'g')",
            "case when length(w) >= 9 then right(w, 9) when length(w) >= 6 then w end",
        ),
        (
            "email",
            r"regexp_replace(regexp_replace(lower(email), '\+[^@]*@', '@'), '[\s<>,;]', '', 'g')",
            r"case when regexp_full_match(w, '[^@\s]+@[^@\s]+[.][^@\s]+') then w end",
        ),
    ):
        if column in columns:
            con.execute(
                f"""
                create or replace temp table contacts as
                select rid, written, {read} as value
                from (select rid, {column} as written, {written} as w from fields where {column} is not null)
                """
            )
            unread = con.execute(
                "select count(distinct written), count(*) from contacts where value is null and trim(written) <> ''"
            ).fetchall()[0]
            dropped.append(Dropped(column, "unreadable", *map(int, unread)))
            con.execute(
                f"update fields set {column} = c.value from contacts c where c.rid = fields.rid; drop table contacts"
            )
    return [entry for entry in dropped if entry.records]


def scope_identifiers(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> None:
    """A messenger's ID is one within its messenger, a login within its source."""
    if "messenger_id" in columns and "messenger_kind" in columns:
        con.execute("update fields set messenger_id = lower(messenger_kind) || ':' || messenger_id")
    if "login_id" in columns:
        con.execute("update fields set login_id = source_system || ':' || lower(login_id)")


def take_contacts(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> None:
    """What the daily step reads of a card: contacts without placeholders, dates, homes, in `fields`."""
    for column, kind in (
        ("phone", "phone"),
        ("email", "email"),
        ("loyalty_card", "loyalty_card"),
        ("tax_id", "tax_id"),
    ):
        if column in columns:
            con.execute(
                f"""
                update fields set {column} = (
                    select min(h.value) from numbered_cards n join held h on h.rid = n.card
                    where n.rid = fields.rid and h.kind = '{kind}')
                """
            )
    taken = {
        # The daily step reads no year alone.
        "birth_date": "coalesce(cast(c.birth_date as varchar),"
        " case when length(fields.birth_date) = 4 then fields.birth_date end)",
        "city": "c.city",
        "street": "nullif(concat_ws(' ', c.street, c.house, c.flat), '')",
        "gender": "c.gender",
    }
    chosen = ", ".join(f"{column} = {sql}" for column, sql in taken.items() if column in columns)
    if chosen:
        con.execute(
            f"update fields set {chosen} from numbered_cards n join cards c on c.rid = n.card where n.rid = fields.rid"
        )


def ignored_values(con: duckdb.DuckDBPyConnection) -> list[Dropped]:
    """What the daily step took for placeholders, or could not read."""
    return [
        Dropped(kind, reason, values, int(records))
        for kind, reason, values, records in con.execute(
            """
            select kind, reason, count(*), coalesce(sum(cards), 0) from placeholders group by all
            union all
            select kind, 'unreadable', count(distinct value), count(*) from record_identifiers
            where not is_canonical group by kind
            order by 1, 2
            """
        ).fetchall()
    ]


def drop_common(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> list[Dropped]:
    """Nulls values that name nobody: contacts and numbers of far too many records, dates that are a default."""
    dropped = []
    for column in ("phone", "email", *(name for name, own in _CODES.items() if own)):
        if column in columns:
            people = (
                "count(distinct lower(left(given_name, 3)))"
                if "given_name" in columns
                else "count(distinct lower(left(full_name, 5)))"
                if "full_name" in columns
                else "count(*)"
            )
            rule = f"count(*) > {MAX_SHARING} and {people} > {MAX_GIVEN_NAMES}"
            query = f"select {column} as v, count(*) as n from fields group by 1 having {rule}"
            dropped.append(_drop(con, column, "learned", query))
    if "birth_date" in columns:
        days = "(select birth_date as v, count(*) as n from fields where length(birth_date) = 10 group by 1)"
        listed = "select birth_date from listed_dates"
        dropped += [
            _drop(
                con,
                "birth_date",
                "listed",
                f"select v, n from {days} where try_cast(v as date) in ({listed})",
            ),
            _drop(
                con,
                "birth_date",
                "learned",
                f"select v, n from {days} where n > 10 and n > 20 * (select avg(n) from {days})",
            ),
        ]
    return [entry for entry in dropped if entry.records]


def _drop(con: duckdb.DuckDBPyConnection, column: str, reason: str, query: str) -> Dropped:
    con.execute(f"create or replace temp table common as select * from ({query}) where v is not null")
    values, records = con.execute("select count(*), coalesce(sum(n), 0) from common").fetchall()[0]
    if values:
        con.execute(f"update fields set {column} = null where {column} in (select v from common)")
    con.execute("drop table common")
    return Dropped(column, reason, values, int(records))


def design(
    con: duckdb.DuckDBPyConnection, columns: Sequence[str], names: str | None, also: Sequence[str]
) -> Design:
    """Comparisons for the columns that hold something. also: columns of `fields` known by their values only."""
    chosen = Design()
    filled = _filled(con)

    def has(column: str) -> bool:
        # One value in all of many records tells nobody from anybody.
        values, records = filled.get(column, (0, 0))
        return values > 1 or 1 < records <= MAX_SHARING

    if names == "whole":
        chosen.add(*compare.whole_name(), "a name in one field, words in any order, short forms")
    elif names == "parts":
        if has("given"):
            chosen.add(
                *compare.given_name("family" if has("family") else None),
                "first names, short forms, typing errors",
            )
        if has("family"):
            chosen.add(
                *compare.family_name("given" if has("given") else None), "surnames, parts, typing errors"
            )
        if has("middle"):
            chosen.add(*compare.middle_name(), "middle names and initials")
    if has("birth_date"):
        chosen.add(
            *compare.date("birth_date", "birth_date", is_own=True), "a date; slips and swapped day and month"
        )
    elif has("birth_year"):
        year = f"nullif(regexp_extract(birth_year, '{dates.YEAR}'), '')"
        chosen.add(*compare.date("birth_year", year, is_year=True), "a year, give or take one")
    if has("phone"):
        chosen.add(*compare.phone("phone", "phone"), "a phone's last digits")
    if has("email"):
        surname = "family" if names == "parts" and has("family") else None
        chosen.add(*compare.email("email", "email", surname), "an address; its mailbox")
    for column, is_own in _CODES.items():
        if has(column):
            # ZIP+4 is the same place as its first five digits.
            read = (
                r"regexp_replace(postcode, '^([0-9]{5})-[0-9]{4}$', '\1')" if column == "postcode" else column
            )
            chosen.add(*compare.code(column, read, is_own=is_own), "a code, by its signs")
    if has("gender"):
        con.execute("update named set gender = translate(left(lower(gender), 1), 'мжw', 'mff')")
        chosen.add(*compare.category("gender", "gender"), "few values")
    if has("street"):
        con.execute(f"update named set street = {compare.street_words('street')} where street is not null")
    for column in _TEXTS:
        if has(column):
            chosen.add(*_by_content(con, column, column))
    for column in also:
        if has(column):
            comparison, keys, made, why = _by_content(con, column, column)
            chosen.add(comparison, keys, made, f"as asked for: {why}")
    return chosen


def _filled(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    """Column → distinct values, records that have one."""
    names = [row[0] for row in con.execute("describe named").fetchall()]
    counts = ", ".join(f'count(distinct "{name}"), count("{name}")' for name in names)
    row = con.execute(f"select {counts} from named").fetchall()[0]
    return {name: (row[2 * i], row[2 * i + 1]) for i, name in enumerate(names)}


def _by_content(con: duckdb.DuckDBPyConnection, name: str, column: str) -> tuple:
    """A comparison for a column known only by its values."""
    distinct, digits, coded, length, numbers = con.execute(
        f"""
        select count(distinct {column}), coalesce(avg(cast(regexp_full_match({column}, '[0-9 .,/-]+') as int)), 0),
            coalesce(avg(cast(regexp_matches({column}, '[0-9]') and not contains({column}, ' ') as int)), 0),
            coalesce(avg(length({column})), 0),
            coalesce(avg(cast(regexp_full_match({column}, '-?[0-9]{{1,3}}([.,][0-9]+)?') as int)), 0)
        from named where {column} is not null
        """
    ).fetchall()[0]
    dates = con.execute(
        f"select coalesce(avg(cast(regexp_full_match({column}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') as int)), 0) from named"
        f" where {column} is not null"
    ).fetchall()[0][0]
    if dates > 0.8:
        return (*compare.date(name, column), "dates")
    if distinct <= compare.MAX_CATEGORIES or (length <= 3 and distinct <= 60 and digits < 0.5):
        return (*compare.category(name, column), "few values")
    if numbers > 0.9:
        return (*compare.number(name, column), "numbers")
    if max(digits, coded) > 0.7:
        return (*compare.code(name, column), "codes")
    return (*compare.text(name, column), "words, parts and typing errors")
