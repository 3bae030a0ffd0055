-- Whoever a fact, a bridge or a card names has a profile; the retired have none. A retired ID in a fact means
-- that a merge did not restate history.
with named as (
    {% for mart in [
        'fct_interaction', 'fct_order', 'fct_order_line', 'fct_return_line', 'fct_contact_case', 'fct_journey',
        'fct_journey_step', 'bridge_customer_identifier', 'bridge_customer_record', 'customer_card',
    ] %}
    select distinct '{{ mart }}' as mart, customer_id from {{ ref(mart) }}
    union all
    {% endfor %}
    select distinct 'customer_id_redirect' as mart, surviving_id as customer_id
    from {{ ref('customer_id_redirect') }}
)

select named.mart, named.customer_id
from named
left join {{ ref('dim_customer') }} as customers on named.customer_id = customers.customer_id
where named.customer_id is not null and customers.customer_id is null
union all
select 'dim_customer' as mart, customers.customer_id
from {{ ref('dim_customer') }} as customers
inner join {{ ref('customer_id_redirect') }} as retired on customers.customer_id = retired.retired_id
