-- Lines of sale orders with their product and what each one is.
select
    lines.id,
    lines.order_id,
    {{ sale_line_kind('lines') }} as line_kind,
    coalesce({{ to_boolean('lines.is_delivery') }}, false) as is_delivery,
    lines.product_id,
    products.default_code as sku,
    coalesce({{ translated(source('odoo', 'product_template'), 'templates', 'name') }}, lines.name)
        as product_name,
    {{ to_amount('lines.product_uom_qty') }} as quantity,
    {{ to_amount('lines.price_unit') }} as unit_price,
    round({{ to_amount('lines.price_total') }}, 4) as amount,
    round({{ to_amount('lines.price_tax') }}, 4) as amount_tax,
    round(
        {{ to_amount('lines.price_unit') }} * {{ to_amount('lines.product_uom_qty') }}
        * coalesce({{ to_amount('lines.discount') }}, 0) / 100, 2
    ) as amount_discount,
    -- Of the day where module sale_margin noted it, in the order's currency; else of today, in the company's.
    coalesce(
        {{ to_amount('lines.purchase_price') }},
        costs.unit_cost * case
            when orders.currency_id is null or orders.currency_id = companies.currency_id then 1
            else {{ to_amount('orders.currency_rate') }}
        end
    ) * {{ to_amount('lines.product_uom_qty') }} as cost,
    {{ to_utc('lines.write_date') }} as updated_at,
    lines._deleted_at as deleted_at
from {{ source('odoo', 'sale_order_line') }} as lines
left join {{ source('odoo', 'sale_order') }} as orders on lines.order_id = orders.id
left join {{ ref('stg_odoo__companies') }} as companies on orders.company_id = companies.company_id
left join {{ source('odoo', 'product_product') }} as products on lines.product_id = products.id
left join {{ source('odoo', 'product_template') }} as templates on products.product_tmpl_id = templates.id
left join {{ ref('stg_odoo__unit_costs') }} as costs
    on lines.product_id = costs.product_id and orders.company_id = costs.company_id
