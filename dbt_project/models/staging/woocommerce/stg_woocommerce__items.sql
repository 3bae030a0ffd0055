-- Order items, one row an item: WooCommerce keeps quantity and amounts as text in the item's meta. Amounts of
-- shipping have other names there.
with meta as (
    {{ pivot_meta(source('woocommerce', 'wp_woocommerce_order_itemmeta'), 'order_item_id', {
        '_product_id': 'product_id',
        '_sku': 'sku',
        '_qty': 'quantity',
        '_line_subtotal': 'line_subtotal',
        '_line_total': 'line_total',
        '_line_tax': 'line_tax',
        'method_id': 'shipping_method',
        'cost': 'cost',
        'total_tax': 'total_tax',
        '_refunded_item_id': 'refunded_item_id',
    }) }}
)

select
    items.order_item_id,
    items.order_id,
    items.order_item_type as item_type,
    items.order_item_name as item_name,
    meta.product_id,
    meta.sku,
    {{ to_amount('meta.quantity') }} as quantity,
    {{ to_amount('meta.line_subtotal') }} as line_subtotal,
    {{ to_amount("case items.order_item_type when 'shipping' then meta.cost else meta.line_total end") }}
        as line_total,
    {{ to_amount("case items.order_item_type when 'shipping' then meta.total_tax else meta.line_tax end") }}
        as line_tax,
    meta.shipping_method,
    meta.refunded_item_id,
    items._deleted_at as deleted_at
from {{ source('woocommerce', 'wp_woocommerce_order_items') }} as items
left join meta on items.order_item_id = meta.order_item_id
