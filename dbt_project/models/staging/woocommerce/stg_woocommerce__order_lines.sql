-- WooCommerce keeps line amounts without tax; before the discount the tax was in proportion.
with items as (
    select
        *,
        1 + coalesce(line_tax / nullif(line_total, 0), 0) as tax_factor
    from {{ ref('stg_woocommerce__items') }}
    where item_type = 'line_item'
)

select
    'woocommerce:item:' || items.order_item_id as order_line_id,
    'woocommerce:order:' || items.order_id as order_id,
    'woocommerce' as source_system,
    items.sku,
    items.product_id,
    items.item_name as product_name,
    items.quantity,
    round(items.line_subtotal * items.tax_factor / nullif(items.quantity, 0), 2) as unit_price,
    items.line_total + coalesce(items.line_tax, 0) as amount,
    round((items.line_subtotal - items.line_total) * items.tax_factor, 2) as amount_discount,
    items.line_tax as amount_tax,
    {{ to_utc('orders.date_updated_gmt') }} as updated_at,
    items.deleted_at
from items
inner join {{ source('woocommerce', 'wp_wc_orders') }} as orders on items.order_id = orders.id
where orders.type = 'shop_order' and not {{ is_unsaved_order('orders.status') }}
