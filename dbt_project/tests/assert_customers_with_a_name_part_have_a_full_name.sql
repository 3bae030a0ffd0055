-- A customer whose given or family name is known is never shown without a name.
select customer_id from {{ ref('dim_customer') }}
where full_name is null and (given_name is not null or family_name is not null)
