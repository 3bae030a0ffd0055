-- Tryton's returns are sales of negative quantities that name what was bought as their origin.
select
    'tryton:line:' || lines.id as return_line_id,
    'tryton:sale:' || sales.id as return_id,
    'tryton' as source_system,
    sales.source_record_id,
    sales.no_record_reason,
    'tryton:sale:' || case when sales.is_return then sales.returned_sale else sales.id end as order_id,
    sales.ordered_at as returned_at,
    'phone' as return_channel,
    lines.sku,
    -lines.quantity as quantity,
    -lines.amount as amount,
    greatest(lines.updated_at, sales.updated_at) as updated_at,
    coalesce(lines.deleted_at, sales.deleted_at) as deleted_at
from {{ ref('stg_tryton__lines') }} as lines
inner join {{ ref('stg_tryton__sales') }} as sales on lines.sale = sales.id
where lines.quantity < 0 and sales.status in ('placed', 'paid', 'completed')
