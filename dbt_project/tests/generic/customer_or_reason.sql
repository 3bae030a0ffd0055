{#- Every row has one customer, or a named reason why none. -#}
{% test customer_or_reason(model) %}
select *
from {{ model }}
where (customer_id is null) = (no_customer_reason is null)
{% endtest %}
