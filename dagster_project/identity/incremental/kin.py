"""Households around the customers that were reached.

Belongs here: who shares a place or a contact with them, before or now. Does not belong here: what makes a household
(households.py, one folder up).
"""

import duckdb

from dagster_project.identity import households
from dagster_project.identity.incremental.change import Delta
from dagster_project.identity.incremental.session import arrow
from dagster_project.identity.state import sign

# SQL: what stands in `signs` for the place or the contact that a sign of households.py is made of.
SIGN_OF_MATERIAL = sign("material")


def find_movers(con: duckdb.DuckDBPyConnection) -> None:
    """Makes `movers` (rid), whose relatives are looked for again, `customers_left`, theirs before, and `signs`: what
    they share or shared with others. The state is still the last run's."""
    con.execute(
        """
        -- Cards that say something else, or belong to somebody else, or are told apart from others.
        create or replace table movers as
        select rid from touched union select rid from dirty
        union
        select rid from (
            select rid, customer_id from was_before union all select rid, customer_id from record_customers
        ) group by rid having count(*) <> 2 or min(customer_id) <> max(customer_id)
        union
        select unnest([rid_l, rid_r]) from (
            select rid_l, rid_r, verdict from (
                select rid_l, rid_r, verdict from decided union all select rid_l, rid_r, verdict from state.decided
            ) group by all having count(*) = 1
        );
        create or replace table customers_left as
        select distinct customer_id from was_before where rid in (select rid from movers);
        create or replace table signs as
        select sign from state.places where rid in (select rid from movers)
        union select sign from state.held where kind in ('phone', 'email') and rid in (select rid from movers)
        union select sign from now_places where rid in (select rid from movers)
        union select sign from now_held where kind in ('phone', 'email') and rid in (select rid from movers);
        """
    )


def find_households(con: duckdb.DuckDBPyConnection) -> None:
    """Households of whoever may have others now: relatives are looked for again around `movers`. The state has
    followed: its cards are this run's.

    `near_clusters` share a place or a contact with them, before or now; `clustered` are all whom those share with.
    """
    con.execute(
        """
        create or replace view shown_signs as
        select rid, sign from state.places
        union all
        select rid, sign from state.held where kind in ('phone', 'email') and sign not in (select sign from hidden);
        create or replace table sharing as
        select rid from shown_signs where sign in (select sign from signs)
        union all select rid from movers
        union all select rid from was_before where customer_id in (select customer_id from customers_left);
        create or replace table near_clusters as
        select distinct cluster from state.clustered where rid in (select rid from sharing);
        create or replace table near as
        select rid from state.clustered where cluster in (select cluster from near_clusters);
        create or replace table near_signs as select distinct sign from shown_signs where rid in (select rid from near);
        create or replace table sharing_with_near as
        select rid from shown_signs where sign in (select sign from near_signs) union all select rid from near;
        create or replace table clusters_around as
        select distinct cluster from state.clustered where rid in (select rid from sharing_with_near);
        create or replace table clustered as
        select rid, cluster from state.clustered where cluster in (select cluster from clusters_around);
        create or replace table cluster_customers as
        select distinct k.cluster, w.customer_id from clustered k join state.record_customers w using (rid);
        create or replace table near_customers as
        select customer_id from cluster_customers where cluster in (select cluster from near_clusters)
        union select customer_id from customers_left;
        """
    )
    con.execute(
        """
        -- Read once each: as tables they would be written for it.
        drop table cards;
        drop table held;
        create view cards as
        select rid, is_company, given, givens, given_known, family, families, city, postcode, street, house, flat,
            case when birth_date not in (select birth_date from default_dates) then birth_date end as birth_date
        from state.cards where rid in (select rid from clustered);
        create view held as
        select rid, kind, value from state.held where rid in (select rid from clustered)
            and kind in ('phone', 'email') and sign not in (select sign from hidden);
        """
    )
    households.find_relatives(con)
    con.execute(
        f"""
        create or replace table new_relatives as from relatives
        where customer_l in (select customer_id from near_customers) or customer_r in (select customer_id from near_customers);
        create or replace table new_crowded_signs as
        from crowded_signs where {SIGN_OF_MATERIAL} in (select sign from signs);
        create or replace view now_crowded_signs as
        select * from state.crowded_signs where {SIGN_OF_MATERIAL} not in (select sign from signs)
        union all from new_crowded_signs;

        -- Whose families may be others now: those of near customers, and of whom they are related to now.
        create or replace table left_families as
        select distinct family from state.kin where customer_id in (
            select customer_id from near_customers union select customer_l from new_relatives
            union select customer_r from new_relatives);
        create or replace table left_kin as
        select customer_id from state.kin where family in (select family from left_families)
        union select customer_l from new_relatives union select customer_r from new_relatives;
        create or replace table relatives as
        select * from state.relatives where customer_l in (select customer_id from left_kin)
            and customer_l not in (select customer_id from near_customers)
            and customer_r not in (select customer_id from near_customers)
        union all from new_relatives;
        drop table customers_now;
        create view customers_now as from state.customers;
        """
    )
    households.join_relatives(con)
    con.execute(
        """
        create or replace view now_kin as
        select * from state.kin where customer_id not in (select customer_id from left_kin) union all from kin
        """
    )
    households.report(con, "now_kin", "now_crowded_signs")


def households_delta(con: duckdb.DuckDBPyConnection) -> Delta:
    con.execute(
        """
        create or replace table then_households as
        from state.households where customer_id in (select customer_id from left_kin);
        create or replace table new_households as select * from households except select * from then_households;
        create or replace table gone_households as
        select customer_id from then_households where customer_id not in (select customer_id from households);
        """
    )
    return Delta(
        arrow(con, "select * from new_households").cast(households.HOUSEHOLDS),
        arrow(con, "select * from gone_households"),
    )
