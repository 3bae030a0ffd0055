with loyalty as (
    select
        history.order_model,
        history.order_id,
        max(cards.code) as loyalty_card,
        sum(history.issued) as points_issued,
        sum(history.used) as points_used
    from {{ source('odoo', 'loyalty_history') }} as history
    inner join {{ source('odoo', 'loyalty_card') }} as cards on history.card_id = cards.id
    where history._deleted_at is null
    group by history.order_model, history.order_id
),

sale_discounts as (
    select
        order_id,
        sum(round(price_unit * product_uom_qty * coalesce(discount, 0) / 100, 2)) as amount_discount
    from {{ source('odoo', 'sale_order_line') }}
    where _deleted_at is null
    group by order_id
),

-- A receipt may sell and take back at once: what came back is in the contract `returns`.
receipt_sales as (
    select
        order_id,
        sum(amount) as amount,
        sum(amount_tax) as amount_tax,
        sum(amount_discount) as amount_discount
    from {{ ref('stg_odoo__receipt_lines') }}
    where quantity >= 0 and deleted_at is null
    group by order_id
),

receipt_returns as (
    select distinct order_id from {{ ref('stg_odoo__receipt_lines') }}
    where quantity < 0 and deleted_at is null
),

payments as (
    select
        payments.pos_order_id,
        {{ list_distinct('methods.name') }} as payment_method
    from {{ source('odoo', 'pos_payment') }} as payments
    inner join {{ source('odoo', 'pos_payment_method') }} as methods
        on payments.payment_method_id = methods.id
    where payments._deleted_at is null and not coalesce({{ to_boolean('payments.is_change') }}, false)
    group by payments.pos_order_id
)

select
    'odoo:sale:' || sales.id as order_id,
    'odoo' as source_system,
    sales.source_record_id,
    sales.no_record_reason,
    sales.name as order_number,
    sales.mirrors_order_id,
    sales.ordered_at,
    case
        when sales.dictionary_status = 'placed' and sales.is_done then 'completed'
        when sales.dictionary_status = 'placed' and sales.is_ready and sales.store_id is not null then 'ready'
        else sales.dictionary_status
    end as status,
    sales.source_status,
    sales.order_channel,
    case when sales.store_id is not null then 'pickup' else 'delivery' end as fulfilment_channel,
    cast(sales.store_id as text) as store_id,
    sales.store_name,
    case when sales.store_id is not null and sales.is_ready then sales.ready_at end as ready_at,
    case when sales.store_id is not null then sales.handed_over_at end as picked_up_at,
    cast(null as timestamptz) as paid_at,
    case
        when sales.dictionary_status in ('placed', 'completed') then sales.handed_over_at
    end as completed_at,
    case when sales.dictionary_status = 'cancelled' then sales.updated_at end as cancelled_at,
    '{{ var("company_currency") }}' as currency,
    sales.amount_total,
    sales.amount_tax,
    coalesce(sale_discounts.amount_discount, 0) as amount_discount,
    cast(null as text) as payment_method,
    loyalty.loyalty_card,
    loyalty.points_issued as loyalty_points_issued,
    loyalty.points_used as loyalty_points_used,
    cast(sales.campaign_id as text) as campaign,
    cast(sales.source_id as text) as source,
    cast(sales.medium_id as text) as medium,
    sales.updated_at,
    sales.deleted_at
from {{ ref('stg_odoo__sales') }} as sales
left join sale_discounts on sales.id = sale_discounts.order_id
left join loyalty on loyalty.order_model = 'sale.order' and sales.id = loyalty.order_id
union all
select
    'odoo:pos:' || receipts.id as order_id,
    'odoo' as source_system,
    receipts.source_record_id,
    receipts.no_record_reason,
    coalesce(receipts.pos_reference, receipts.name) as order_number,
    null as mirrors_order_id,
    receipts.ordered_at,
    statuses.status,
    receipts.source_status,
    'store' as order_channel,
    'store' as fulfilment_channel,
    cast(receipts.store_id as text) as store_id,
    receipts.store_name,
    null as ready_at,
    null as picked_up_at,
    case when receipts.is_paid then receipts.ordered_at end as paid_at,
    case when receipts.is_paid then receipts.ordered_at end as completed_at,
    case when receipts.source_status = 'cancel' then receipts.updated_at end as cancelled_at,
    '{{ var("company_currency") }}' as currency,
    case when receipt_returns.order_id is null then receipts.amount_total else receipt_sales.amount end
        as amount_total,
    case when receipt_returns.order_id is null then receipts.amount_tax else receipt_sales.amount_tax end
        as amount_tax,
    coalesce(receipt_sales.amount_discount, 0) as amount_discount,
    payments.payment_method,
    loyalty.loyalty_card,
    loyalty.points_issued as loyalty_points_issued,
    loyalty.points_used as loyalty_points_used,
    null as campaign,
    null as source,
    null as medium,
    receipts.updated_at,
    receipts.deleted_at
from {{ ref('stg_odoo__receipts') }} as receipts
left join receipt_sales on receipts.id = receipt_sales.order_id
left join receipt_returns on receipts.id = receipt_returns.order_id
left join payments on receipts.id = payments.pos_order_id
left join loyalty on loyalty.order_model = 'pos.order' and receipts.id = loyalty.order_id
left join {{ ref('statuses') }} as statuses
    on
        statuses.source_system = 'odoo'
        and statuses.entity = 'pos_order'
        and receipts.source_status = statuses.source_status
where not receipts.is_refund or receipt_sales.order_id is not null
