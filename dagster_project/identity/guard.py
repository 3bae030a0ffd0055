"""What speaks against a link: contradictions of names, patronymics and birth dates; thin evidence.

Belongs here: facts of a pair and vetoes. Does not belong here: limits on shared values (placeholders.py)
and contradictions inside a cluster that no single pair shows (cluster.py).

People who live together share phones, mail and address: two different first names are two people, however
high the score.
"""

import duckdb

from dagster_project.identity.engine import within

_STATE = """case
    when l.{0} is null or r.{0} is null then 'unknown'
    when l.{0} = r.{0} then 'same'
    when is_typo(l.{0}, r.{0}) then 'typo'
    else 'differs' end"""

# SQL: a slip in a long mailbox; ivanov1968 and ivanov1969 are two. What is cheap comes first, and alone: what `or`
# joins is computed of every pair.
_NEAR_MAILBOX = f"""case
    when least(length(l.mailbox_1), length(r.mailbox_1)) < 7 or abs(length(l.mailbox_1) - length(r.mailbox_1)) > 1
        or (left(l.mailbox_1, 3) <> left(r.mailbox_1, 3) and right(l.mailbox_1, 3) <> right(r.mailbox_1, 3)) then false
    when {within("l.mailbox_1", "r.mailbox_1", "1")}
        then regexp_replace(l.mailbox_1, '[^0-9]', '', 'g') = regexp_replace(r.mailbox_1, '[^0-9]', '', 'g')
    else false end"""


def _initial(side: str, name: str, names: str) -> str:
    """SQL: the letters that a profile's name may begin with, as a list, alphabets and spellings apart (Y, Е, Ю)."""
    # Of a first name and one letter (Анна К.) the letter may be the surname's.
    known = f"({side}.given is null or {side}.family is not null)" if name == "patronymic" else "true"
    return (
        f"case when {side}.{name} is not null then list_transform({names}, lambda n: initial_class(n))"
        f" when {known} and {side}.{name}_initial is not null then [initial_class({side}.{name}_initial)] end"
    )


def _initials_differ(name: str, names: str) -> str:
    """SQL: is one of two profiles without a full first name, and of another initial than the other?"""
    one, other = (_initial(side, name, names.format(side=side)) for side in "lr")
    # Lists are made of the few pairs that ask for them: `and` would make them of all.
    return f"case when l.given is null or r.given is null then coalesce(not list_has_any({one}, {other}), false) else false end"


_OTHER_INITIALS = f"({_initials_differ('given', '{side}.givens')} or {_initials_differ('patronymic', '[{side}.patronymic]')})"


def near_dates(a: str, b: str) -> str:
    """SQL: is date b the date a, or a slip of it: one sign, day and month in each other's place, or one of the two?

    Another year alone is no slip: that is a father and his son.
    """
    month, day = (f"substr({{}}, {start}, 2)" for start in (6, 9))
    return (
        f"({within(a, b, '1')} or (left({a}, 4) = left({b}, 4) and ({month.format(a)} = {month.format(b)}"
        f" or {day.format(a)} = {day.format(b)}"
        f" or ({month.format(a)} = {day.format(b)} and {day.format(a)} = {month.format(b)}))))"
    )


