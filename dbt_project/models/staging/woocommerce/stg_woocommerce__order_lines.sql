select
    'woocommerce:item:' || items.order_item_id as order_line_id,
    'woocommerce:order:' || items.order_id as order_id,
    'woocommerce' as source_system,
    items.sku,
    items.product_id,
    items.item_name as product_name,
    items.quantity,
    round((items.line_subtotal + coalesce(items.line_tax, 0)) / nullif(items.quantity, 0), 2) as unit_price,
    items.line_total + coalesce(items.line_tax, 0) as amount,
    items.line_subtotal - items.line_total as amount_discount,
    items.line_tax as amount_tax,
    {{ to_utc('orders.date_updated_gmt') }} as updated_at,
    items.deleted_at
from {{ ref('stg_woocommerce__items') }} as items
inner join {{ source('woocommerce', 'wp_wc_orders') }} as orders on items.order_id = orders.id
where items.item_type = 'line_item' and orders.type = 'shop_order'
