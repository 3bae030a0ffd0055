-- What was sold or came back (a negative quantity); titles, comments and empty lines are neither.
select
    lines.id,
    lines.sale,
    products.code as sku,
    lines.product as product_id,
    coalesce(templates.name, {{ to_text('lines.description') }}) as product_name,
    {{ to_amount('lines.quantity') }} as quantity,
    round(lines.unit_price * sales.tax_factor, 2) as unit_price,
    round({{ to_amount('lines.quantity') }} * lines.unit_price * sales.tax_factor, 2) as amount,
    round({{ to_amount('lines.quantity') }} * lines.unit_price * (sales.tax_factor - 1), 2) as amount_tax,
    {{ to_utc('coalesce(lines.write_date, lines.create_date)') }} as updated_at,
    lines._deleted_at as deleted_at
from {{ source('tryton', 'sale_line') }} as lines
inner join {{ ref('stg_tryton__sales') }} as sales on lines.sale = sales.id
left join {{ source('tryton', 'product_product') }} as products on lines.product = products.id
left join {{ source('tryton', 'product_template') }} as templates on products.template = templates.id
where lines.type = 'line' and lines.quantity <> 0
