-- Lines of till orders with their product: quantity is negative where goods come back.
select
    lines.id,
    lines.order_id,
    lines.product_id,
    products.default_code as sku,
    coalesce(templates.name, lines.full_product_name) as product_name,
    {{ to_amount('lines.qty') }} as quantity,
    {{ to_amount('lines.price_unit') }} as unit_price,
    {{ to_amount('lines.price_subtotal_incl') }} as amount,
    {{ to_amount('lines.price_subtotal_incl') }} - {{ to_amount('lines.price_subtotal') }} as amount_tax,
    round(
        {{ to_amount('lines.price_unit') }} * {{ to_amount('lines.qty') }}
        * coalesce(lines.discount, 0) / 100, 2
    ) as amount_discount,
    products.standard_price * {{ to_amount('lines.qty') }} as cost,
    lines.refunded_orderline_id,
    lines.sale_order_origin_id,
    lines.sale_order_line_id,
    {{ to_utc('lines.write_date') }} as updated_at,
    lines._deleted_at as deleted_at
from {{ source('odoo', 'pos_order_line') }} as lines
left join {{ source('odoo', 'product_product') }} as products on lines.product_id = products.id
left join {{ source('odoo', 'product_template') }} as templates on products.product_tmpl_id = templates.id
