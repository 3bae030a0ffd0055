{{ config(indexes=[
    {'columns': ['order_id']}, {'columns': ['customer_id']},
]) }}

-- Where a line does not know its cost, the SKU's latest known cost in any system and the same currency stands
-- for it.
with currencies as (
    select order_id, coalesce(currency, '') as currency from {{ ref('orders') }}
),

sku_costs as (
    select
        lines.sku,
        currencies.currency,
        lines.cost / lines.quantity as unit_cost,
        row_number() over (
            partition by lines.sku, currencies.currency
            order by lines.updated_at desc nulls last, lines.order_line_id
        ) as position
    from {{ ref('order_lines') }} as lines
    inner join currencies on lines.order_id = currencies.order_id
    where
        lines.deleted_at is null
        and lines.sku is not null
        and lines.cost is not null
        and lines.quantity > 0
),

costed as (
    select
        lines.*,
        round(coalesce(lines.cost, sku_costs.unit_cost * lines.quantity), 2) as known_cost,
        case
            when lines.cost is not null then 'line'
            when sku_costs.unit_cost is not null then 'sku'
        end as cost_basis
    from {{ ref('order_lines') }} as lines
    left join currencies on lines.order_id = currencies.order_id
    left join sku_costs
        on
            lines.sku = sku_costs.sku
            and currencies.currency = sku_costs.currency
            and sku_costs.position = 1
    where lines.deleted_at is null
)

select
    lines.order_line_id,
    lines.order_id,
    orders.customer_id,
    orders.no_customer_reason,
    lines.source_system,
    orders.source_record_id,
    orders.ordered_at,
    orders.ordered_date,
    orders.status,
    orders.is_sale,
    orders.order_channel,
    orders.fulfilment_channel,
    orders.store_id,
    orders.store_name,
    lines.sku,
    lines.product_id,
    lines.product_name,
    lines.quantity,
    lines.unit_price,
    lines.amount,
    lines.amount_discount,
    lines.amount_tax,
    lines.known_cost as cost,
    lines.cost_basis,
    lines.amount - coalesce(lines.amount_tax, 0) - lines.known_cost as margin
from costed as lines
inner join {{ ref('fct_order') }} as orders on lines.order_id = orders.order_id
