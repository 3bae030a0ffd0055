"""Placeholder values: by what they are, the company's own, and those learned from the data.

Belongs here: which identifiers and birth dates are no evidence, and why. Does not belong here: what the
remaining ones prove (link.py, guard.py).
"""

import duckdb
import pyarrow as pa

# How many different first names may hold one value before it says nothing: a family shares a landline,
# hardly anybody shares a mailbox.
PERSON_LIMITS = {
    "phone": 6,
    "email": 4,
    "loyalty_card": 5,
    "login": 3,
    "account": 3,
    "messenger": 3,
    "tax_id": 3,
}
MAX_SURNAMES = 5
MANY_CARDS = 20

# Why a value is no evidence, in words that follow "they are".
REASONS = {
    "digits": "one digit again and again, or digits in a row",
    "domain": "addresses of a domain that is reserved or made up, as example.com",
    "mailbox": "mailboxes of no person, as info@ or test@",
    "company": "the company's own",
    "learned": "shared by too many",
    "listed": "dates that systems fill in by themselves (seed placeholder_dates)",
    "implausible": "dates of nobody's age",
    "unreadable": "unreadable",
}

_NOBODY = (
    "(no|none|not|test|testing|noemail|no-email|no_email|nomail|no-mail|net|netu|null|noreply|no-reply|nobody|fake|"
    "example|mail|email|e-mail|asd|asdf|qwe|qwerty|abc|aaa|xxx|user|client|customer|guest|info|admin|sales|zakaz|shop|"
    "[0-9]|123+4*5*6*|1+|0+|.)"
)
_NO_DOMAIN = "(example|test|localhost|domain|email|nomail|noemail)[.].*"


def drop_placeholders(con: duckdb.DuckDBPyConnection, company_phones: list[str]) -> None:
    """Takes placeholders out of `held` and default dates out of `cards`, into `dropped_held` and `dropped_dates`.

    placeholders: kind, value, reason (of REASONS), cards, people.
    company_phones are in E.164.
    """
    count_days(con, "cards")
    find_placeholders(con, company_phones)
    con.execute(
        """
        create or replace table dropped_held as
        select h.* from held h join placeholders p on p.kind = h.kind and p.value = h.value;
        create or replace table dropped_dates as
        select rid, birth_date from cards where birth_date in (select birth_date from default_dates);
        delete from held using placeholders p where held.kind = p.kind and held.value = p.value;
        update cards set birth_date = null where birth_date in (select birth_date from default_dates);
        """
    )


def count_days(con: duckdb.DuckDBPyConnection, cards: str) -> None:
    """Makes `default_dates` (birth_date, cards) and `no_birth_dates` (birth_date, reason, cards).

    default_dates: a date of birth that far too many share is some system's default. no_birth_dates: every date that is
    no evidence, for it is `learned` so, `listed` (data/placeholder_dates.csv) or `implausible` (of nobody's age).
    """
    con.execute(
        f"""
        create or replace table default_dates as
        with days as (select birth_date, count(*) as cards from {cards} where birth_date is not null group by 1)
        select birth_date, cards from days
        where cards > 10 and cards > 20 * (select avg(cards) from days)
            and (day(birth_date) = 1 or cards > 100 * (select avg(cards) from days));

        create or replace table no_birth_dates as
        select birth_date, 'learned' as reason, cards from default_dates
        union all
        select read_date, case when read_date in (select birth_date from listed_dates) then 'listed' else 'implausible' end,
            count(*)
        from {cards} where read_date is not null and birth_date is null group by read_date
        """
    )


def published_dates(placeholders: str) -> str:
    """SQL: the dates in `placeholders` (or a table like it), as identity.placeholder_dates publishes them."""
    return f"select cast(value as date) as birth_date, reason, cards from {placeholders} where kind = 'birth_date' order by 1"


def _few_digits(text: str) -> str:
    """SQL: is it made of two different characters at most?"""
    without_one = f"replace({text}, left({text}, 1), '')"
    return f"replace({without_one}, left({without_one}, 1), '') = ''"


def find_placeholders(con: duckdb.DuckDBPyConnection, company_phones: list[str]) -> None:
    """Makes `placeholders` of those values of `held` that name nobody, and of `no_birth_dates`."""
    con.register("company", pa.table({"value": pa.array(company_phones, pa.string())}))
    limits = ", ".join(f"('{kind}', {limit})" for kind, limit in PERSON_LIMITS.items())
    con.execute(
        f"""
        create or replace table placeholders as
        with shaped as (
            select kind, value, uses, case
                when kind = 'phone' and (
                    {_few_digits("right(value, 10)")}
                    or regexp_matches(value, '(0000000|1111111|2222222|3333333|5555555|7777777|9999999|1234567|7654321)$')
                    or value like '%1234567890' or value like '%0123456789') then 'digits'
                when kind = 'email' and regexp_full_match(split_part(value, '@', 2), '{_NO_DOMAIN}') then 'domain'
                when kind = 'email' and (
                    regexp_full_match(split_part(value, '@', 1), '{_NOBODY}')
                    or split_part(value, '@', 1) = split_part(split_part(value, '@', 2), '.', 1)) then 'mailbox'
                when kind in ('tax_id', 'loyalty_card')
                    and replace(value, left(value, 1), '') = '' then 'digits'
                when kind = 'phone' and value in (select value from company) then 'company'
            end as shape
            from (select kind, value, count(*) as uses from held group by all)
        ), usage as (
            -- So many cards as the lowest limit has people break none.
            select h.kind, h.value, any_value(s.shape) as shape, count(distinct h.rid) as cards,
                count(distinct c.given) filter (c.given_known) as people, count(distinct c.family) as surnames
            from held h join cards c using (rid) join shaped s on s.kind = h.kind and s.value = h.value
            where not c.is_company and (s.shape is not null or s.uses > {min(PERSON_LIMITS.values())})
            group by all
        ), judged as (
            select u.kind, u.value, u.cards, u.people, coalesce(u.shape, case
                when u.people > l.people or (u.surnames > {MAX_SURNAMES} and u.people > 2 and u.cards > l.people)
                    or (u.cards > {MANY_CARDS} and u.surnames > {MAX_SURNAMES} * 2) then 'learned' end) as reason
            from usage u left join (values {limits}) l(kind, people) using (kind)
        )
        select kind, value, reason, cards, people from judged where reason is not null
        union all
        select 'birth_date', cast(birth_date as varchar), reason, cards, null from no_birth_dates
        """
    )
    con.unregister("company")
