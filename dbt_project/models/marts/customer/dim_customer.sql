with customers as (
    select
        links.customer_id,
        bool_or(cards.is_company) as is_company,
        {{ first_by('cards.source_system', 'cards.created_at nulls last, cards.source_system') }}
            as first_source_system,
        min(cards.created_at) as first_record_at,
        max(cards.updated_at) as last_record_at,
        cast(count(*) as integer) as record_count,
        {{ list_distinct('cards.source_system') }} as source_systems
    from {{ ref('bridge_customer_record') }} as links
    inner join {{ ref('customer_records') }} as cards
        on links.source_system = cards.source_system and links.source_record_id = cards.source_record_id
    where links.customer_id is not null
    group by links.customer_id
),

golden as (
    select
        customer_id,
        {%- for column in golden_columns() %}
        max(value) filter (where attribute = '{{ column }}') as {{ column }},
        {%- endfor %}
        cast(count(*) filter (
            where attribute in (
                'full_name', 'gender', 'birth_date', 'phone', 'email', 'loyalty_card', 'street', 'city'
            )
        ) as numeric) as filled
    from {{ ref('customer_golden_field') }}
    group by customer_id
),

contacts as (
    select
        customer_id,
        min(occurred_at) as first_interaction_at,
        max(occurred_at) as last_interaction_at,
        {{ first_by('channel', 'occurred_at, interaction_id') }} as first_channel,
        {{ first_by('channel', 'occurred_at desc, interaction_id desc') }} as last_channel,
        cast(count(*) as integer) as interaction_count
    from {{ ref('fct_interaction') }}
    where customer_id is not null
    group by customer_id
),

purchases as (
    select
        customer_id,
        cast(count(*) as integer) as order_count,
        sum(amount_total) as revenue,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at
    from {{ ref('fct_order') }}
    where customer_id is not null and is_sale
    group by customer_id
),

given_back as (
    select customer_id, sum(amount) as amount_returned
    from {{ ref('fct_return_line') }}
    where customer_id is not null
    group by customer_id
),

weakest_links as (
    select links.customer_id, min(edges.match_probability) as match_probability
    from {{ source('identity', 'edges') }} as edges
    inner join {{ ref('bridge_customer_record') }} as links
        on edges.source_system_l = links.source_system and edges.source_record_id_l = links.source_record_id
    where edges.is_used
    group by links.customer_id
),

as_of as (
    select max(data_as_of) as data_as_of from {{ ref('data_freshness') }}
)

select
    customers.customer_id,
    customers.is_company,
    households.household_id,
    {%- for column in golden_columns() %}
    {{ to_date('golden.birth_date') ~ ' as birth_date' if column == 'birth_date' else 'golden.' ~ column }},
    {%- endfor %}
    least(customers.first_record_at, contacts.first_interaction_at) as first_seen_at,
    customers.first_source_system,
    contacts.first_channel,
    greatest(customers.last_record_at, contacts.last_interaction_at) as last_seen_at,
    contacts.last_channel,
    case
        when purchases.customer_id is null then 'prospect'
        when purchases.last_order_at < {{ add_days('as_of.data_as_of', '-' ~ var('lost_after_days')) }}
            then 'lost'
        when purchases.last_order_at < {{ add_days('as_of.data_as_of', '-' ~ var('at_risk_after_days')) }}
            then 'at_risk'
        when purchases.order_count = 1 then 'new'
        else 'active'
    end as lifecycle_stage,
    customers.record_count,
    customers.source_systems,
    coalesce(contacts.interaction_count, 0) as interaction_count,
    coalesce(purchases.order_count, 0) as order_count,
    coalesce(purchases.revenue, 0) as revenue,
    coalesce(given_back.amount_returned, 0) as amount_returned,
    purchases.first_order_at,
    purchases.last_order_at,
    round(coalesce(golden.filled, 0) / 8, 3) as completeness,
    -- The weakest link that holds the customer's cards together; one card needs none.
    cast(coalesce(weakest_links.match_probability, 1) as double precision) as identity_confidence
from customers
cross join as_of
left join golden on customers.customer_id = golden.customer_id
left join {{ source('identity', 'households') }} as households
    on customers.customer_id = households.customer_id
left join contacts on customers.customer_id = contacts.customer_id
left join purchases on customers.customer_id = purchases.customer_id
left join given_back on customers.customer_id = given_back.customer_id
left join weakest_links on customers.customer_id = weakest_links.customer_id
