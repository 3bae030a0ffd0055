-- Every line of an order in the marts is in the marts, with its amount; a line without an order is lost money.
with expected as (
    select count(*) as row_count, coalesce(sum(lines.amount), 0) as amount
    from {{ ref('order_lines') }} as lines
    left join {{ ref('orders') }} as orders on lines.order_id = orders.order_id
    left join {{ ref('orders') }} as originals on orders.mirrors_order_id = originals.order_id
    where
        lines.deleted_at is null
        and (
            orders.order_id is null
            or (
                orders.deleted_at is null
                and orders.status is distinct from 'draft'
                and originals.order_id is null
            )
        )
),

found as (
    select count(*) as row_count, coalesce(sum(amount), 0) as amount from {{ ref('fct_order_line') }}
)

select expected.row_count, found.row_count as found_count, expected.amount, found.amount as found_amount
from expected
cross join found
where expected.row_count <> found.row_count or expected.amount <> found.amount
