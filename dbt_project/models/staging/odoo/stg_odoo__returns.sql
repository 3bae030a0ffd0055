-- What came back: lines of negative quantities, of till orders and of sale orders. What the lines of a refund
-- do not add up to is a line of its own, and so is a refund without lines.
with sold_at as (
    -- What a till's line was sold in: its receipt.
    select id, order_id from {{ source('odoo', 'pos_order_line') }}
),

till_lines as (
    select
        lines.order_id as receipt_id,
        'odoo:pos_line:' || lines.id as return_line_id,
        case when lines.amount > 0 then 'adjustment' else 'goods' end as kind,
        lines.sku,
        -lines.quantity as quantity,
        -lines.amount as amount,
        lines.sale_order_origin_id,
        lines.refunded_orderline_id,
        lines.sale_order_line_id as line_of_sale,
        lines.refunded_orderline_id as line_of_receipt,
        lines.updated_at,
        lines.deleted_at
    from {{ ref('stg_odoo__receipt_lines') }} as lines
    where lines.is_return
),

till_sums as (
    select
        lines.order_id as receipt_id,
        bool_or(not lines.is_return) as sells,
        sum(lines.amount) as amount,
        max(lines.sale_order_origin_id) as sale_order_origin_id,
        max(lines.refunded_orderline_id) as refunded_orderline_id,
        count(distinct lines.sale_order_origin_id) + count(distinct sold_at.order_id) as orders
    from {{ ref('stg_odoo__receipt_lines') }} as lines
    left join sold_at on lines.refunded_orderline_id = sold_at.id
    where lines.deleted_at is null
    group by lines.order_id
),

till_beside_lines as (
    select
        receipts.id as receipt_id,
        'odoo:pos:' || receipts.id as return_line_id,
        'adjustment' as kind,
        null as sku,
        cast(null as numeric) as quantity,
        coalesce(sums.amount, 0) - receipts.amount_total as amount,
        -- Of the order that the lines are of, where it is one.
        case when sums.orders = 1 then sums.sale_order_origin_id end as sale_order_origin_id,
        case when sums.orders = 1 then sums.refunded_orderline_id end as refunded_orderline_id,
        cast(null as bigint) as line_of_sale,
        cast(null as bigint) as line_of_receipt,
        receipts.updated_at,
        receipts.deleted_at
    from {{ ref('stg_odoo__receipts') }} as receipts
    left join till_sums as sums on receipts.id = sums.receipt_id
    where
        receipts.is_refund
        and not coalesce(sums.sells, false)
        and coalesce(sums.amount, 0) <> receipts.amount_total
),

till as (
    select * from till_lines
    union all
    select * from till_beside_lines
),

sale_lines as (
    select
        order_id as sale_id,
        'odoo:sale_line:' || id as return_line_id,
        case when is_delivery then 'shipping' when amount > 0 then 'adjustment' else 'goods' end as kind,
        sku,
        -quantity as quantity,
        -amount as amount,
        updated_at,
        deleted_at
    from {{ ref('stg_odoo__sale_lines') }}
    where line_kind = 'returned'
    union all
    select
        id as sale_id,
        'odoo:sale:' || id as return_line_id,
        'adjustment' as kind,
        null as sku,
        null as quantity,
        -amount_total - amount_returned as amount,
        updated_at,
        deleted_at
    from {{ ref('stg_odoo__sales') }}
    where is_credit and -amount_total <> amount_returned
)

-- What was bought is another receipt, or a sale order: the mirrored one stands for the shop's own order,
-- whose lines the ERP does not know.
select
    till.return_line_id,
    'odoo:pos:' || receipts.id as return_id,
    'odoo' as source_system,
    receipts.source_record_id,
    receipts.no_record_reason,
    coalesce(
        sales.mirrors_order_id,
        'odoo:sale:' || till.sale_order_origin_id,
        'odoo:pos:' || coalesce(sold_at.order_id, receipts.refunded_order_id)
    ) as order_id,
    case
        when till.sale_order_origin_id is null then 'odoo:pos_line:' || till.line_of_receipt
        when sales.mirrors_order_id is null then 'odoo:sale_line:' || till.line_of_sale
    end as order_line_id,
    receipts.ordered_at as returned_at,
    'store' as return_channel,
    cast(receipts.store_id as text) as store_id,
    till.kind,
    till.sku,
    case when till.kind = 'goods' then till.quantity end as quantity,
    till.amount,
    greatest(till.updated_at, receipts.updated_at) as updated_at,
    coalesce(till.deleted_at, receipts.deleted_at) as deleted_at
from till
inner join {{ ref('stg_odoo__receipts') }} as receipts on till.receipt_id = receipts.id
left join {{ ref('stg_odoo__sales') }} as sales on till.sale_order_origin_id = sales.id
left join sold_at on till.refunded_orderline_id = sold_at.id
where receipts.is_paid
union all
select
    sale_lines.return_line_id,
    'odoo:sale:' || sales.id as return_id,
    'odoo' as source_system,
    sales.source_record_id,
    sales.no_record_reason,
    -- An order of negative quantities does not say what was bought.
    case when not sales.is_credit then coalesce(sales.mirrors_order_id, 'odoo:sale:' || sales.id) end
        as order_id,
    null as order_line_id,
    sales.ordered_at as returned_at,
    sales.order_channel as return_channel,
    sales.store_id,
    sale_lines.kind,
    sale_lines.sku,
    case when sale_lines.kind = 'goods' then sale_lines.quantity end as quantity,
    sale_lines.amount,
    greatest(sale_lines.updated_at, sales.updated_at) as updated_at,
    coalesce(sale_lines.deleted_at, sales.deleted_at) as deleted_at
from sale_lines
inner join {{ ref('stg_odoo__sales') }} as sales on sale_lines.sale_id = sales.id
where sales.is_confirmed
