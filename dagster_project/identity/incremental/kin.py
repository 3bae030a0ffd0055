"""Households around the customers that were reached.

Belongs here: who shares a place or a contact with them, before or now. Does not belong here: what makes a household
(households.py, one folder up).
"""

import duckdb

from dagster_project.identity import households
from dagster_project.identity.incremental.change import Delta
from dagster_project.identity.incremental.session import arrow, load


def find_households(con: duckdb.DuckDBPyConnection) -> None:
    """Households of everybody: relatives are looked for again around the customers of `scope`.

    `near_clusters` share a place or a contact with them, before or now; `clustered` are all whom those share with.
    """
    con.execute(
        f"""
        create or replace table places as
        {_places("state.cards", "reached")} union {_places("now_cards", "reached_cards")};
        create or replace table contacts as
        {_contacts("state.held", "reached")} union {_contacts("now_held", "reached_cards")};
        create or replace table material_names as
        select town || '|' || street || '|' || house as material from places union all select kind || '|' || value from contacts;
        create or replace table near_clusters as
        select distinct cluster from now_clustered where rid in ({_SHARING} union all select rid from reached);
        create or replace table near as
        select rid from now_clustered where cluster in (select cluster from near_clusters);
        create or replace table places as {_places("now_cards", "near")};
        create or replace table contacts as {_contacts("now_held", "near")};
        create or replace table clustered as
        select rid, cluster from now_clustered where cluster in (
            select cluster from now_clustered where rid in ({_SHARING} union all select rid from near));
        create or replace table cluster_customers as
        select distinct k.cluster, w.customer_id from clustered k join (
            select rid, customer_id from state.record_customers where rid not in (select rid from reached)
            union all select rid, customer_id from record_customers
        ) w using (rid);
        create or replace table near_customers as
        select customer_id from cluster_customers where cluster in (select cluster from near_clusters)
        union select customer_id from was_before;
        """
    )
    load(con, "clustered")
    households.find_relatives(con)
    con.execute(
        """
        create or replace table new_relatives as from relatives
        where customer_l in (select customer_id from near_customers) or customer_r in (select customer_id from near_customers);
        create or replace table new_crowded_signs as
        from crowded_signs where material in (select material from material_names);
        create or replace table relatives as
        select * from state.relatives where customer_l not in (select customer_id from near_customers)
            and customer_r not in (select customer_id from near_customers)
        union all from new_relatives;
        create or replace table crowded_signs as
        select * from state.crowded_signs where material not in (select material from material_names)
        union all from new_crowded_signs;
        drop table customers_now;
        create view customers_now as
        select * from state.customers where customer_id not in (select customer_id from customer_rows)
        union all from customer_rows;
        """
    )
    households.join_relatives(con)


def _places(cards: str, among: str) -> str:
    return (
        f"select distinct coalesce(city, postcode) as town, street, house from {cards}"
        f" where rid in (select rid from {among}) and street is not null and house is not null and town is not null"
    )


def _contacts(held: str, among: str) -> str:
    return (
        f"select distinct kind, value from {held}"
        f" where rid in (select rid from {among}) and kind in ('phone', 'email')"
    )


# SQL: rids of cards at one of `places` or with one of `contacts`; a placeholder is no contact.
_SHARING = """
    select c.rid from now_cards c join places p
        on p.street = c.street and p.house = c.house and p.town = coalesce(c.city, c.postcode)
    union all
    select h.rid from now_held h join contacts k using (kind, value)
    where (kind, value) not in (select (kind, value) from now_placeholders)
"""


def households_delta(con: duckdb.DuckDBPyConnection) -> Delta:
    return Delta(
        arrow(con, "select * from households except select * from state.households").cast(
            households.HOUSEHOLDS
        ),
        arrow(
            con,
            "select customer_id from state.households where customer_id not in (select customer_id from households)",
        ),
    )
