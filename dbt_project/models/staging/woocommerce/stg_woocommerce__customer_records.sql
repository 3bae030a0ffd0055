-- Registered customers (their phone and address are those of their last order) and guest orders.
with billing as (
    select * from {{ ref('stg_woocommerce__billing') }}
),

ranked_orders as (
    select
        *,
        row_number() over (partition by source_record_id order by created_at desc, order_id desc) as position
    from billing
    where source_record_id like 'user:%' and deleted_at is null
),

last_orders as (
    select * from ranked_orders
    where position = 1
),

lookup as (
    select
        'user:' || user_id as source_record_id,
        {{ to_text('username') }} as username,
        {{ to_text('first_name') }} as given_name,
        {{ to_text('last_name') }} as family_name,
        {{ to_text('email') }} as email,
        {{ to_text('city') }} as city,
        {{ to_text('postcode') }} as postcode,
        {{ to_text('country') }} as country,
        {{ to_utc('date_registered') }} as created_at,
        {{ to_utc('coalesce(date_last_active, date_registered)') }} as updated_at,
        _deleted_at as deleted_at
    from {{ source('woocommerce', 'wp_wc_customer_lookup') }}
    where user_id is not null
),

users as (
    select
        coalesce(lookup.source_record_id, orders.source_record_id) as source_record_id,
        coalesce(lookup.given_name, orders.given_name) as given_name,
        coalesce(lookup.family_name, orders.family_name) as family_name,
        orders.phone,
        coalesce(lookup.email, orders.email) as email,
        orders.loyalty_card,
        orders.street,
        coalesce(orders.city, lookup.city) as city,
        coalesce(orders.postcode, lookup.postcode) as postcode,
        coalesce(orders.country, lookup.country) as country,
        lookup.username as login_id,
        coalesce(lookup.created_at, orders.created_at) as created_at,
        greatest(lookup.updated_at, orders.updated_at) as updated_at,
        lookup.deleted_at
    from lookup
    full join last_orders as orders
        on lookup.source_record_id = orders.source_record_id
)

select
    'woocommerce' as source_system,
    source_record_id,
    {{ to_text("concat_ws(' ', given_name, family_name)") }} as full_name,
    given_name,
    family_name,
    phone,
    email,
    loyalty_card,
    street,
    city,
    postcode,
    country,
    login_id,
    false as is_company,
    created_at,
    updated_at,
    deleted_at
from users
union all
select
    'woocommerce' as source_system,
    source_record_id,
    {{ to_text("concat_ws(' ', given_name, family_name)") }} as full_name,
    given_name,
    family_name,
    phone,
    email,
    loyalty_card,
    street,
    city,
    postcode,
    country,
    null as login_id,
    false as is_company,
    created_at,
    updated_at,
    deleted_at
from billing
where source_record_id like 'order:%'
