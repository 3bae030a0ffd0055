-- Read once: the orders are many joins.
with orders as (
    select * from {{ ref('stg_woocommerce__orders') }}
),

events as (
    -- A cart that was left at the checkout is a visit.
    select
        'woocommerce:wc_orders:' || order_number || ':placed' as interaction_id,
        source_record_id,
        no_record_reason,
        ordered_at as occurred_at,
        case status when 'draft' then 'visit' else 'order_placed' end as kind,
        'in' as direction,
        status,
        case when status <> 'draft' then order_id end as order_id,
        case when status = 'draft' then order_id end as cart_id,
        campaign,
        updated_at,
        deleted_at
    from orders
    {% for status in ['paid', 'completed', 'cancelled'] %}
    union all
    select
        'woocommerce:wc_orders:' || order_number || ':{{ status }}' as interaction_id,
        source_record_id,
        no_record_reason,
        {{ status }}_at as occurred_at,
        'order_status' as kind,
        'out' as direction,
        '{{ status }}' as status,
        order_id,
        null as cart_id,
        campaign,
        updated_at,
        deleted_at
    from orders
    where {{ status }}_at is not null
    {% endfor %}
    union all
    select
        'woocommerce:wc_orders:' || split_part(return_id, ':', 3) || ':refunded' as interaction_id,
        max(source_record_id) as source_record_id,
        max(no_record_reason) as no_record_reason,
        max(returned_at) as occurred_at,
        'return' as kind,
        'in' as direction,
        'refunded' as status,
        max(order_id) as order_id,
        null as cart_id,
        null as campaign,
        max(updated_at) as updated_at,
        max(deleted_at) as deleted_at
    from {{ ref('stg_woocommerce__returns') }}
    group by return_id
)

select
    interaction_id,
    'woocommerce' as source_system,
    source_record_id,
    no_record_reason,
    occurred_at,
    'web' as channel,
    kind,
    direction,
    status,
    order_id,
    cart_id,
    campaign,
    updated_at,
    deleted_at
from events
