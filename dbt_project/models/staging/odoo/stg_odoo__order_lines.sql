select
    'odoo:sale_line:' || id as order_line_id,
    'odoo:sale:' || order_id as order_id,
    'odoo' as source_system,
    sku,
    cast(product_id as text) as product_id,
    product_name,
    quantity,
    unit_price,
    amount,
    amount_discount,
    amount_tax,
    cost,
    updated_at,
    deleted_at
from {{ ref('stg_odoo__sale_lines') }}
where line_kind = 'sold'
union all
select
    'odoo:pos_line:' || id as order_line_id,
    'odoo:pos:' || order_id as order_id,
    'odoo' as source_system,
    sku,
    cast(product_id as text) as product_id,
    product_name,
    quantity,
    unit_price,
    amount,
    amount_discount,
    amount_tax,
    cost,
    updated_at,
    deleted_at
from {{ ref('stg_odoo__receipt_lines') }}
where not is_return
