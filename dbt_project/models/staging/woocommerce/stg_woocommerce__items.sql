-- Order items, one row an item: WooCommerce keeps quantity and amounts as text in the item's meta.
{% set keys = {
    '_product_id': 'product_id',
    '_sku': 'sku',
    '_qty': 'quantity',
    '_line_subtotal': 'line_subtotal',
    '_line_total': 'line_total',
    '_line_tax': 'line_tax',
    'method_id': 'shipping_method',
    '_refunded_item_id': 'refunded_item_id',
} -%}
{% set amounts = ['quantity', 'line_subtotal', 'line_total', 'line_tax'] -%}
with meta as (
    select
        order_item_id,
        {%- for key, name in keys.items() %}
        max({{ to_text('meta_value') }}) filter (where meta_key = '{{ key }}') as {{ name }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ source('woocommerce', 'wp_woocommerce_order_itemmeta') }}
    where
        _deleted_at is null
        and meta_key in ({% for key in keys %}'{{ key }}'{% if not loop.last %}, {% endif %}{% endfor %})
    group by order_item_id
)

select
    items.order_item_id,
    items.order_id,
    items.order_item_type as item_type,
    items.order_item_name as item_name,
    meta.product_id,
    meta.sku,
    {%- for name in amounts %}
    {{ to_amount('meta.' ~ name) }} as {{ name }},
    {%- endfor %}
    meta.shipping_method,
    meta.refunded_item_id,
    items._deleted_at as deleted_at
from {{ source('woocommerce', 'wp_woocommerce_order_items') }} as items
left join meta on items.order_item_id = meta.order_item_id
