{{ config(indexes=[{'columns': ['customer_id']}]) }}

-- Grain: one order of a customer. Another system's copy of an order does not count; it lends the original
-- what only it knows: the store, and when the goods were ready and handed over. A copy whose original is not
-- there stands for it. Carts (status draft) are no orders.
with orders as (
    select * from {{ ref('orders') }}
    where deleted_at is null and status is distinct from 'draft'
),

copies as (
    select
        mirrors_order_id as order_id,
        max(store_id) as store_id,
        max(store_name) as store_name,
        max(fulfilment_channel) filter (where store_id is not null) as fulfilment_channel,
        min(ready_at) as ready_at,
        min(picked_up_at) as picked_up_at,
        min(completed_at) as completed_at,
        min(loyalty_card) as loyalty_card,
        sum(loyalty_points_issued) as loyalty_points_issued,
        sum(loyalty_points_used) as loyalty_points_used
    from orders
    where mirrors_order_id is not null
    group by mirrors_order_id
),

originals as (
    select orders.*
    from orders
    left join {{ ref('orders') }} as mirrored on orders.mirrors_order_id = mirrored.order_id
    where mirrored.order_id is null
),

returned as (
    select order_id, sum(amount) as amount_returned
    from {{ ref('returns') }}
    where deleted_at is null and order_id is not null
    group by order_id
)

select
    originals.order_id,
    cards.customer_id,
    case
        when cards.customer_id is not null then null
        when originals.source_record_id is null then originals.no_record_reason
        else coalesce(cards.no_customer_reason, 'card_unknown')
    end as no_customer_reason,
    originals.source_system,
    originals.source_record_id,
    originals.order_number,
    originals.ordered_at,
    {{ local_date('originals.ordered_at') }} as ordered_date,
    originals.status,
    coalesce(originals.status in ('placed', 'paid', 'ready', 'completed', 'refunded'), false) as is_sale,
    originals.order_channel,
    coalesce(copies.fulfilment_channel, originals.fulfilment_channel) as fulfilment_channel,
    coalesce(originals.store_id, copies.store_id) as store_id,
    coalesce(originals.store_name, copies.store_name) as store_name,
    coalesce(originals.ready_at, copies.ready_at) as ready_at,
    coalesce(originals.picked_up_at, copies.picked_up_at) as picked_up_at,
    originals.paid_at,
    coalesce(originals.completed_at, copies.completed_at) as completed_at,
    originals.cancelled_at,
    originals.company_id,
    originals.company_name,
    originals.currency,
    originals.amount_total,
    originals.amount_tax,
    originals.amount_discount,
    originals.amount_shipping,
    coalesce(returned.amount_returned, 0) as amount_returned,
    originals.payment_method,
    coalesce(originals.loyalty_card, copies.loyalty_card) as loyalty_card,
    coalesce(originals.loyalty_points_issued, copies.loyalty_points_issued) as loyalty_points_issued,
    coalesce(originals.loyalty_points_used, copies.loyalty_points_used) as loyalty_points_used,
    originals.campaign,
    originals.source,
    originals.medium,
    originals.device_type,
    copies.order_id is not null as is_mirrored
from originals
left join copies on originals.order_id = copies.order_id
left join returned on originals.order_id = returned.order_id
left join {{ ref('bridge_customer_record') }} as cards
    on originals.source_system = cards.source_system and originals.source_record_id = cards.source_record_id
