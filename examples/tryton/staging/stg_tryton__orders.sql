select
    'tryton:sale:' || id as order_id,
    'tryton' as source_system,
    source_record_id,
    no_record_reason,
    number as order_number,
    ordered_at,
    status,
    source_status,
    'phone' as order_channel,
    'delivery' as fulfilment_channel,
    case when status = 'cancelled' then updated_at end as cancelled_at,
    currency,
    amount_total,
    amount_tax,
    updated_at,
    deleted_at
from {{ ref('stg_tryton__sales') }}
where not is_return
