-- Order meta, one row an order: where the visitor came from, the store of a pick-up, the loyalty
-- card given at the checkout.
{% set keys = {
    '_wc_order_attribution_source_type': 'source_type',
    '_wc_order_attribution_utm_source': 'utm_source',
    '_wc_order_attribution_utm_medium': 'utm_medium',
    '_wc_order_attribution_utm_campaign': 'utm_campaign',
    '_wc_order_attribution_device_type': 'device_type',
    '_pickup_location': 'pickup_location',
    '_loyalty_card': 'loyalty_card',
} -%}
select
    order_id,
    {%- for key, name in keys.items() %}
    max({{ to_text('meta_value') }}) filter (where meta_key = '{{ key }}') as {{ name }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from {{ source('woocommerce', 'wp_wc_orders_meta') }}
where
    _deleted_at is null
    and meta_key in ({% for key in keys %}'{{ key }}'{% if not loop.last %}, {% endif %}{% endfor %})
group by order_id
