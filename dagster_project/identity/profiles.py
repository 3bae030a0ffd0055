"""Profiles: cards that say the very same thing count as one when they are compared.

Belongs here: collapsing cards into profiles, and the table that the model compares. Does not belong here:
any judgement whether two different profiles are one person.

A regular customer's fifty guest orders are one profile: pairs, and the model's weights, stay proportionate.
"""

import duckdb

# What the model sees of a profile; unique_id is the pid.
PROFILE_COLUMNS = (
    *(
        "unique_id",
        "given",
        "givens",
        "given_known",
        "given_initial",
        "patronymic",
        "patronymic_initial",
        "family",
    ),
    *("families", "gender", "birth_date", "phones", "emails", "mailboxes", "phone_1", "email_1", "mailbox_1"),
    *("street", "house", "flat", "city", "postcode"),
)


def build_profiles(con: duckdb.DuckDBPyConnection) -> None:
    """From `cards`, `held` and `decided_cards` (rid: cards that a steward judged by themselves) to who is compared."""
    read_contents(con)
    read_companies(con)
    con.execute(
        "create or replace table members as select rid, min(rid) over (partition by content) as pid from contents"
    )
    group_companies(con)
    con.execute(
        """
        create or replace table everyone as
        select rid, pid from members union all select rid, pid from company_members;

        create or replace table parents as
        select distinct m.pid as child, p.pid as parent from cards c join members m on m.rid = c.rid
        join members p on p.rid = c.parent_key where c.rid <> c.parent_key;
        """
    )
    describe(con)


def read_contents(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `contents` (rid, content) of people's cards: cards of one content are one profile.

    `members` (rid, pid) follows from it, pid the smallest rid of a content.
    """
    con.execute(
        """
        create or replace table contents as
        with values_held as (
            -- A sum, for it is the same in any order; of MD5, for DuckDB's hash takes some like words for one another.
            select rid, sum(md5_number_lower(kind || value)::hugeint) as held, bool_or(kind in ('phone', 'email')) as has_contact
            -- Each guest order names itself: that alone makes no other person of it.
            from held where kind <> 'account' group by rid
        ), said as (
            select c.rid, case when c.given is null or not coalesce(v.has_contact, false) or a.rid is not null
                then cast(c.rid as hugeint)
                else cast(md5_number(concat_ws('|', c.given, array_to_string(c.families, ' '), c.family, c.patronymic,
                    c.patronymic_initial, c.birth_date, c.gender, c.city, c.postcode, c.street, c.house, c.flat,
                    c.given_known, array_to_string(c.givens, ' '), v.held)) >> 1 as hugeint) end as content
            from cards c left join values_held v using (rid) left join decided_cards a using (rid)
            where not c.is_company
        )
        select rid, content from said
        """
    )


def read_companies(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `numbered` (rid, number, is_apart): companies, which have no profile, and their tax number."""
    con.execute(
        """
        create or replace table numbered as
        select c.rid, min(h.value) as number, c.rid in (select rid from decided_cards) as is_apart
        from cards c left join held h on h.rid = c.rid and h.kind = 'tax_id' where c.is_company group by c.rid
        """
    )


def group_companies(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `company_members` (rid, pid) by tax number, and `company_links` (pid_l, pid_r): those of one number that
    a steward judged."""
    con.execute(
        """
        create or replace table company_members as
        select rid, min(rid) over (partition by coalesce(number, 'none ' || rid), if(is_apart, rid, 0)) as pid
        from numbered;

        create or replace table company_links as
        with groups as (select distinct m.pid, n.number from company_members m join numbered n using (rid))
        select l.pid as pid_l, r.pid as pid_r from groups l join groups r on l.number = r.number and l.pid < r.pid
        """
    )


def describe(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `profiles` of `members`: PROFILE_COLUMNS, is_strong (it has a full given name), pid."""
    con.execute(
        """
        create or replace table profiles as
        with boxes as (
            select value, regexp_replace(split_part(value, '@', 1), '[._-]', '', 'g') as box,
                -- Only a box without digits may be a name alone.
                case when regexp_matches(value, '[0-9].*@') then null else name_key(split_part(value, '@', 1)) end as box_key
            from (select distinct value from held where kind = 'email')
            where length(split_part(value, '@', 1)) >= 5
        ), contacts as (
            select h.rid as pid,
                list_sort(list(h.value) filter (h.kind = 'phone')) as phones,
                list_sort(list(h.value) filter (h.kind = 'email')) as emails,
                -- Made of the name alone (olga.petrova@), a mailbox repeats the name and proves nothing more.
                list_sort(list_distinct(list(b.box) filter (b.value is not null
                    and not coalesce(contains(b.box_key, left(c.family, 4)) or contains(b.box_key, left(c.given, 4)), false)
                ))) as mailboxes
            from held h join cards c using (rid) left join boxes b on h.kind = 'email' and b.value = h.value
            where h.kind in ('phone', 'email') and h.rid in (select pid from members)
            group by h.rid
        )
        select c.rid as unique_id, c.rid as pid, c.given is not null as is_strong,
            c.given, c.givens, c.given_known, c.given_initial, c.patronymic, c.patronymic_initial, c.family, c.families,
            c.gender, cast(c.birth_date as varchar) as birth_date,
            k.phones, k.emails, k.mailboxes, k.phones[1] as phone_1, k.emails[1] as email_1, k.mailboxes[1] as mailbox_1,
            c.street, c.house, c.flat, c.city, c.postcode
        from cards c join (select distinct pid from members) m on m.pid = c.rid
        left join contacts k on k.pid = c.rid;
        """
    )
