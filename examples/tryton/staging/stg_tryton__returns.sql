-- Tryton's returns are sales of negative quantities that name what was bought as their origin. What the lines
-- of a return do not add up to is a line of its own.
with lines as (
    select
        sale,
        'tryton:line:' || id as return_line_id,
        'goods' as kind,
        sku,
        -quantity as quantity,
        -amount as amount,
        updated_at,
        deleted_at
    from {{ ref('stg_tryton__lines') }}
    where quantity < 0
),

beside_lines as (
    select
        sales.id as sale,
        'tryton:sale:' || sales.id as return_line_id,
        'adjustment' as kind,
        null as sku,
        cast(null as numeric) as quantity,
        -sales.amount_total - sum(lines.amount) as amount,
        sales.updated_at,
        sales.deleted_at
    from {{ ref('stg_tryton__sales') }} as sales
    inner join lines on sales.id = lines.sale
    where sales.is_return and lines.deleted_at is null
    group by sales.id, sales.amount_total, sales.updated_at, sales.deleted_at
    having -sales.amount_total <> sum(lines.amount)
),

given_back as (
    select * from lines
    union all
    select * from beside_lines
)

select
    given_back.return_line_id,
    'tryton:sale:' || sales.id as return_id,
    'tryton' as source_system,
    sales.source_record_id,
    sales.no_record_reason,
    'tryton:sale:' || case when sales.is_return then sales.returned_sale else sales.id end as order_id,
    sales.ordered_at as returned_at,
    'phone' as return_channel,
    given_back.kind,
    given_back.sku,
    given_back.quantity,
    given_back.amount,
    greatest(given_back.updated_at, sales.updated_at) as updated_at,
    coalesce(given_back.deleted_at, sales.deleted_at) as deleted_at
from given_back
inner join {{ ref('stg_tryton__sales') }} as sales on given_back.sale = sales.id
where sales.status in ('placed', 'paid', 'completed')
