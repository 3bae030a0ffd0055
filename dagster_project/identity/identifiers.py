"""An identifier in its one spelling: phones in E.164, e-mails without aliases, card numbers without signs.

Belongs here: every rule of how a phone, an e-mail, a card number or a login is read. Does not belong here: who
holds it (standardise.py) and what it proves (placeholders.py, link.py).

Everything is SQL over distinct values; Python touches only phone numbers that are not plainly their region's.
"""

from collections.abc import Sequence

import duckdb
import phonenumbers
import pyarrow as pa

from dagster_project.config import DEFAULT_PHONE_REGION
from dagster_project.identity.engine import dictionary
from dagster_project.identity.regions import in_sql

# Characters; an e-mail address has no more by its standard, and what is longer fits no index of the warehouse.
LONGEST = 320
# Regions whose numbers have the code 7, and the habits of writing that `_RUSSIAN` reads.
_SEVEN = ("RU", "KZ")


def canonical(kind: str, written: str, regions: Sequence[str] = (DEFAULT_PHONE_REGION,)) -> str | None:
    """`written` as identity.record_identifiers has it, the first one of several; None: it is no such identifier.

    kind: `phone`, `email`, `loyalty_card`, `login`, `account`, `visitor`, `messenger` or `tax_id`. regions: where a
    phone without a country code may be from, the likeliest first.
    """
    return canonical_values(kind, [written], regions)[0]


def canonical_values(
    kind: str, written: Sequence[str], regions: Sequence[str] = (DEFAULT_PHONE_REGION,)
) -> list[str | None]:
    """`canonical` of each, in the order given."""
    texts = [text.strip() for text in written]
    count = len(texts)
    incoming = pa.table(
        {
            "kind": pa.array([kind] * count, pa.string()),
            "value": pa.array(texts, pa.string()),
            "regions": pa.array([",".join(regions)] * count, pa.string()),
        }
    )
    with duckdb.connect(":memory:") as con:
        con.register("incoming", incoming)
        spell(con, "incoming")
        found = dict(con.execute("select written, value from spellings where place = 1").fetchall())
    return [found.get(text) for text in texts]


def readings(kind: str, written: str, regions: Sequence[str]) -> list[str]:
    """What `written` may be in identity.record_identifiers: canonical in each of `regions`, or as it is written."""
    if kind != "phone":
        regions = regions[:1]
    found = [canonical(kind, written, [region]) for region in regions]
    return list(dict.fromkeys(value for value in found if value)) or [written.strip().lower()]


def spell(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """From `table` (kind, value: trimmed, regions) to `spellings`: kind, written, regions, value, place (1, 2, … of
    written's values).

    regions: of a phone, where it may be from, comma separated, the likeliest first; of anything else it makes no
    difference and is ''. What cannot be read has no row; a field with two phones has two.
    """
    con.execute(
        f"""
        create or replace temp table unspelt as
        select distinct kind, value as written, case when kind = 'phone' then regions else '' end as regions
        from {table} where value is not null
        """
    )
    _phones(con)
    con.execute(
        f"""
        create or replace table spellings as
        -- A number that a field has twice counts once.
        select 'phone' as kind, written, regions, value,
            row_number() over (partition by written, regions order by min(place)) as place
        from phones where value <> '' group by written, regions, value
        union all
        select kind, written, '', value, 1 from (
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


# SQL over `digits`: a Russian or Kazakh number as it is written there, or null.
_RUSSIAN = r"""case
    -- 8 is the trunk prefix, never after a plus.
    when regexp_full_match(d, '7[3-9][0-9]{9}') then '+' || d
    when regexp_full_match(d, '8[3-9][0-9]{9}') and not is_international then '+7' || d[2:]
    when regexp_full_match(d, '(007|810 ?7)[3-9][0-9]{9}') then '+7' || right(d, 10)
    when regexp_full_match(d, '[3489][0-9]{9}') and not is_international then '+7' || d
    -- Written with both prefixes, +7 8 916 …, or with the plus before the 8.
    when regexp_full_match(d, '78[3489][0-9]{9}') or regexp_full_match(d, '89[0-9]{9}') then '+7' || right(d, 10)
end"""


def _phones(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `phones` (written, regions, place, value): what is plainly a number of its first region in SQL, the rest by
    phonenumbers, each distinct text once."""
    regions = con.execute(
        "select distinct split_part(regions, ',', 1) from unspelt where kind = 'phone' order by 1"
    ).fetchall()
    branches = [
        f"when region = '{region}' then {sql}"
        for (region,) in regions
        if (sql := _RUSSIAN if region in _SEVEN else in_sql(region, "d", "is_international"))
    ]
    own = f"case {' '.join(branches)} end" if branches else "null"
    con.execute(
        rf"""
        create or replace temp table numbers as
        with split as (
            select written, regions, unnest(parts) as part, generate_subscripts(parts, 1) as place
            from (
                select written, regions, regexp_split_to_array(written, '[,;/|]| и | или ') as parts
                from unspelt where kind = 'phone'
            )
        ), clean as (
            select *, trim(regexp_replace(lower(part), '(доб|ext|вн|внутр|#|x).*$', '')) as one from split
        ), digits as (
            select written, regions, place, one, regexp_replace(one, '[^0-9]', '', 'g') as d,
                one like '+%' or one like '00%' as is_international, split_part(regions, ',', 1) as region
            from clean
        )
        select written, regions, place, one,
            case when one like '+7%' and regexp_full_match(d, '7[3-9][0-9]{{9}}') then '+' || d else {own} end as e164
        from digits where length(d) >= 7
        """
    )
    rest = con.execute("select distinct one, regions from numbers where e164 is null").fetchall()
    parsed = pa.table(
        {
            "one": pa.array([one for one, _ in rest], pa.string()),
            "regions": pa.array([regions for _, regions in rest], pa.string()),
            "e164": pa.array([_e164(one, regions.split(",")) for one, regions in rest], pa.string()),
        }
    )
    con.register("parsed", parsed)
    con.execute(
        """
        create or replace temp table phones as
        select written, regions, place, coalesce(n.e164, p.e164) as value
        from numbers n left join parsed p using (one, regions);
        drop table numbers;
        """
    )
    con.unregister("parsed")


def _e164(written: str, regions: Sequence[str]) -> str | None:
    """The number of the first region where it is one that is given out, else of the first where it could be dialled."""
    if written.startswith("00"):
        written = "+" + written[2:]
    possible: phonenumbers.PhoneNumber | None = None
    for region in regions:
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        national = len(str(number.national_number))
        if (
            not phonenumbers.is_possible_number(number)
            or national < 7
            or (number.country_code == 7 and national != 10)
        ):
            continue
        possible = possible or number
        if len(regions) == 1 or phonenumbers.is_valid_number(number):
            possible = number
            break
    if possible is None:
        return None
    return phonenumbers.format_number(possible, phonenumbers.PhoneNumberFormat.E164)


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
