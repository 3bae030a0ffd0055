-- Households of two living customers at least: what identity recognised, with what they do together.
select
    customers.household_id,
    cast(count(*) as integer) as member_count,
    {{ list_distinct('households.evidence') }} as evidence,
    min(customers.first_seen_at) as first_seen_at,
    max(customers.last_seen_at) as last_seen_at,
    cast(sum(customers.order_count) as integer) as order_count,
    sum(customers.revenue) as revenue,
    sum(customers.amount_returned) as amount_returned
from {{ ref('dim_customer') }} as customers
inner join {{ source('identity', 'households') }} as households
    on customers.customer_id = households.customer_id
group by customers.household_id
