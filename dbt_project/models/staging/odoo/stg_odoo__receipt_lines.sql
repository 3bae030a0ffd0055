-- Lines of till orders with their product: quantity is negative where goods come back. Odoo keeps these
-- amounts with the noise of floats.
select
    lines.id,
    lines.order_id,
    lines.product_id,
    products.default_code as sku,
    coalesce(
        {{ translated(source('odoo', 'product_template'), 'templates', 'name') }},
        lines.full_product_name
    ) as product_name,
    {{ to_amount('lines.qty') }} as quantity,
    {{ takes_back('lines', 'sale_lines') }} as is_return,
    {{ to_amount('lines.price_unit') }} as unit_price,
    round({{ to_amount('lines.price_subtotal_incl') }}, 4) as amount,
    round({{ to_amount('lines.price_subtotal_incl') }} - {{ to_amount('lines.price_subtotal') }}, 4)
        as amount_tax,
    round(
        {{ to_amount('lines.price_unit') }} * {{ to_amount('lines.qty') }}
        * coalesce({{ to_amount('lines.discount') }}, 0) / 100, 2
    ) as amount_discount,
    -- Of the day where the till noted it, else of today.
    coalesce(
        case
            when {{ to_boolean('lines.is_total_cost_computed') }} then {{ to_amount('lines.total_cost') }}
        end,
        costs.unit_cost * receipts.cost_rate * {{ to_amount('lines.qty') }}
    ) as cost,
    lines.refunded_orderline_id,
    lines.sale_order_origin_id,
    lines.sale_order_line_id,
    {{ to_utc('lines.write_date') }} as updated_at,
    lines._deleted_at as deleted_at
from {{ source('odoo', 'pos_order_line') }} as lines
left join {{ ref('stg_odoo__receipts') }} as receipts on lines.order_id = receipts.id
left join {{ source('odoo', 'sale_order_line') }} as sale_lines on lines.sale_order_line_id = sale_lines.id
left join {{ source('odoo', 'product_product') }} as products on lines.product_id = products.id
left join {{ source('odoo', 'product_template') }} as templates on products.product_tmpl_id = templates.id
left join {{ ref('stg_odoo__unit_costs') }} as costs
    on lines.product_id = costs.product_id and receipts.company_id = costs.company_id
