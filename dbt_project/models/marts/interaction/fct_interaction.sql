{{ config(indexes=[
    {'columns': ['customer_id', 'occurred_at']},
]) }}

select
    interactions.interaction_id,
    -- An event that names no card but an order (a pick-up, a refund at the till) is the order's customer's.
    coalesce(
        cards.customer_id, case when interactions.source_record_id is null then orders.customer_id end
    ) as customer_id,
    case
        when cards.customer_id is not null then null
        when interactions.source_record_id is not null then coalesce(cards.no_customer_reason, 'card_unknown')
        when orders.customer_id is not null then null
        else coalesce(interactions.no_record_reason, 'no_customer_given')
    end as no_customer_reason,
    case
        when cards.customer_id is not null then 'card'
        when interactions.source_record_id is null and orders.customer_id is not null then 'order'
    end as resolved_through,
    interactions.source_system,
    interactions.source_record_id,
    interactions.occurred_at,
    {{ local_date('interactions.occurred_at') }} as occurred_date,
    interactions.ended_at,
    interactions.channel,
    interactions.kind,
    interactions.direction,
    interactions.status,
    interactions.employee_id,
    interactions.employee_name,
    interactions.case_id,
    interactions.order_id,
    interactions.cart_id,
    interactions.campaign,
    interactions.subject,
    interactions.note,
    interactions.duration_s,
    interactions.wait_s,
    interactions.is_answered,
    interactions.store_id
from {{ ref('interactions') }} as interactions
left join {{ ref('bridge_customer_record') }} as cards
    on
        interactions.source_system = cards.source_system
        and interactions.source_record_id = cards.source_record_id
left join {{ ref('fct_order') }} as orders on interactions.order_id = orders.order_id
where interactions.deleted_at is null
