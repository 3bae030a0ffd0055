{{ config(indexes=[
    {'columns': ['order_id']}, {'columns': ['customer_id']},
]) }}

with
-- A return that names the order but not the line: the line of that SKU, if it is the only one.
lines_by_sku as (
    select order_id, sku, min(order_line_id) as order_line_id
    from {{ ref('fct_order_line') }}
    where sku is not null
    group by order_id, sku
    having count(*) = 1
)

select
    returns.return_line_id,
    returns.return_id,
    -- Who brings goods back without giving a name is the one who bought them.
    coalesce(
        cards.customer_id, case when returns.source_record_id is null then orders.customer_id end
    ) as customer_id,
    case
        when cards.customer_id is not null then null
        when returns.source_record_id is not null then coalesce(cards.no_customer_reason, 'card_unknown')
        when orders.customer_id is not null then null
        else coalesce(returns.no_record_reason, 'no_customer_given')
    end as no_customer_reason,
    case
        when cards.customer_id is not null then 'card'
        when returns.source_record_id is null and orders.customer_id is not null then 'order'
    end as resolved_through,
    returns.source_system,
    returns.source_record_id,
    returns.order_id,
    orders.order_id is not null as is_order_known,
    coalesce(returns.order_line_id, lines_by_sku.order_line_id) as order_line_id,
    returns.returned_at,
    {{ local_date('returns.returned_at') }} as returned_date,
    orders.ordered_at,
    orders.order_channel as purchase_channel,
    orders.fulfilment_channel as purchase_fulfilment_channel,
    orders.store_id as purchase_store_id,
    returns.return_channel,
    returns.store_id as return_store_id,
    returns.return_channel <> orders.order_channel as is_cross_channel,
    returns.kind,
    returns.sku,
    returns.quantity,
    returns.amount,
    returns.reason
from {{ ref('returns') }} as returns
left join {{ ref('fct_order') }} as orders on returns.order_id = orders.order_id
left join lines_by_sku on returns.order_id = lines_by_sku.order_id and returns.sku = lines_by_sku.sku
left join {{ ref('bridge_customer_record') }} as cards
    on returns.source_system = cards.source_system and returns.source_record_id = cards.source_record_id
where returns.deleted_at is null
