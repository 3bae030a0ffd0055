-- The billing address of each order with the card that the order belongs to: a registered customer's, or
-- the guest order's own. A cart without any of the guest's data belongs to nobody.
select
    orders.id as order_id,
    case
        when orders.customer_id > 0 then 'user:' || orders.customer_id
        when
            coalesce(
                nullif(orders.billing_email, ''),
                nullif(addresses.email, ''),
                nullif(addresses.phone, ''),
                nullif(addresses.first_name, ''),
                nullif(addresses.last_name, '')
            ) is not null
            then 'order:' || orders.id
    end as source_record_id,
    {{ to_text('addresses.first_name') }} as given_name,
    {{ to_text('addresses.last_name') }} as family_name,
    coalesce({{ to_text('addresses.email') }}, {{ to_text('orders.billing_email') }}) as email,
    {{ to_text('addresses.phone') }} as phone,
    {{ to_text(
        "concat_ws(', ', nullif(addresses.address_1, ''), nullif(addresses.address_2, ''))"
    ) }} as street,
    {{ to_text('addresses.city') }} as city,
    {{ to_text('addresses.postcode') }} as postcode,
    {{ to_text('addresses.country') }} as country,
    attributes.loyalty_card,
    {{ to_utc('orders.date_created_gmt') }} as created_at,
    {{ to_utc('orders.date_updated_gmt') }} as updated_at,
    orders._deleted_at as deleted_at
from {{ source('woocommerce', 'wp_wc_orders') }} as orders
left join {{ source('woocommerce', 'wp_wc_order_addresses') }} as addresses
    on orders.id = addresses.order_id and addresses.address_type = 'billing' and addresses._deleted_at is null
left join {{ ref('stg_woocommerce__order_attributes') }} as attributes on orders.id = attributes.order_id
where orders.type = 'shop_order' and not {{ is_unsaved_order('orders.status') }}
