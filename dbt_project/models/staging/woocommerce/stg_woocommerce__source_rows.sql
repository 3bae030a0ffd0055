-- Read from the raw tables, not from the models that fill the contracts: what those lose must show here.
with item_amounts as (
    {{ pivot_meta(source('woocommerce', 'wp_woocommerce_order_itemmeta'), 'order_item_id', {
        '_line_total': 'line_total',
        '_line_tax': 'line_tax',
        'cost': 'cost',
        'total_tax': 'total_tax',
    }) }}
),

source_rows as (
    select
        'wp_wc_orders' as table_name,
        orders.id as row_id,
        case orders.type when 'shop_order_refund' then 'refunds' else 'orders' end as contract,
        case orders.type when 'shop_order_refund' then 'woocommerce:refund:' else 'woocommerce:order:' end
        || orders.id as contract_row_id,
        case
            when orders.type not in ('shop_order', 'shop_order_refund') then 'not_an_order'
            when orders.type = 'shop_order' and {{ is_unsaved_order('orders.status') }} then 'unsaved_order'
        end as left_out,
        case
            when orders.type = 'shop_order_refund' then abs({{ to_amount('orders.total_amount') }})
            else {{ to_amount('orders.total_amount') }}
        end as amount
    from {{ source('woocommerce', 'wp_wc_orders') }} as orders
    where orders._deleted_at is null
    union all
    select
        'wp_wc_orders' as table_name,
        orders.id as row_id,
        'customer_records' as contract,
        'order:' || orders.id as contract_row_id,
        case
            when {{ is_unsaved_order('orders.status') }} then 'unsaved_order'
            when orders.customer_id > 0 then 'registered'
            when
                coalesce(
                    nullif(orders.billing_email, ''),
                    nullif(addresses.email, ''),
                    nullif(addresses.phone, ''),
                    nullif(addresses.first_name, ''),
                    nullif(addresses.last_name, '')
                ) is null
                then 'no_customer_given'
        end as left_out,
        null as amount
    from {{ source('woocommerce', 'wp_wc_orders') }} as orders
    left join {{ source('woocommerce', 'wp_wc_order_addresses') }} as addresses
        on
            orders.id = addresses.order_id
            and addresses.address_type = 'billing'
            and addresses._deleted_at is null
    where orders.type = 'shop_order' and orders._deleted_at is null
    union all
    select
        'wp_wc_customer_lookup' as table_name,
        customer_id as row_id,
        'customer_records' as contract,
        'user:' || user_id as contract_row_id,
        -- A guest's card is the order's.
        case when user_id is null then 'guest' end as left_out,
        null as amount
    from {{ source('woocommerce', 'wp_wc_customer_lookup') }}
    where _deleted_at is null
    union all
    select
        'wp_woocommerce_order_items' as table_name,
        items.order_item_id as row_id,
        case orders.type when 'shop_order_refund' then 'returns' else 'order_lines' end as contract,
        'woocommerce:item:' || items.order_item_id as contract_row_id,
        case
            when orders.type = 'shop_order_refund' and items.order_item_type in ('shipping', 'fee') then null
            when items.order_item_type <> 'line_item' then 'no_product'
            when orders.id is null then 'no_order'
            when orders.type not in ('shop_order', 'shop_order_refund') then 'not_an_order'
            when {{ is_unsaved_order('orders.status') }} then 'unsaved_order'
        end as left_out,
        case
            when
                orders.type = 'shop_order_refund'
                and items.order_item_type in ('line_item', 'shipping', 'fee')
                then
                    -coalesce({{ to_amount('amounts.line_total') }}, {{ to_amount('amounts.cost') }}, 0)
                    - coalesce({{ to_amount('amounts.line_tax') }}, {{ to_amount('amounts.total_tax') }}, 0)
            when items.order_item_type = 'line_item'
                then {{ to_amount('amounts.line_total') }} + coalesce({{ to_amount('amounts.line_tax') }}, 0)
        end as amount
    from {{ source('woocommerce', 'wp_woocommerce_order_items') }} as items
    left join {{ source('woocommerce', 'wp_wc_orders') }} as orders on items.order_id = orders.id
    left join item_amounts as amounts on items.order_item_id = amounts.order_item_id
    where items._deleted_at is null
)

select
    'woocommerce' as source_system,
    table_name,
    row_id,
    contract,
    contract_row_id,
    left_out,
    amount
from source_rows
