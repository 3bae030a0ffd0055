with shipping as (
    select order_id, bool_or(shipping_method like '%pickup%') as is_pickup
    from {{ ref('stg_woocommerce__items') }}
    where item_type = 'shipping' and deleted_at is null
    group by order_id
),

-- Each with or without its prefix: in the shop by release and plug-in, in the dictionary as it was written.
statuses as (
    select {{ bare_status('source_status') }} as bare_status, min(status) as status
    from {{ ref('statuses') }}
    where source_system = 'woocommerce' and entity = 'order'
    group by 1
)

select
    'woocommerce:order:' || orders.id as order_id,
    'woocommerce' as source_system,
    billing.source_record_id,
    case when billing.source_record_id is null then 'no_customer_given' end as no_record_reason,
    orders.id as order_number,
    {{ to_utc('orders.date_created_gmt') }} as ordered_at,
    statuses.status,
    orders.status as source_status,
    'web' as order_channel,
    case
        when attributes.pickup_location is not null or shipping.is_pickup then 'pickup' else 'delivery'
    end as fulfilment_channel,
    attributes.pickup_location as store_name,
    {{ to_utc('operations.date_paid_gmt') }} as paid_at,
    {{ to_utc('operations.date_completed_gmt') }} as completed_at,
    case when statuses.status = 'cancelled' then {{ to_utc('orders.date_updated_gmt') }} end as cancelled_at,
    orders.currency,
    {{ to_amount('orders.total_amount') }} as amount_total,
    {{ to_amount('orders.tax_amount') }} as amount_tax,
    {{ to_amount('operations.discount_total_amount') }}
    + coalesce({{ to_amount('operations.discount_tax_amount') }}, 0) as amount_discount,
    {{ to_amount('operations.shipping_total_amount') }}
    + coalesce({{ to_amount('operations.shipping_tax_amount') }}, 0) as amount_shipping,
    {{ to_text('orders.payment_method') }} as payment_method,
    attributes.loyalty_card,
    attributes.utm_campaign as campaign,
    coalesce(attributes.utm_source, attributes.source_type) as source,
    attributes.utm_medium as medium,
    lower(attributes.device_type) as device_type,
    {{ to_utc('orders.date_updated_gmt') }} as updated_at,
    case when orders.status = 'trash' then {{ to_utc('orders.date_updated_gmt') }} else orders._deleted_at end
        as deleted_at
from {{ source('woocommerce', 'wp_wc_orders') }} as orders
left join {{ ref('stg_woocommerce__billing') }} as billing on orders.id = billing.order_id
left join {{ source('woocommerce', 'wp_wc_order_operational_data') }} as operations
    on orders.id = operations.order_id and operations._deleted_at is null
left join {{ ref('stg_woocommerce__order_attributes') }} as attributes on orders.id = attributes.order_id
left join shipping on orders.id = shipping.order_id
left join statuses on {{ bare_status('orders.status') }} = statuses.bare_status
where orders.type = 'shop_order' and not {{ is_unsaved_order('orders.status') }}
