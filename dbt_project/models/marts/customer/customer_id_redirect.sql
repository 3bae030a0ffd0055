-- A survivor may have retired later: the chain is followed to the ID that lives.
with recursive chains as (
    select
        customer_id as retired_id,
        surviving_customer_id as next_id,
        retired_run_id as run_id,
        retired_at,
        1 as hops
    from {{ source('identity', 'customers') }}
    where retired_at is not null
    union all
    select
        chains.retired_id,
        survivors.surviving_customer_id as next_id,
        chains.run_id,
        chains.retired_at,
        chains.hops + 1 as hops
    from chains
    inner join {{ source('identity', 'customers') }} as survivors on chains.next_id = survivors.customer_id
    -- A ring would be identity's error; it must not hang the refresh.
    where survivors.retired_at is not null and chains.hops < 100
),

ends as (
    select
        *,
        row_number() over (partition by retired_id order by hops desc) as position
    from chains
)

select
    retired_id,
    next_id as surviving_id,
    case when next_id is null then 'records_gone' else 'merged' end as reason,
    cast(run_id as text) as run_id,
    retired_at
from ends
where position = 1
