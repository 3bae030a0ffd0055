-- Orders and their amounts in the marts are the contract's, less carts and copies of orders that are there
-- themselves. Any other difference is money lost or counted twice.
with expected as (
    select
        orders.source_system,
        count(*) as row_count,
        coalesce(sum(orders.amount_total), 0) as amount
    from {{ ref('orders') }} as orders
    where
        orders.deleted_at is null
        and orders.status is distinct from 'draft'
        and not exists (
            select 1 from {{ ref('orders') }} as originals
            where orders.mirrors_order_id = originals.order_id
        )
    group by orders.source_system
),

found as (
    select source_system, count(*) as row_count, coalesce(sum(amount_total), 0) as amount
    from {{ ref('fct_order') }}
    group by source_system
)

select coalesce(expected.source_system, found.source_system) as source_system, expected.amount, found.amount
from expected
full join found on expected.source_system = found.source_system
where
    expected.row_count is distinct from found.row_count
    or expected.amount is distinct from found.amount
