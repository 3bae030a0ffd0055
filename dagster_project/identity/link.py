"""Candidate pairs and the links between them: deterministic rules first, the model's scores beside them.

Belongs here: blocking, rules, `sole holders`. Does not belong here: what forbids a link (guard.py) and how
links become customers (cluster.py).
"""

import duckdb
import pyarrow as pa

# A blocking value that more profiles share says little and costs its square: each rule brings a profile at most
# MAX_BLOCK - 1 others, each of its identifiers at most MAX_SHARED - 1. That bounds the pairs a card.
MAX_BLOCK = 60
# More profiles than one person has (cluster.MAX_CLUSTER) tell nothing by the identifier that they share.
MAX_SHARED = 150
# How strong each kind of link is when clusters are built: the strongest join first. Splink's lie between.
RULE_STRENGTH = {
    "same_content": 1000.0,
    "parent": 900.0,
    "tax_id": 800.0,
    "messenger": 700.0,
    "login": 690.0,
    "account": 685.0,
    "loyalty_card": 680.0,
    "email_and_phone": 600.0,
    "email": 500.0,
    "phone": 450.0,
    "sole_holder": -100.0,
    "same_contact": -200.0,
}

# SQL: the pairs that a rule may join, whatever the model says.
RULED = (
    "select pid_l, pid_r from shared"
    " union select least(child, parent), greatest(child, parent) from parents where child <> parent"
)

# Keys under which two profiles meet: exact, phonetic (names are keys already), reordered and partial ones.
_BLOCKING = {
    # The one key of profiles with an initial alone: two of a surname are rarely of one day.
    "family+birth_date": (
        "select pid, hash(family, birth_date) from profiles"
        " where (is_strong or given_initial is not null) and family is not null and birth_date is not null"
    ),
    "given+birth_date": "select pid, hash(given, birth_date) from profiles where is_strong and birth_date is not null",
    "initials+birth_date": (
        "select pid, hash(least(left(family, 2), left(given, 2)), greatest(left(family, 2), left(given, 2)),"
        " birth_date) from profiles where is_strong and family is not null and birth_date is not null"
    ),
    "names+birth_day": (
        "select pid, hash(given, left(family, 3), least(substr(birth_date, 6, 2), substr(birth_date, 9, 2)),"
        " greatest(substr(birth_date, 6, 2), substr(birth_date, 9, 2)))"
        " from profiles where is_strong and family is not null and birth_date is not null"
    ),
    "names+birth_year": (
        "select pid, hash(given, left(family, 4), left(birth_date, 4)) from profiles"
        " where is_strong and family is not null and birth_date is not null"
    ),
    "full_name": (
        "select pid, hash(given, patronymic, family) from profiles"
        " where is_strong and patronymic is not null and family is not null"
    ),
    "given+patronymic+city": (
        "select pid, hash(given, patronymic, city) from profiles"
        " where is_strong and patronymic is not null and city is not null"
    ),
    "names+city": (
        "select pid, hash(given, family, city) from profiles"
        " where is_strong and family is not null and city is not null"
    ),
    "names_in_any_order": (
        "select pid, hash(least(given, family), greatest(given, family)) from profiles"
        " where is_strong and family is not null"
    ),
    "consonants+city": (
        "select pid, hash(left(given, 1), translate(family, 'aeiou', ''), city) from profiles"
        " where is_strong and length(family) >= 5 and city is not null"
    ),
    "address+given": (
        "select pid, hash(street, house, given) from profiles"
        " where is_strong and street is not null and house is not null"
    ),
    "address+family": (
        "select pid, hash(street, house, left(family, 4)) from profiles"
        " where is_strong and street is not null and house is not null and family is not null"
    ),
    "mailbox": "select pid, unnest(mailboxes) from profiles where is_strong",
    "mailbox_start+given": "select pid, given || '|' || left(unnest(mailboxes), 6) from profiles where is_strong",
    "phone_start+given": "select pid, given || '|' || left(unnest(phones), -4) from profiles where is_strong",
    "phone_end+given": "select pid, given || '|' || right(unnest(phones), 7) from profiles where is_strong",
    "phone_middle+given": "select pid, given || '|' || substr(unnest(phones), 3, 5) || family from profiles where is_strong",
}
BLOCKING_RULES = tuple(_BLOCKING)
# Names alone bring together ever more strangers as cards grow in number, and a link needs more than them: in their
# blocks a profile counts for several.
_BROAD = ("names_in_any_order", "consonants+city", "mailbox_start+given")
BROAD_WEIGHT = 4
_BROAD_PLACES = ", ".join(str(BLOCKING_RULES.index(rule)) for rule in _BROAD)
BLOCK_WEIGHT = f"case when rule in ({_BROAD_PLACES}) then {BROAD_WEIGHT} else 1 end"
BLOCK_FILL = f"sum({BLOCK_WEIGHT})"