def find_facts(con: duckdb.DuckDBPyConnection, pairs: str) -> None:
    """From table `pairs`, `shared`, `parents` and `profiles` to `facts` and `vetoes` (pid_l, pid_r, reason)."""
    con.execute(
        f"""
        create or replace table facts as
        with kinds as (
            select pid_l, pid_r, bool_or(kind = 'phone') as has_phone, bool_or(kind = 'email') as has_email,
                bool_or(kind = 'loyalty_card') as has_loyalty_card, bool_or(kind = 'login') as has_login,
                bool_or(kind = 'account') as has_account,
                bool_or(kind = 'messenger') as has_messenger, bool_or(kind = 'tax_id') as has_tax_id
            from shared group by all
        ), declared as (
            select distinct least(child, parent) as pid_l, greatest(child, parent) as pid_r from parents where child <> parent
        )
        select c.pid_l, c.pid_r, p.pid_l is not null as is_parent,
            coalesce(k.has_phone, false) as has_phone, coalesce(k.has_email, false) as has_email,
            coalesce(k.has_loyalty_card, false) as has_loyalty_card, coalesce(k.has_login, false) as has_login,
            coalesce(k.has_account, false) as has_account,
            coalesce(k.has_messenger, false) as has_messenger, coalesce(k.has_tax_id, false) as has_tax_id,
            l.is_strong and r.is_strong as both_strong,
            case
                when l.given is null or r.given is null then 'unknown'
                when list_has_any(l.givens, r.givens) then 'same'
                -- Марина is no slip for Мария: two known names are two names.
                when l.given_known and r.given_known then 'differs'
                when is_typo(l.given, r.given) or jaro_winkler_similarity(l.given, r.given) >= 0.9 then 'typo'
                when l.given = r.family and r.given = l.family then 'same'
                -- A short form that no dictionary has: it begins alike.
                when left(l.given, 2) = left(r.given, 2) or jaro_winkler_similarity(l.given, r.given) >= 0.78 then 'near'
                else 'differs' end as given_state,
            case when list_has_any(l.families, r.families) or (l.given = r.family and r.given = l.family) then 'same'
                when jaro_winkler_similarity(l.family, r.family) >= 0.93 then 'typo'
                else {_STATE.format("family")} end as family_state,
            coalesce(l.given = r.given and l.family = r.family, false) as same_names,
            given_state in ('same', 'typo') or (given_state = 'near' and family_state in ('same', 'typo')) as given_fits,
            {_STATE.format("patronymic")} as patronymic_state,
            {_OTHER_INITIALS} as initials_differ,
            case
                when l.birth_date is null or r.birth_date is null then 'unknown'
                when l.birth_date = r.birth_date then 'same'
                when {near_dates("l.birth_date", "r.birth_date")} then 'close'
                else 'differs' end as birth_date_state,
            coalesce(l.street = r.street and l.house = r.house and l.flat is not distinct from r.flat, false) as same_home,
            coalesce(list_has_any(l.mailboxes, r.mailboxes), false) as same_mailbox,
            coalesce({within("l.phone_1", "r.phone_1", "1")}, false) as near_phone,
            coalesce({_NEAR_MAILBOX}, false) as near_mailbox,
            coalesce(l.gender <> r.gender, false) as gender_differs
        from {pairs} c
        join profiles l on l.pid = c.pid_l join profiles r on r.pid = c.pid_r
        left join kinds k on k.pid_l = c.pid_l and k.pid_r = c.pid_r
        left join declared p on p.pid_l = c.pid_l and p.pid_r = c.pid_r;

        create or replace table vetoes as
        select pid_l, pid_r, case
            when given_state = 'differs' then 'given_name_differs'
            -- A card or a number of one's own says more than a letter.
            when initials_differ and not (has_phone or has_email or has_loyalty_card or has_login or has_account
                    or has_messenger or has_tax_id) then 'given_name_differs'
            when gender_differs and given_state <> 'same' then 'gender_differs'
            when patronymic_state = 'differs' and not (has_email and birth_date_state = 'same') then 'patronymic_differs'
            when birth_date_state = 'differs'
                and not ((has_email or has_phone) and family_state in ('same', 'typo')) then 'birth_date_differs'
            when given_state = 'near' and family_state not in ('same', 'typo') then 'given_name_differs'
            when birth_date_state = 'differs' and given_state <> 'same' then 'birth_date_differs'
            -- Many live at one address: it carries a first name no further than to the same surname.
            when family_state = 'differs' and not (has_phone or has_email or has_loyalty_card or has_login
                    or has_account or has_messenger or has_tax_id or same_mailbox or near_phone or near_mailbox
                    or patronymic_state = 'same' or birth_date_state in ('same', 'close')) then 'family_name_differs'
            when not (has_phone or has_email or has_loyalty_card or has_login or has_account or has_messenger or has_tax_id
                    or same_home or same_mailbox or near_phone or near_mailbox or birth_date_state in ('same', 'close')
                    -- Three names that agree are as much as a date: how rare they are is for the model to say.
                    or (given_state = 'same' and patronymic_state = 'same' and family_state = 'same')) then 'name_alone'
            end as reason
        from facts
        where not is_parent and reason is not null
        """
    )


def find_conflicts(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `conflicts` (pid_l, pid_r): profiles of one `components` (pid, component) that cannot be one person.

    A card that its source declares part of another (a delivery address) speaks for nobody by its name.
    """
    con.execute(
        f"""
        create or replace table conflicts as
        with spoken as (
            select c.component, p.pid, p.given, p.givens, p.patronymic, p.family, p.given_initial, p.patronymic_initial,
                p.birth_date
            from components c join profiles p using (pid)
            where (p.given_known or p.given_initial is not null) and p.pid not in (select child from parents)
        ), mixed as (
            select component from spoken group by 1
            having count(distinct given) > 1 or count(distinct patronymic) > 1 or bool_or(given is null)
        )
        select l.pid as pid_l, r.pid as pid_r
        from spoken l join spoken r on l.component = r.component and l.pid < r.pid
        where l.component in (select component from mixed)
            and (not list_has_any(l.givens, r.givens)
                or (l.patronymic is not null and r.patronymic is not null and l.patronymic <> r.patronymic
                    and not is_typo(l.patronymic, r.patronymic))
                -- Twins, and who was linked by surname and day.
                or (l.family = r.family and l.birth_date = r.birth_date and {_OTHER_INITIALS}))
            and not exists (select 1 from links k where k.pid_l = l.pid and k.pid_r = r.pid and k.is_used)
        """
    )
