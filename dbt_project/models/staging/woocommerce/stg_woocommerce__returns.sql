-- A refund is an order of its own below the order; without lines it gives money back and no goods.
with lines as (
    select * from {{ ref('stg_woocommerce__items') }}
    where item_type = 'line_item' and deleted_at is null
)

select
    coalesce(
        'woocommerce:item:' || lines.order_item_id, 'woocommerce:refund:' || refunds.id
    ) as return_line_id,
    'woocommerce:refund:' || refunds.id as return_id,
    'woocommerce' as source_system,
    billing.source_record_id,
    case when billing.source_record_id is null then 'no_customer_given' end as no_record_reason,
    'woocommerce:order:' || refunds.parent_order_id as order_id,
    'woocommerce:item:' || lines.refunded_item_id as order_line_id,
    {{ to_utc('refunds.date_created_gmt') }} as returned_at,
    'web' as return_channel,
    lines.sku,
    abs(lines.quantity) as quantity,
    abs(
        coalesce(
            lines.line_total + coalesce(lines.line_tax, 0),
            {{ to_amount('refunds.total_amount') }}
        )
    ) as amount,
    {{ to_text('refunds.customer_note') }} as reason,
    {{ to_utc('refunds.date_updated_gmt') }} as updated_at,
    refunds._deleted_at as deleted_at
from {{ source('woocommerce', 'wp_wc_orders') }} as refunds
left join lines on refunds.id = lines.order_id
left join {{ ref('stg_woocommerce__billing') }} as billing on refunds.parent_order_id = billing.order_id
where refunds.type = 'shop_order_refund'
