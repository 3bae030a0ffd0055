with loyalty as (
    select
        history.order_model,
        history.order_id,
        max(cards.code) as loyalty_card,
        sum(history.issued) as points_issued,
        sum(history.used) as points_used
    from {{ source('odoo', 'loyalty_history') }} as history
    inner join {{ ref('stg_odoo__loyalty_cards') }} as cards on history.card_id = cards.id
    where history._deleted_at is null
    group by history.order_model, history.order_id
),

-- A receipt may sell and take back at once: what came back is in the contract `returns`. One whose goods are
-- all of one sale order is the till's copy of that order: it was paid there.
receipt_sums as (
    select
        order_id,
        bool_or(not is_return) as sells,
        coalesce(sum(-amount) filter (where is_return), 0) as amount_returned,
        coalesce(sum(-amount_tax) filter (where is_return), 0) as tax_returned,
        sum(amount_discount) filter (where not is_return) as amount_discount,
        case
            when
                count(distinct sale_order_origin_id) filter (where not is_return) = 1
                and bool_and(sale_order_origin_id is not null or is_return)
                then max(sale_order_origin_id) filter (where not is_return)
        end as settles_sale_id
    from {{ ref('stg_odoo__receipt_lines') }}
    where deleted_at is null
    group by order_id
),

shipments as (
    select
        pickings.pos_order_id,
        case when bool_and(pickings.state = 'done') then max(pickings.date_done) end as date_done
    from {{ source('odoo', 'stock_picking') }} as pickings
    where pickings.state <> 'cancel' and pickings._deleted_at is null
    group by pickings.pos_order_id
),

methods as (
    select
        methods.id,
        {{ translated(source('odoo', 'pos_payment_method'), 'methods', 'name') }} as name
    from {{ source('odoo', 'pos_payment_method') }} as methods
),

payments as (
    select
        payments.pos_order_id,
        {{ list_distinct('methods.name') }} as payment_method
    from {{ source('odoo', 'pos_payment') }} as payments
    inner join methods on payments.payment_method_id = methods.id
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
    sales.store_id,
    sales.store_name,
    case when sales.store_id is not null and sales.is_ready then sales.ready_at end as ready_at,
    case when sales.store_id is not null then sales.handed_over_at end as picked_up_at,
    cast(null as timestamptz) as paid_at,
    case
        when sales.dictionary_status in ('placed', 'completed') then sales.handed_over_at
    end as completed_at,
    case when sales.dictionary_status = 'cancelled' then sales.updated_at end as cancelled_at,
    cast(sales.company_id as text) as company_id,
    sales.company_name,
    sales.currency,
    sales.amount_total + sales.amount_returned as amount_total,
    sales.amount_tax + sales.tax_returned as amount_tax,
    sales.amount_discount,
    sales.amount_shipping,
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
left join loyalty on loyalty.order_model = 'sale.order' and sales.id = loyalty.order_id
where not sales.is_credit
union all
select
    'odoo:pos:' || receipts.id as order_id,
    'odoo' as source_system,
    receipts.source_record_id,
    receipts.no_record_reason,
    coalesce(receipts.pos_reference, receipts.name) as order_number,
    case
        when receipt_sums.settles_sale_id is not null
            then coalesce(settled.mirrors_order_id, 'odoo:sale:' || settled.id)
    end as mirrors_order_id,
    receipts.ordered_at,
    statuses.status,
    receipts.source_status,
    'store' as order_channel,
    case when receipts.is_shipped then 'delivery' else 'store' end as fulfilment_channel,
    cast(receipts.store_id as text) as store_id,
    receipts.store_name,
    null as ready_at,
    null as picked_up_at,
    case when receipts.is_paid then receipts.ordered_at end as paid_at,
    case
        when receipts.is_shipped then {{ to_utc('shipments.date_done') }}
        when receipts.is_paid then receipts.ordered_at
    end as completed_at,
    case when receipts.source_status = 'cancel' then receipts.updated_at end as cancelled_at,
    cast(receipts.company_id as text) as company_id,
    receipts.company_name,
    receipts.currency,
    receipts.amount_total + coalesce(receipt_sums.amount_returned, 0) as amount_total,
    receipts.amount_tax + coalesce(receipt_sums.tax_returned, 0) as amount_tax,
    coalesce(receipt_sums.amount_discount, 0) as amount_discount,
    cast(null as numeric) as amount_shipping,
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
left join receipt_sums on receipts.id = receipt_sums.order_id
left join {{ ref('stg_odoo__sales') }} as settled on receipt_sums.settles_sale_id = settled.id
left join shipments on receipts.id = shipments.pos_order_id
left join payments on receipts.id = payments.pos_order_id
left join loyalty on loyalty.order_model = 'pos.order' and receipts.id = loyalty.order_id
left join {{ ref('statuses') }} as statuses
    on
        statuses.source_system = 'odoo'
        and statuses.entity = 'pos_order'
        and receipts.source_status = statuses.source_status
where not receipts.is_refund or receipt_sums.sells
