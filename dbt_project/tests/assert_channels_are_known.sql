-- A channel that dim_channel does not know would be missing from every report by channel.
with named as (
    {% for mart, column in [
        ('fct_interaction', 'channel'), ('fct_order', 'order_channel'), ('fct_order_line', 'order_channel'),
        ('fct_return_line', 'purchase_channel'), ('fct_return_line', 'return_channel'),
        ('fct_contact_case', 'channel'), ('fct_journey', 'start_channel'), ('fct_journey', 'end_channel'),
        ('fct_journey', 'question_channel'), ('fct_journey_step', 'channel'),
        ('dim_customer', 'first_channel'), ('dim_customer', 'last_channel'),
    ] %}
    select distinct '{{ mart }}' as mart, '{{ column }}' as column_name, {{ column }} as channel
    from {{ ref(mart) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select named.mart, named.column_name, named.channel
from named
left join {{ ref('dim_channel') }} as channels on named.channel = channels.channel
where named.channel is not null and channels.channel is null
