-- A refund is an order of its own below the order. Its header has the money; its items have less where money
-- was given back by amount alone. Rounded as the contract keeps it, so that the lines add up to the header.
with refunds as (
    select
        id,
        nullif(parent_order_id, 0) as parent_order_id,
        round(abs({{ to_amount('total_amount') }}), 4) as amount,
        {{ to_text('customer_note') }} as reason,
        {{ to_utc('date_created_gmt') }} as returned_at,
        {{ to_utc('date_updated_gmt') }} as updated_at,
        _deleted_at as deleted_at
    from {{ source('woocommerce', 'wp_wc_orders') }}
    where type = 'shop_order_refund'
),

items as (
    select
        order_id,
        'woocommerce:item:' || order_item_id as return_line_id,
        case
            when item_type = 'shipping' then 'shipping'
            when item_type = 'fee' then 'fee'
            when quantity <> 0 then 'goods'
            -- Of an item that stays with the customer.
            else 'adjustment'
        end as kind,
        'woocommerce:item:' || refunded_item_id as order_line_id,
        sku,
        abs(quantity) as quantity,
        round(-coalesce(line_total, 0) - coalesce(line_tax, 0), 4) as amount
    from {{ ref('stg_woocommerce__items') }}
    where item_type in ('line_item', 'shipping', 'fee') and deleted_at is null
),

beside_items as (
    select
        refunds.id as order_id,
        'woocommerce:refund:' || refunds.id as return_line_id,
        'adjustment' as kind,
        null as order_line_id,
        null as sku,
        cast(null as numeric) as quantity,
        refunds.amount - coalesce(sum(items.amount), 0) as amount
    from refunds
    left join items on refunds.id = items.order_id
    group by refunds.id, refunds.amount
    having refunds.amount <> coalesce(sum(items.amount), 0) or count(items.order_id) = 0
),

lines as (
    select * from items
    union all
    select * from beside_items
)

select
    lines.return_line_id,
    'woocommerce:refund:' || refunds.id as return_id,
    'woocommerce' as source_system,
    billing.source_record_id,
    case when billing.source_record_id is null then 'no_customer_given' end as no_record_reason,
    'woocommerce:order:' || refunds.parent_order_id as order_id,
    case when lines.kind in ('goods', 'adjustment') then lines.order_line_id end as order_line_id,
    refunds.returned_at,
    'web' as return_channel,
    lines.kind,
    lines.sku,
    case when lines.kind = 'goods' then lines.quantity end as quantity,
    lines.amount,
    refunds.reason,
    refunds.updated_at,
    refunds.deleted_at
from lines
inner join refunds on lines.order_id = refunds.id
left join {{ ref('stg_woocommerce__billing') }} as billing on refunds.parent_order_id = billing.order_id
