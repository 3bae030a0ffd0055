-- A retired ID in a fact means that a merge did not restate history.
{% for fact in [
    'fct_interaction', 'fct_order', 'fct_order_line', 'fct_return_line', 'fct_contact_case', 'fct_journey',
    'fct_journey_step', 'bridge_customer_identifier', 'bridge_customer_record', 'customer_card',
] %}
select '{{ fact }}' as fact, retired.retired_id, count(*) as row_count
from {{ ref(fact) }} as facts
inner join {{ ref('customer_id_redirect') }} as retired on facts.customer_id = retired.retired_id
group by retired.retired_id
{% if not loop.last %}union all{% endif %}
{% endfor %}
