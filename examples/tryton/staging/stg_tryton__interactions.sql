-- A draft or a quotation is no order yet.
select
    'tryton:sale_sale:' || id as interaction_id,
    'tryton' as source_system,
    source_record_id,
    no_record_reason,
    ordered_at as occurred_at,
    'phone' as channel,
    case when is_return then 'return' else 'order_placed' end as kind,
    'in' as direction,
    status,
    'tryton:sale:' || case when is_return then returned_sale else id end as order_id,
    number as subject,
    updated_at,
    deleted_at
from {{ ref('stg_tryton__sales') }}
where status <> 'draft' and not (is_return and status = 'cancelled')
