"""An identifier in its one spelling: phones in E.164, e-mails without aliases, card numbers without signs.

Belongs here: every rule of how a phone, an e-mail, a card number or a login is read. Does not belong here: who
holds it (standardise.py) and what it proves (placeholders.py, link.py).

Everything is SQL over distinct values; Python touches only phone numbers that are not plainly Russian.
"""

from collections.abc import Sequence

import duckdb
import phonenumbers
import pyarrow as pa

from dagster_project.identity.engine import dictionary

DEFAULT_REGION = "RU"


def canonical(kind: str, written: str) -> str | None:
    """`written` as identity.record_identifiers has it, the first one of several; None: it is no such identifier.

    kind: `phone`, `email`, `loyalty_card`, `login`, `account`, `visitor`, `messenger` or `tax_id`.
    """
    return canonical_values(kind, [written])[0]


def canonical_values(kind: str, written: Sequence[str]) -> list[str | None]:
    """`canonical` of each, in the order given."""
    texts = [text.strip() for text in written]
    incoming = pa.table({"kind": pa.array([kind] * len(texts)), "value": pa.array(texts, pa.string())})
    with duckdb.connect(":memory:") as con:
        con.register("incoming", incoming)
        spell(con, "incoming")
        found = dict(con.execute("select written, value from spellings where place = 1").fetchall())
    return [found.get(text) for text in texts]


def spell(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """From `table` (kind, value: trimmed) to `spellings`: kind, written, value, place (1, 2, … of written's values).

    What cannot be read has no row; a field with two phones has two.
    """
    con.execute(
        f"create or replace temp table unspelt as select distinct kind, value as written from {table}"
        " where value is not null"
    )
    _phones(con)
    con.execute(
        f"""
        create or replace table spellings as
        -- A number that a field has twice counts once.
        select 'phone' as kind, written, value, row_number() over (partition by written order by min(place)) as place
        from phones where value <> '' group by written, value
        union all
        select kind, written, value, 1 from (
            select 'email' as kind, written, value from ({_EMAILS})
            union all
            select kind, written, upper(regexp_replace(written, '[^0-9A-Za-zА-Яа-я]', '', 'g'))
            from unspelt where kind = 'loyalty_card'
            union all
            select kind, written, regexp_replace(written, '[^0-9]', '', 'g') from unspelt
            where kind = 'tax_id' and length(regexp_replace(written, '[^0-9]', '', 'g')) in (10, 12)
            union all
            select kind, written, lower(written) from unspelt where kind in ('login', 'account', 'visitor', 'messenger')
        ) where value <> '';
        drop table unspelt; drop table phones;
        """
    )


def _phones(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `phones` (written, place, value): the Russian forms in SQL, the rest by phonenumbers."""
    con.execute(
        r"""
        create or replace temp table numbers as
        with split as (
            select written, unnest(parts) as part, generate_subscripts(parts, 1) as place
            from (
                select written, regexp_split_to_array(written, '[,;/|]| и | или ') as parts from unspelt where kind = 'phone'
            )
        ), clean as (
            select written, place, trim(regexp_replace(lower(part), '(доб|ext|вн|внутр|#|x).*$', '')) as one from split
        ), digits as (
            select written, place, one, regexp_replace(one, '[^0-9]', '', 'g') as d,
                one like '+%' or one like '00%' as is_international
            from clean
        )
        select written, place, one, case
            -- A Russian or Kazakh number; 8 is the trunk prefix, never after a plus.
            when regexp_full_match(d, '7[3-9][0-9]{9}') then '+' || d
            when regexp_full_match(d, '8[3-9][0-9]{9}') and not is_international then '+7' || d[2:]
            when regexp_full_match(d, '(007|810 ?7)[3-9][0-9]{9}') then '+7' || right(d, 10)
            when regexp_full_match(d, '[3489][0-9]{9}') and not is_international then '+7' || d
            -- Written with both prefixes, +7 8 916 …, or with the plus before the 8.
            when regexp_full_match(d, '78[3489][0-9]{9}') or regexp_full_match(d, '89[0-9]{9}') then '+7' || right(d, 10)
        end as e164
        from digits where length(d) >= 7
        """
    )
    rest = [row[0] for row in con.execute("select distinct one from numbers where e164 is null").fetchall()]
    parsed = pa.table({"one": pa.array(rest, pa.string()), "e164": pa.array(map(_e164, rest), pa.string())})
    con.register("parsed", parsed)
    con.execute(
        """
        create or replace temp table phones as
        select written, place, coalesce(n.e164, p.e164) as value from numbers n left join parsed p using (one);
        drop table numbers;
        """
    )
    con.unregister("parsed")


def _e164(written: str) -> str | None:
    if written.startswith("00"):
        written = "+" + written[2:]
    try:
        number = phonenumbers.parse(written, DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return None
    national = len(str(number.national_number))
    if (
        not phonenumbers.is_possible_number(number)
        or national < 7
        or (number.country_code == 7 and national != 10)
    ):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


# SQL: written, value: the canonical address of each written e-mail that is one. Plus tags go, Gmail's dots too.
_EMAILS = rf"""
    select written, case when domain = 'gmail.com' then replace(local, '.', '')
            when domain = 'yandex.ru' then replace(local, '.', '-') else local end || '@' || domain as value
    from (
        select written, regexp_replace(split_part(address, '@', 1), '\+.*$', '') as local,
            coalesce(e.canonical, split_part(address, '@', 2)) as domain
        from (
            -- Cyrillic letters that look Latin are slips; any other makes the address invalid.
            select written, translate(regexp_replace(regexp_replace(lower(written), '^(mailto:|e-?mail:)', ''),
                '[\s<>,;]|[.]+$', '', 'g'), 'авсенкмортху', 'abcehkmoptxy') as address
            from unspelt where kind = 'email'
        ) left join {dictionary("email_domains")} e
            on e.domain = split_part(address, '@', 2)
        where regexp_full_match(address, '[a-z0-9._%+''-]+@[a-z0-9-]+([.][a-z0-9-]+)*')
    ) where local <> '' and regexp_full_match(domain, '[a-z0-9-]+([.][a-z0-9-]+)*[.][a-z]{{2,}}')
"""
