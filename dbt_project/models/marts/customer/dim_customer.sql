{#- Golden fields: of each attribute the most trusted source's value, then the most recent one. -#}
{% set golden = [
    'full_name', 'gender', 'birth_date', 'phone', 'email', 'loyalty_card', 'tax_id', 'messenger_kind',
    'messenger_id', 'login_id',
] -%}
{#- Attributes that only mean something together come from one card. -#}
{% set together = {
    'name': ['given_name', 'middle_name', 'family_name'],
    'address': ['street', 'city', 'postcode', 'country'],
} -%}
{% set counted = ['full_name', 'gender', 'birth_date', 'phone', 'email', 'loyalty_card', 'street', 'city'] -%}

with placeholders as (
    -- What so many customers hold describes none of them: a stand-in, a switchboard, the company's own.
    select distinct kind, value
    from {{ ref('bridge_customer_identifier') }}
    where customer_count > {{ var('placeholder_customers') }}
),

own_identifiers as (
    select
        identifiers.source_system,
        identifiers.source_record_id,
        min(identifiers.value) filter (where identifiers.kind = 'phone') as phone,
        bool_or(identifiers.kind = 'email') as has_email
    from {{ source('identity', 'record_identifiers') }} as identifiers
    left join placeholders on identifiers.kind = placeholders.kind and identifiers.value = placeholders.value
    where identifiers.is_main and identifiers.is_canonical and placeholders.value is null
    group by identifiers.source_system, identifiers.source_record_id
),

records as (
    select
        links.customer_id,
        cards.source_system,
        cards.source_record_id,
        cards.full_name,
        cards.given_name,
        cards.middle_name,
        cards.family_name,
        cards.gender,
        -- Days that forms and systems fill in by themselves, and days to come, are no birth dates.
        case
            when
                cards.birth_date not in (date '1900-01-01', date '1970-01-01')
                and cards.birth_date < cards.updated_at
                then cards.birth_date
        end as birth_date,
        own_identifiers.phone,
        -- As it is written: an alias is what its owner is used to.
        case when own_identifiers.has_email then lower(btrim(cards.email)) end as email,
        cards.loyalty_card,
        cards.tax_id,
        cards.street,
        cards.city,
        cards.postcode,
        cards.country,
        cards.messenger_kind,
        cards.messenger_id,
        cards.login_id,
        cards.is_company,
        cards.created_at,
        cards.updated_at,
        row_number() over (
            partition by links.customer_id
            order by
                {{ rank_of('cards.source_system', 'source_trust') }},
                cards.updated_at desc nulls last,
                cards.source_record_id
        ) as trust
    from {{ ref('bridge_customer_record') }} as links
    inner join {{ ref('customer_records') }} as cards
        on links.source_system = cards.source_system and links.source_record_id = cards.source_record_id
    left join own_identifiers
        on
            links.source_system = own_identifiers.source_system
            and links.source_record_id = own_identifiers.source_record_id
    where links.customer_id is not null
),

customers as (
    select
        customer_id,
        bool_or(is_company) as is_company,
        {%- for column in golden %}
        {{ first_by(column, 'trust') }} as {{ column }},
        {%- endfor %}
        min(trust) filter (where family_name is not null and given_name is not null) as name_trust,
        min(trust) filter (where street is not null or city is not null) as address_trust,
        {{ first_by('source_system', 'created_at nulls last, trust') }} as first_source_system,
        min(created_at) as first_record_at,
        max(updated_at) as last_record_at,
        cast(count(*) as integer) as record_count,
        {{ list_distinct('source_system') }} as source_systems
    from records
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
    {%- for column in golden %}
    customers.{{ column }},
    {%- endfor %}
    {%- for group, columns in together.items() %}
    {%- for column in columns %}
    {{ group }}_card.{{ column }},
    {%- endfor %}
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
    round((
        {%- for column in counted %}
        {%- set card = 'address_card' if column in together.address else 'customers' %}
        case when {{ card }}.{{ column }} is not null then 1 else 0 end
        {%- if not loop.last %} +{% endif %}
        {%- endfor %}
    ) / {{ counted | length }}.0, 3) as completeness,
    -- The weakest link that holds the customer's cards together; one card needs none.
    cast(coalesce(weakest_links.match_probability, 1) as double precision) as identity_confidence
from customers
cross join as_of
left join records as name_card
    on customers.customer_id = name_card.customer_id and customers.name_trust = name_card.trust
left join records as address_card
    on customers.customer_id = address_card.customer_id and customers.address_trust = address_card.trust
left join {{ source('identity', 'households') }} as households on customers.customer_id = households.customer_id
left join contacts on customers.customer_id = contacts.customer_id
left join purchases on customers.customer_id = purchases.customer_id
left join given_back on customers.customer_id = given_back.customer_id
left join weakest_links on customers.customer_id = weakest_links.customer_id
