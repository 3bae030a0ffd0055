"""Stable customer IDs: this run's clusters meet the customers of the last.

Belongs here: which ID a cluster gets, which retire and redirect, and the events that say so. Does not belong
here: who belongs together (cluster.py).

In a merge the oldest ID survives; in a split the largest part keeps it; retired IDs redirect; a card that
returns has its old ID again; nothing else changes. New IDs follow from the state alone, so that a run repeated
after a kill gives the same.
"""

import datetime as dt
from dataclasses import dataclass

import duckdb
import pyarrow as pa

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TEXT = pa.string()
_TIME = pa.timestamp("us", tz="UTC")
RECORD_CUSTOMERS = pa.schema(
    [
        *((name, _TEXT) for name in ("source_system", "source_record_id", "customer_id", "linked_by")),
        ("match_probability", pa.float64()),
        ("since_run_id", _TEXT),
    ]
)
CUSTOMERS = pa.schema(
    [
        ("customer_id", _TEXT),
        ("created_at", _TIME),
        ("created_run_id", _TEXT),
        ("retired_at", _TIME),
        ("retired_run_id", _TEXT),
        ("surviving_customer_id", _TEXT),
    ]
)
DEPARTED = pa.schema([(name, _TEXT) for name in ("source_system", "source_record_id", "customer_id")])


@dataclass(frozen=True)
class Previous:
    """The registry as the last run left it: who is who, every ID ever given, and the IDs of cards that went."""

    record_customers: pa.Table
    customers: pa.Table
    departed: pa.Table

    @classmethod
    def empty(cls) -> "Previous":
        return cls(RECORD_CUSTOMERS.empty_table(), CUSTOMERS.empty_table(), DEPARTED.empty_table())


def assign(con: duckdb.DuckDBPyConnection, previous: Previous, run_id: str, at: dt.datetime) -> None:
    """From `clustered` (rid, cluster) and `records` to `cluster_customers`, `customers_now`, `events`, `departed_now`.

    cluster_customers: cluster, customer_id. customers_now: CUSTOMERS, the whole registry after this run.
    events: kind, customer_id, other_customer_id, records. departed_now: DEPARTED.
    """
    define_ids(con)
    for name, table in (
        ("was", previous.record_customers),
        ("customers_were", previous.customers),
        ("departed_were", previous.departed),
    ):
        con.register("incoming", table)
        con.execute(f"create or replace table {name} as select * from incoming")
        con.unregister("incoming")
    con.execute(
        """
        create or replace table placed as
        select k.cluster, r.source_system, r.source_record_id, w.customer_id as was_id, d.customer_id as departed_id,
            row_number() over (order by r.created_at nulls last, r.source_system, r.source_record_id) as age
        from clustered k join records r using (rid)
        left join was w using (source_system, source_record_id)
        left join departed_were d using (source_system, source_record_id);

        create or replace table meetings as
        select was_id, cluster, count(*) as records, min(age) as age from placed where was_id is not null group by all;

        create or replace table claims as
        select o.*, c.created_at,
            row_number() over (partition by o.cluster order by c.created_at, o.was_id) as seniority
        from (
            select * from meetings
            qualify row_number() over (partition by was_id order by records desc, age) = 1
        ) o left join customers_were c on c.customer_id = o.was_id;

        create or replace table newcomers as
        with origins as (
            select cluster, arg_max(was_id, (records, -age)) as origin from meetings group by cluster
        ), oldest as (
            select cluster, arg_min(source_system || '|' || source_record_id, age) as key, count(*) as records
            from placed group by cluster
        )
        select k.cluster, k.key, k.records, o.origin
        from oldest k left join origins o using (cluster)
        where k.cluster not in (select cluster from claims);

        create or replace table returned as
        select * from (
            select cluster, arg_min(departed_id, (c.created_at, departed_id)) as customer_id, min(p.age) as age
            from (select cluster, departed_id, min(age) as age from placed where departed_id is not null group by all) p
            join newcomers n using (cluster) join customers_were c on c.customer_id = p.departed_id
            where c.retired_at is not null and n.origin is null
            group by cluster
        )
        -- Two cards that left as one may return as two: the first gets the ID.
        qualify row_number() over (partition by customer_id order by age) = 1;

        create or replace table named as
        with attempts as (
            select n.cluster, n.origin, new_id(n.key, a) as candidate, a
            from newcomers n cross join range(8) t(a)
            where n.cluster not in (select cluster from returned)
                and (a = 0 or new_id(n.key, 0) in (select customer_id from customers_were))
        )
        select t.cluster, arg_min(t.candidate, a) as customer_id
        from attempts t left join customers_were c on c.customer_id = t.candidate
        -- A part that had been merged in and is split off again takes its retired ID back.
        where c.customer_id is null or (c.retired_at is not null and c.surviving_customer_id = t.origin
            and t.candidate not in (select customer_id from returned))
        group by t.cluster;

        create or replace table cluster_customers as
        select cluster, was_id as customer_id from claims where seniority = 1
        union all select cluster, customer_id from returned
        union all select cluster, customer_id from named;

        create or replace table events as
        select 'merged' as kind, c.was_id as customer_id, k.customer_id as other_customer_id, c.records
        from claims c join cluster_customers k using (cluster) where c.seniority > 1
        union all
        select case when r.cluster is not null then 'returned' when n.origin is not null then 'split' else 'created' end,
            k.customer_id, n.origin, n.records
        from newcomers n join cluster_customers k using (cluster) left join returned r using (cluster)
        union all
        -- A card came back, but to another customer: its old ID leads there from now on.
        select distinct 'merged', p.departed_id, k.customer_id, 1
        from placed p join cluster_customers k using (cluster)
        join customers_were c on c.customer_id = p.departed_id
        where c.retired_at is not null and c.surviving_customer_id is null
            and p.departed_id not in (select customer_id from cluster_customers)
        qualify row_number() over (partition by p.departed_id order by p.age) = 1
        union all
        select 'retired', customer_id, null, 0 from (select distinct customer_id from was)
        where customer_id not in (select was_id from meetings);
        """
    )
    con.execute(
        """
        create or replace table customers_now as
        with gone as (
            select customer_id, any_value(other_customer_id) as survivor from events
            where kind in ('merged', 'retired') group by 1
        )
        select c.customer_id, c.created_at, c.created_run_id,
            case when k.customer_id is not null then null when g.customer_id is not null
                then coalesce(c.retired_at, $at) else c.retired_at end as retired_at,
            case when k.customer_id is not null then null when g.customer_id is not null
                then coalesce(c.retired_run_id, $run) else c.retired_run_id end as retired_run_id,
            case when k.customer_id is not null then null else coalesce(g.survivor, c.surviving_customer_id) end
                as surviving_customer_id
        from customers_were c
        left join cluster_customers k using (customer_id) left join gone g using (customer_id)
        union all
        select k.customer_id, $at, $run, null, null, null from cluster_customers k
        where k.customer_id not in (select customer_id from customers_were)
        """,
        {"at": at, "run": run_id},
    )
    _shorten_redirects(con)
    con.execute(
        """
        create or replace table departed_now as
        select source_system, source_record_id, customer_id from (
            select *, 1 as fresh from was union all by name select *, 0 as fresh from departed_were
        )
        where (source_system, source_record_id) not in (select (source_system, source_record_id) from records)
        qualify row_number() over (partition by source_system, source_record_id order by fresh desc) = 1
        """
    )