def find_candidates(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `candidates` (pid_l < pid_r), `shared` (pid_l, pid_r, kind) and `dropped_blocks` of all profiles."""
    find_identifiers(con)
    drop_crowded(con)
    find_shared(con)
    find_blocks(con)
    meet(con)


def find_identifiers(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `profile_identifiers` (pid, kind, value)."""
    con.execute(
        """
        create or replace table profile_identifiers as
        select distinct m.pid, h.kind, h.value from held h join members m using (rid)
        """
    )


def drop_crowded(con: duckdb.DuckDBPyConnection) -> None:
    """Takes what too many share out of `profile_identifiers`, into `crowded` (kind, value, n)."""
    con.execute(
        f"""
        create or replace table crowded as
        select kind, value, count(*) as n from profile_identifiers where kind <> 'visitor'
        group by kind, value having count(*) > {MAX_SHARED};
        delete from profile_identifiers using crowded c
        where profile_identifiers.kind = c.kind and profile_identifiers.value = c.value;
        """
    )


def find_shared(con: duckdb.DuckDBPyConnection, wanted: str = "true") -> None:
    """Makes `shared`: profiles l and r that hold one value and that SQL `wanted` asks for."""
    con.execute(
        f"""
        create or replace table shared as
        select l.pid as pid_l, r.pid as pid_r, l.kind
        from profile_identifiers l join profile_identifiers r
            on l.kind = r.kind and l.value = r.value and l.pid < r.pid
        where l.kind <> 'visitor' and ({wanted})
        group by all
        """
    )


def find_blocks(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `blocks` (rule, pid, key) of `profiles`; rule is a place in BLOCKING_RULES, key a hash of both."""
    con.execute(
        # A profile has one key a rule, but where its key is taken from a list.
        "create or replace table blocks as "
        + " union all ".join(
            f"select {'distinct' if 'unnest' in sql else ''} {i}::utinyint as rule, pid, hash({i}, key) as key"
            f" from ({sql}) t(pid, key) where key is not null"
            for i, sql in enumerate(_BLOCKING.values())
        )
    )


def meet(con: duckdb.DuckDBPyConnection, wanted: str = "true") -> None:
    """From `blocks`, `shared` and `parents` to `candidates` and `dropped_blocks` (rule, key, n: too frequent).

    wanted: SQL, which pairs of blocks l and r are asked for.
    """
    con.execute(
        f"""
        create or replace table block_sizes as
        select rule, key, n, n * {BLOCK_WEIGHT} as fill from (
            select rule, key, count(*) as n from blocks group by rule, key having count(*) > 1
        );

        create or replace table dropped_blocks as select rule, key, n from block_sizes where fill > {MAX_BLOCK};

        create or replace table candidates as
        with kept as (
            select b.pid, b.key from blocks b join block_sizes s using (key) where s.fill <= {MAX_BLOCK}
        )
        select l.pid as pid_l, r.pid as pid_r from kept l join kept r on l.key = r.key and l.pid < r.pid where {wanted}
        union
        select s.pid_l, s.pid_r from shared s join profiles l on l.pid = s.pid_l join profiles r on r.pid = s.pid_r
        where (l.is_strong and r.is_strong) or s.kind not in ('phone', 'email')
        union
        select least(child, parent), greatest(child, parent) from parents where child <> parent
        """
    )


def blocking_report(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """What was too frequent to be compared: rule, dropped_values, dropped_profiles.

    `shared:<kind>` are identifiers, which then link nobody.
    """
    found = con.execute(
        """
        select rule, null, count(*), cast(sum(n) as bigint) from dropped_blocks group by rule
        union all select null, 'shared:' || kind, count(*), cast(sum(n) as bigint) from crowded group by kind
        """
    ).fetchall()
    rows = [
        {"rule": name or BLOCKING_RULES[rule], "dropped_values": values, "dropped_profiles": profiles}
        for rule, name, values, profiles in found
    ]
    schema = pa.schema(
        [("rule", pa.string()), ("dropped_values", pa.int64()), ("dropped_profiles", pa.int64())]
    )
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["rule"]), schema=schema)


def link(con: duckdb.DuckDBPyConnection, threshold: float, names_from: float) -> None:
    """From `facts`, `vetoes` (guard.py) and `scores` to `links`, one row a judged pair.

    names_from: the match weight from which first name and surname alone link (Model.names_from).

    links: pid_l, pid_r, linked_by, strength, match_weight, match_probability, levels, is_used, rejected_by.
    A pair that no rule names and that scores below one half is not kept.
    """
    con.execute(
        f"""
        create or replace table links as
        with ruled as (
            select f.*, case
                when is_parent then 'parent'
                when has_tax_id then 'tax_id' when has_messenger then 'messenger' when has_login then 'login'
                when has_account then 'account'
                when has_loyalty_card then 'loyalty_card'
                when not both_strong then null
                when has_email and has_phone then 'email_and_phone'
                -- A mailbox is one person's: with the same first name another surname is a married one.
                when has_email and given_fits and (given_state = 'same' or family_state <> 'differs') then 'email'
                -- A number is shared and handed on: the surname must fit too, or something else be the same.
                when has_phone and given_fits and (family_state in ('same', 'typo') or patronymic_state = 'same'
                    or birth_date_state = 'same' or (family_state = 'unknown' and given_state = 'same')) then 'phone'
            end as rule
            from facts f
        )
        select r.pid_l, r.pid_r,
            case when rule is not null then 'deterministic:' || rule else 'splink' end as linked_by,
            case rule {" ".join(f"when '{rule}' then {strength}" for rule, strength in RULE_STRENGTH.items())}
                else s.match_weight end as strength,
            s.match_weight, s.match_probability, s.levels,
            coalesce(veto.reason is null and (rule is not null or s.match_probability >= {threshold}), false) as is_used,
            case when veto.reason is not null then veto.reason
                when rule is null and s.match_probability < {threshold} then 'below_threshold' end as rejected_by
        from ruled r left join scores s using (pid_l, pid_r)
        left join vetoes veto on veto.pid_l = r.pid_l and veto.pid_r = r.pid_r
            and not (veto.reason = 'name_alone' and r.same_names
                and coalesce(s.match_weight >= cast('{names_from}' as double), false))
        where rule is not null or s.match_probability >= 0.5
        """
    )


def link_sole_holders(con: duckdb.DuckDBPyConnection) -> None:
    """Adds to `links` what profiles without a full first name may be linked to; from `clusters` (pid, cluster).

    Such a profile (a number in the telephone log, a till receipt) joins the only customer who holds its e-mail
    or phone and does not contradict it; where several hold it, the one whom the number passed on to, if their
    times of use are apart; else nobody, and the pair goes to `ambiguous` (pid, value's kind, holders).
    """
    con.execute(
        """
        create or replace table weak as
        -- What another link already tied to a person is settled.
        select p.pid, c.cluster from profiles p join clusters c using (pid)
        where not p.is_strong and c.cluster not in (
            select cluster from clusters join profiles using (pid) where is_strong);

        create or replace table uses as
        with asked as (
            select distinct kind, value from profile_identifiers semi join weak using (pid)
        ), held_by as (
            select i.kind, i.value, c.cluster, i.pid from profile_identifiers i semi join asked using (kind, value)
            join clusters c using (pid)
        ), spans as (
            select h.kind, h.value, h.cluster, min(k.created_at) as first_use,
                max(coalesce(k.updated_at, k.created_at)) as last_use
            from held_by h join profiles p using (pid) join members m using (pid) join cards k on k.rid = m.rid
            where h.kind in ('phone', 'email') and p.is_strong group by all
        )
        select h.*, p.family, p.families, p.givens, p.birth_date, p.patronymic, s.first_use, s.last_use
        from held_by h join spans s using (kind, value, cluster) join profiles p using (pid) where p.is_strong;

        create or replace table holders as
        with candidates as (
            select w.pid, i.kind, u.cluster, min(u.pid) as holder, min(u.first_use) as first_use,
                max(u.last_use) as last_use, any_value(k.created_at) as seen_first,
                any_value(coalesce(k.updated_at, k.created_at)) as seen_last,
                coalesce(bool_or(list_has_any(w2.families, u.families)), false) as family_fits
            from weak w join profiles w2 using (pid) join profile_identifiers i using (pid)
            join uses u on u.kind = i.kind and u.value = i.value
            join cards k on k.rid = w.pid
            where (w2.families is null or u.families is null or list_has_any(w2.families, u.families)
                    or is_typo(w2.family, u.family))
                and has_initial(u.givens, w2.given_initial)
                and (w2.patronymic is null or u.patronymic is null or w2.patronymic = u.patronymic)
                and (w2.birth_date is null or u.birth_date is null or w2.birth_date = u.birth_date)
                and not exists (select 1 from kept_apart a
                    where a.pid_l = least(w.pid, u.pid) and a.pid_r = greatest(w.pid, u.pid))
            group by w.pid, i.kind, u.cluster
        ), ranked as (
            select *, count(*) over (partition by pid, kind) as holders,
                max(last_use) over (partition by pid, kind order by first_use
                    rows between unbounded preceding and 1 preceding) as earlier_last_use,
                row_number() over (partition by pid, kind order by first_use desc, cluster) as newest
            from candidates
        )
        select pid, kind, cluster, holder, holders,
            -- The number changed hands: everybody else had gone before this one came, and the card came after.
            holders = 1 or (newest = 1 and earlier_last_use < first_use - interval 90 day and seen_first >= first_use) as is_sole
        from ranked;

        create or replace table sole as
        select pid, min_by(holder, kind) as holder, count(distinct cluster) as choices
        from holders where is_sole group by pid;

        create or replace table ambiguous as
        select pid, kind, holder, holders from holders
        where pid not in (select pid from sole where choices = 1);

        insert into links
        select least(pid, holder) as pid_l, greatest(pid, holder) as pid_r, 'deterministic:sole_holder', -100,
            null, null, null, true, null
        from sole where choices = 1 and (pid_l, pid_r) not in (select (pid_l, pid_r) from links);

        -- Cards without a name and without any holder: the same contact is all there is to know of them.
        insert into links
        with free as (
            select w.pid, i.kind, i.value, p.families, p.given_initial, p.birth_date
            from weak w join profile_identifiers i using (pid)
            join profiles p using (pid)
            where i.kind in ('phone', 'email') and w.pid not in (select pid from holders)
        )
        select l.pid, r.pid, 'deterministic:same_contact', -200, null, null, null, true, null
        from free l join free r on l.kind = r.kind and l.value = r.value and l.pid < r.pid
        where (l.families is null or r.families is null or list_has_any(l.families, r.families))
            and (l.given_initial is null or r.given_initial is null or l.given_initial = r.given_initial)
            and (l.birth_date is null or r.birth_date is null or l.birth_date = r.birth_date)
            and (l.pid, r.pid) not in (select (pid_l, pid_r) from links)
        group by l.pid, r.pid;
        """
    )
