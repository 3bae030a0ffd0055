select
    'marketing:offer:' || event_id as offer_event_id,
    'marketing' as source_system,
    source_record_id,
    no_record_reason,
    offer_id,
    offer_name,
    channel,
    kind,
    -- The platform knows the shop's orders by their number.
    '{{ var("shop") }}:order:' || shop_order as order_id,
    campaign,
    occurred_at,
    occurred_at as updated_at,
    deleted_at
from {{ ref('stg_marketing__offers') }}