def churned(con: duckdb.DuckDBPyConnection) -> int:
    """Untouched customers (they had and have exactly the same cards) whose ID changed: none, or the registry fails."""
    return int(
        con.execute(
            """
            with before as (select customer_id as was_id, count(*) as records from was group by 1),
            now as (select cluster, count(*) as records from placed group by 1),
            kept as (
                select was_id, min(cluster) as cluster, count(*) as records from placed
                where was_id is not null group by 1 having count(distinct cluster) = 1
            )
            select count(*) from kept k join before b using (was_id, records) join now n using (cluster, records)
            join cluster_customers c using (cluster) where c.customer_id <> k.was_id
            """
        ).fetchall()[0][0]
    )


def define_ids(con: duckdb.DuckDBPyConnection) -> None:
    """Makes the macro new_id(key, attempt): the ID of a new customer whose oldest card has `key`."""
    # One digest, twelve times five bits of it: not in a lambda, which would make it twelve times.
    digest = "md5_number_lower(key || '#' || attempt)"
    letters = " || ".join(
        f"substr('{_ALPHABET}', 1 + cast(({digest} >> {5 * i}) & 31 as integer), 1)" for i in range(12)
    )
    con.execute(f"create or replace macro new_id(key, attempt) as 'C-' || {letters}")


def _shorten_redirects(con: duckdb.DuckDBPyConnection) -> None:
    """A redirect leads straight to a living customer, however many merges lie between; or to one whose cards are all
    gone, and who has the ID again should one return."""
    while con.execute(
        """
        select count(*) from customers_now a join customers_now b on b.customer_id = a.surviving_customer_id
        where b.surviving_customer_id is not null
        """
    ).fetchall()[0][0]:
        con.execute(
            """
            update customers_now a set surviving_customer_id = b.surviving_customer_id
            from customers_now b
            where b.customer_id = a.surviving_customer_id and b.surviving_customer_id is not null
            """
        )
