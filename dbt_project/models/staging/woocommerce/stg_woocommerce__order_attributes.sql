-- Order meta, one row an order: where the visitor came from, the store of a pick-up, the loyalty card given
-- at the checkout.
{{ pivot_meta(source('woocommerce', 'wp_wc_orders_meta'), 'order_id', {
    '_wc_order_attribution_source_type': 'source_type',
    '_wc_order_attribution_utm_source': 'utm_source',
    '_wc_order_attribution_utm_medium': 'utm_medium',
    '_wc_order_attribution_utm_campaign': 'utm_campaign',
    '_wc_order_attribution_device_type': 'device_type',
    '_pickup_location': 'pickup_location',
    '_loyalty_card': 'loyalty_card',
}) }}
