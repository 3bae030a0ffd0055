-- Read from the raw tables, not from the models that fill the contracts: what those lose must show here.
with employees as (
    select distinct partner_id from {{ source('odoo', 'res_users') }}
    where partner_id is not null and _deleted_at is null
),

receipt_lines as (
    select
        id,
        order_id,
        {{ to_amount('qty') }} as quantity,
        {{ to_amount('price_subtotal_incl') }} as amount
    from {{ source('odoo', 'pos_order_line') }}
    where _deleted_at is null
),

receipt_sums as (
    select
        order_id,
        bool_or(quantity < 0) as takes_back,
        bool_or(quantity >= 0) as sells,
        sum(amount) filter (where quantity >= 0) as amount_sold
    from receipt_lines
    group by order_id
),

receipts as (
    select
        orders.id,
        orders.amount_total,
        orders.partner_id,
        coalesce(sums.takes_back, false) as takes_back,
        sums.amount_sold,
        coalesce({{ to_boolean('orders.is_refund') }}, orders.amount_total < 0)
        and not coalesce(sums.sells, false) as only_takes_back,
        coalesce({{ to_text('orders.email') }}, {{ to_text('orders.mobile') }}) is not null as is_reachable
    from {{ source('odoo', 'pos_order') }} as orders
    left join receipt_sums as sums on orders.id = sums.order_id
    where orders._deleted_at is null
),

source_rows as (
    select
        'res_partner' as table_name,
        partners.id as row_id,
        'customer_records' as contract,
        'partner:' || partners.id as contract_row_id,
        case when employees.partner_id is not null then 'own_employee' end as left_out,
        cast(null as numeric) as amount
    from {{ source('odoo', 'res_partner') }} as partners
    left join employees on partners.id = employees.partner_id
    where partners._deleted_at is null
    union all
    select
        'sale_order' as table_name,
        id as row_id,
        'orders' as contract,
        'odoo:sale:' || id as contract_row_id,
        null as left_out,
        amount_total as amount
    from {{ source('odoo', 'sale_order') }}
    where _deleted_at is null
    union all
    select
        'sale_order_line' as table_name,
        id as row_id,
        'order_lines' as contract,
        'odoo:sale_line:' || id as contract_row_id,
        null as left_out,
        {{ to_amount('price_total') }} as amount
    from {{ source('odoo', 'sale_order_line') }}
    where _deleted_at is null
    union all
    select
        'pos_order' as table_name,
        id as row_id,
        'orders' as contract,
        'odoo:pos:' || id as contract_row_id,
        -- Its lines are in the contract `returns`.
        case when only_takes_back then 'refund_header' end as left_out,
        -- An exchange is an order for what it sells.
        case when takes_back and not only_takes_back then amount_sold else amount_total end as amount
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
        case when lines.quantity < 0 then 'returns' else 'order_lines' end as contract,
        'odoo:pos_line:' || lines.id as contract_row_id,
        case
            when lines.quantity is null then 'no_quantity'
            when lines.quantity >= 0 then null
            when orders.id is null then 'no_order'
            when orders.state in ('paid', 'done', 'invoiced') then null
            else 'unpaid'
        end as left_out,
        case when lines.quantity < 0 then -lines.amount else lines.amount end as amount
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
