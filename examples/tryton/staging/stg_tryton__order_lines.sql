select
    'tryton:line:' || id as order_line_id,
    'tryton:sale:' || sale as order_id,
    'tryton' as source_system,
    sku,
    product_id,
    product_name,
    quantity,
    unit_price,
    amount,
    amount_tax,
    updated_at,
    deleted_at
from {{ ref('stg_tryton__lines') }}
where quantity > 0
