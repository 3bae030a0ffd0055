-- Read from the raw tables, not from the models that fill the contracts: what those lose must show here.
with receipt_lines as (
    select
        lines.id,
        lines.order_id,
        {{ to_amount('lines.qty') }} as quantity,
        {{ takes_back('lines', 'sale_lines') }} as is_return,
        round({{ to_amount('lines.price_subtotal_incl') }}, 4) as amount
    from {{ source('odoo', 'pos_order_line') }} as lines
    left join {{ source('odoo', 'sale_order_line') }} as sale_lines
        on lines.sale_order_line_id = sale_lines.id
    where lines._deleted_at is null
),

receipt_sums as (
    select
        order_id,
        bool_or(not is_return) as sells,
        coalesce(sum(-amount) filter (where is_return), 0) as amount_returned
    from receipt_lines
    group by order_id
),

receipts as (
    select
        orders.id,
        round({{ to_amount('orders.amount_total') }}, 4) as amount_total,
        orders.partner_id,
        coalesce(sums.amount_returned, 0) as amount_returned,
        coalesce({{ to_boolean('orders.is_refund') }}, orders.amount_total < 0)
        and not coalesce(sums.sells, false) as only_takes_back,
        coalesce(orders.state in ('paid', 'done', 'invoiced'), false) as is_paid,
        coalesce({{ to_text('orders.email') }}, {{ to_text('orders.mobile') }}) is not null as is_reachable
    from {{ source('odoo', 'pos_order') }} as orders
    left join receipt_sums as sums on orders.id = sums.order_id
    where orders._deleted_at is null
),

sale_lines as (
    select
        lines.id,
        lines.order_id,
        {{ sale_line_kind('lines') }} as line_kind,
        round({{ to_amount('lines.price_total') }}, 4) as amount
    from {{ source('odoo', 'sale_order_line') }} as lines
    where lines._deleted_at is null
),

sale_sums as (
    select
        order_id,
        bool_or(line_kind = 'returned') and not bool_or(line_kind = 'sold') as is_credit,
        coalesce(sum(-amount) filter (where line_kind = 'returned'), 0) as amount_returned
    from sale_lines
    group by order_id
),

sales as (
    select
        orders.id,
        round({{ to_amount('orders.amount_total') }}, 4) as amount_total,
        coalesce(orders.state in ('sale', 'done'), false) as is_confirmed,
        coalesce(sums.is_credit, false) as is_credit,
        coalesce(sums.amount_returned, 0) as amount_returned
    from {{ source('odoo', 'sale_order') }} as orders
    left join sale_sums as sums on orders.id = sums.order_id
    where orders._deleted_at is null
),

source_rows as (
    select
        'res_partner' as table_name,
        partners.id as row_id,
        'customer_records' as contract,
        'partner:' || partners.id as contract_row_id,
        own.reason as left_out,
        cast(null as numeric) as amount
    from {{ source('odoo', 'res_partner') }} as partners
    left join {{ ref('stg_odoo__own_partners') }} as own on partners.id = own.partner_id
    where partners._deleted_at is null
    union all
    select
        'sale_order' as table_name,
        id as row_id,
        case when is_credit then 'refunds' else 'orders' end as contract,
        'odoo:sale:' || id as contract_row_id,
        case when is_credit and not is_confirmed then 'planned' end as left_out,
        -- What a mixed order takes back is in the contract `returns`.
        case when is_credit then -amount_total else amount_total + amount_returned end as amount
    from sales
    union all
    select
        'sale_order_line' as table_name,
        lines.id as row_id,
        case when lines.line_kind = 'returned' then 'returns' else 'order_lines' end as contract,
        'odoo:sale_line:' || lines.id as contract_row_id,
        case
            when lines.line_kind = 'returned' and orders.id is null then 'no_order'
            when
                lines.line_kind = 'returned'
                and not coalesce(orders.state in ('sale', 'done'), false)
                then 'planned'
            when lines.line_kind in ('section', 'shipping') then 'no_product'
            when lines.line_kind = 'down_payment' then 'down_payment'
        end as left_out,
        case
            when lines.line_kind = 'returned' then -lines.amount
            when lines.line_kind = 'sold' then lines.amount
        end as amount
    from sale_lines as lines
    left join {{ source('odoo', 'sale_order') }} as orders on lines.order_id = orders.id
    union all
    select
        'pos_order' as table_name,
        id as row_id,
        case when only_takes_back then 'refunds' else 'orders' end as contract,
        'odoo:pos:' || id as contract_row_id,
        case when only_takes_back and not is_paid then 'unpaid' end as left_out,
        -- An exchange is an order for what it sells.
        case when only_takes_back then -amount_total else amount_total + amount_returned end as amount
    from receipts
    union all
    select
        'pos_order' as table_name,
        id as row_id,
        'customer_records' as contract,
        'receipt:' || id as contract_row_id,
        case
            when partner_id is not null then 'has_partner'
            when not is_reachable then 'no_customer_given'
        end as left_out,
        null as amount
    from receipts
    union all
    select
        'pos_order_line' as table_name,
        lines.id as row_id,
        case when lines.is_return then 'returns' else 'order_lines' end as contract,
        'odoo:pos_line:' || lines.id as contract_row_id,
        case
            when lines.quantity is null then 'no_quantity'
            when not lines.is_return then null
            when orders.id is null then 'no_order'
            when not coalesce(orders.state in ('paid', 'done', 'invoiced'), false) then 'unpaid'
        end as left_out,
        case when lines.is_return then -lines.amount else lines.amount end as amount
    from receipt_lines as lines
    left join {{ source('odoo', 'pos_order') }} as orders on lines.order_id = orders.id
)

select
    'odoo' as source_system,
    table_name,
    row_id,
    contract,
    contract_row_id,
    left_out,
    amount
from source_rows
