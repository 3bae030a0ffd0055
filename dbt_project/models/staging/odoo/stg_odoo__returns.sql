-- What was bought is another receipt, or a sale order: the mirrored one stands for the shop's own order,
-- whose lines the ERP does not know.
select
    'odoo:pos_line:' || lines.id as return_line_id,
    'odoo:pos:' || receipts.id as return_id,
    'odoo' as source_system,
    receipts.source_record_id,
    receipts.no_record_reason,
    coalesce(
        sales.mirrors_order_id,
        'odoo:sale:' || lines.sale_order_origin_id,
        'odoo:pos:' || receipts.refunded_order_id
    ) as order_id,
    case
        when lines.sale_order_origin_id is null then 'odoo:pos_line:' || lines.refunded_orderline_id
        when sales.mirrors_order_id is null then 'odoo:sale_line:' || lines.sale_order_line_id
    end as order_line_id,
    receipts.ordered_at as returned_at,
    'store' as return_channel,
    cast(receipts.store_id as text) as store_id,
    lines.sku,
    -lines.quantity as quantity,
    -lines.amount as amount,
    greatest(lines.updated_at, receipts.updated_at) as updated_at,
    coalesce(lines.deleted_at, receipts.deleted_at) as deleted_at
from {{ ref('stg_odoo__receipt_lines') }} as lines
inner join {{ ref('stg_odoo__receipts') }} as receipts on lines.order_id = receipts.id
left join {{ ref('stg_odoo__sales') }} as sales on lines.sale_order_origin_id = sales.id
where lines.quantity < 0 and receipts.is_paid
