select
    'odoo:sale_line:' || lines.id as order_line_id,
    'odoo:sale:' || lines.order_id as order_id,
    'odoo' as source_system,
    products.default_code as sku,
    cast(lines.product_id as text) as product_id,
    coalesce(templates.name, lines.name) as product_name,
    {{ to_amount('lines.product_uom_qty') }} as quantity,
    {{ to_amount('lines.price_unit') }} as unit_price,
    {{ to_amount('lines.price_total') }} as amount,
    round(lines.price_unit * lines.product_uom_qty * coalesce(lines.discount, 0) / 100, 2) as amount_discount,
    {{ to_amount('lines.price_tax') }} as amount_tax,
    products.standard_price * lines.product_uom_qty as cost,
    {{ to_utc('lines.write_date') }} as updated_at,
    lines._deleted_at as deleted_at
from {{ source('odoo', 'sale_order_line') }} as lines
left join {{ source('odoo', 'product_product') }} as products on lines.product_id = products.id
left join {{ source('odoo', 'product_template') }} as templates on products.product_tmpl_id = templates.id
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
where quantity >= 0
