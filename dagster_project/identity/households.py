"""Households: customers who live together, recognised and never merged.

Belongs here: who shares a home or a contact with whom, and the household's ID. Does not belong here: whether
two cards are one person (guard.py, cluster.py).

Two customers share a household if their first names (or generations) differ and they share a flat, a house where
nobody has a flat, or a phone or mailbox and a surname. Placeholders are gone from `held` before; what more than
MAX_SHARED customers share is an office or a dormitory. The ID is the oldest member's: it lasts as long as they do.
"""

import duckdb
import numpy as np
import pyarrow as pa

from dagster_project.identity.cluster import components

# More customers than this at one address or phone, or in one household, are no family.
MAX_SHARED = 8
MAX_MEMBERS = 12
# Father and son of one name are this many years apart.
GENERATION = 15
# SQL: where a card says that its customer lives, as far as the house.
PLACE = "coalesce(city, postcode) || '|' || street || '|' || house"
HOUSEHOLDS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("household_id", pa.string()),
        ("evidence", pa.string()),
        ("members", pa.int64()),
    ]
)


def find_households(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `households` (HOUSEHOLDS) and `household_report` (what, count).

    From `cards`, `held`, `clustered`, `cluster_customers`, `customers_now` and `decided`.
    """
    find_relatives(con)
    join_relatives(con)
    report(con)


def find_relatives(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `relatives` (customer_l < customer_r, evidence) and `crowded_signs` (kind, value, material: shared by too
    many), material being the place or the contact that a sign is made of."""
    con.execute(
        f"""
        create or replace temp table persons as
        select k.customer_id, c.rid, c.given, c.givens, c.given_known, c.family, c.families, c.birth_date, c.city,
            c.postcode, c.street, c.house, c.flat
        from cards c join clustered t using (rid) join cluster_customers k using (cluster)
        where not c.is_company;

        create or replace temp table addresses as
        select distinct customer_id, {PLACE} as building, flat, family, families from persons where building is not null;

        create or replace temp table household_signs as
        select distinct 'home' as kind, building || '|' || flat as value, building as material, customer_id
        from addresses where flat is not null
        union all
        select distinct 'house', building || '|' || family_, building, customer_id
        from addresses, unnest(families) t(family_)
        where building not in (select building from addresses where flat is not null)
        union all
        select distinct 'contact', concat_ws('|', h.kind, h.value, family_), h.kind || '|' || h.value, p.customer_id
        from held h join persons p using (rid), unnest(p.families) t(family_)
        where h.kind in ('phone', 'email');

        create or replace temp table sign_sizes as
        select kind, value, min(material) as material, count(*) as customers from household_signs
        group by kind, value having count(*) > 1;

        create or replace table crowded_signs as
        select kind, value, material from sign_sizes where customers > {MAX_SHARED};

        create or replace temp table neighbours as
        select l.customer_id as customer_l, r.customer_id as customer_r,
            min(case s.kind when 'home' then 1 when 'house' then 2 else 3 end) as evidence
        from (select kind, value from sign_sizes where customers <= {MAX_SHARED}) s
        join household_signs l using (kind, value) join household_signs r using (kind, value)
        where l.customer_id < r.customer_id
        group by all;

        create or replace temp table known_people as
        select customer_id, list_distinct(flatten(list(givens) filter (givens is not null))) as givens,
            bool_and(given_known) filter (given is not null) as given_known, min(given) as given,
            min(year(birth_date)) as born_from, max(year(birth_date)) as born_to,
            bool_or(flat is not null) as has_home
        from persons
        where customer_id in (select customer_l from neighbours union select customer_r from neighbours)
        group by customer_id;

        create or replace temp table told_apart as
        select distinct least(l.customer_id, r.customer_id) as customer_l, greatest(l.customer_id, r.customer_id) as customer_r
        from decided d join persons l on l.rid = d.rid_l join persons r on r.rid = d.rid_r where d.verdict = 'different';

        create or replace table relatives as
        select n.customer_l, n.customer_r, n.evidence
        from neighbours n
        join known_people l on l.customer_id = n.customer_l join known_people r on r.customer_id = n.customer_r
        where l.given is not null and r.given is not null
            -- A namesake in the same place may well be the same person: that is the review queue's question.
            and ((not list_has_any(l.givens, r.givens) and ((l.given_known and r.given_known)
                    or not (is_typo(l.given, r.given) or jaro_winkler_similarity(l.given, r.given) >= 0.78)))
                or l.born_from - r.born_to >= {GENERATION} or r.born_from - l.born_to >= {GENERATION}
                or (n.customer_l, n.customer_r) in (select (customer_l, customer_r) from told_apart))
            -- Who lives elsewhere is of another household, though a parent may give them the same phone.
            and not (n.evidence = 3 and l.has_home and r.has_home);
        """
    )


def join_relatives(con: duckdb.DuckDBPyConnection) -> None:
    """From `relatives` and `customers_now` to `kin` (customer_id, family: the smallest ID of all whom a chain of
    relatives joins) and `households`. Whole chains may be joined without the others."""
    _label(con)
    con.execute(
        f"""
        create or replace temp table grouped as
        select customer_id, family, count(*) over (partition by family) as members from kin;

        create or replace table households as
        with oldest as (
            select family, arg_min(customer_id, (c.created_at, customer_id)) as customer_id
            from grouped join customers_now c using (customer_id) group by family
        ), evidence as (
            select customer_id, min(evidence) as evidence
            from (select customer_l as customer_id, evidence from relatives union all select customer_r, evidence from relatives)
            group by customer_id
        )
        select g.customer_id, 'H-' || substr(o.customer_id, 3) as household_id,
            case e.evidence when 1 then 'home' when 2 then 'house' else 'contact' end as evidence, g.members
        from grouped g join oldest o using (family) join evidence e on e.customer_id = g.customer_id
        where g.members <= {MAX_MEMBERS};
        """
    )


def report(con: duckdb.DuckDBPyConnection, kin: str = "kin", crowded_signs: str = "crowded_signs") -> None:
    """Makes `household_report` of everybody's kin and signs."""
    con.execute(
        f"""
        create or replace table household_report as
        select 'shared_by_too_many:' || kind as what, count(*) as count from {crowded_signs} group by kind
        union all
        select 'too_large', count(*) from (
            select family from {kin} group by family having count(*) > {MAX_MEMBERS}
        ) having count(*) > 0;
        """
    )


def _label(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `kin`: connected components of `relatives`."""
    con.execute(
        """
        create or replace temp table relations as
        select customer_id, cast(row_number() over (order by customer_id) - 1 as integer) as node
        from (select customer_l as customer_id from relatives union select customer_r from relatives);
        """
    )
    nodes = int(con.execute("select count(*) from relations").fetchall()[0][0])
    pairs = con.execute(
        "select l.node as a, r.node as b from relatives join relations l on l.customer_id = customer_l"
        " join relations r on r.customer_id = customer_r"
    ).fetchnumpy()
    labels = components(nodes, np.column_stack([pairs["a"], pairs["b"]]).astype(np.int64).reshape(-1, 2))
    con.register("labels", pa.table({"node": np.arange(nodes, dtype=np.int32), "smallest": labels}))
    con.execute(
        """
        create or replace table kin as
        select r.customer_id, f.customer_id as family
        from relations r join labels using (node) join relations f on f.node = labels.smallest
        """
    )
    con.unregister("labels")
