{{ config(indexes=[{'columns': ['source_record_id']}]) }}
-- Grain: customer × attribute. Which card a golden field comes from, and the rule that chose it.
{% set attributes = golden_attributes() -%}
{% set rules = survivorship() -%}
{% set most_rules = rules.values() | map('length') | max -%}

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
        nullif(btrim(cards.full_name), '') as full_name,
        nullif(btrim(cards.given_name), '') as given_name,
        nullif(btrim(cards.middle_name), '') as middle_name,
        nullif(btrim(cards.family_name), '') as family_name,
        -- A word that a source writes besides these two counts as not given, as in identity.
        case when lower(cards.gender) in ('male', 'female') then lower(cards.gender) end as gender,
        -- What identity takes for no date of birth is none here; a year that it cannot read is none either.
        case
            when
                no_dates.birth_date is null
                and cards.birth_date between date '0001-01-01' and date '9999-12-31'
                then cast(cards.birth_date as text)
        end as birth_date,
        own_identifiers.phone,
        -- As it is written: an alias is what its owner is used to.
        case when own_identifiers.has_email then lower(btrim(cards.email)) end as email,
        cards.loyalty_card,
        cards.tax_id,
        cards.messenger_kind,
        cards.messenger_id,
        cards.login_id,
        cards.street,
        cards.city,
        cards.postcode,
        cards.country,
        cards.updated_at,
        {{ rank_of('cards.source_system', 'source_trust') }} as source_rank
    from {{ ref('bridge_customer_record') }} as links
    inner join {{ ref('customer_records') }} as cards
        on links.source_system = cards.source_system and links.source_record_id = cards.source_record_id
    left join own_identifiers
        on
            links.source_system = own_identifiers.source_system
            and links.source_record_id = own_identifiers.source_record_id
    left join {{ source('identity', 'placeholder_dates') }} as no_dates on cards.birth_date = no_dates.birth_date
    where links.customer_id is not null
),

full_given_names as (
    -- Cards whose first name is no short form, by the dictionary.
    select distinct records.source_system, records.source_record_id
    from records
    cross join {{ words_of("concat_ws(' ', records.given_name, records.full_name)") }}
    where {{ golden_key(['words.word']) }} in (select {{ golden_key(['name']) }} from {{ ref('given_names') }})
),

{% for attribute, parts in attributes.items() if 'most_frequent' in rules[attribute] -%}
-- How many of the customer's cards say the same of {{ attribute }}, added up over its parts.
{{ attribute }}_parts as (
    {%- for column in parts.columns %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select
        records.customer_id,
        records.source_system,
        records.source_record_id,
        {%- if parts.columns | length > 1 %}
        '{{ column }}|' || {{ golden_key(['records.' ~ column]) }} as part
    from records
        {%- else %}
        {{ golden_key(['words.word']) }} as part
    from records
    cross join {{ words_of('records.' ~ column) }}
        {%- endif %}
    where records.{{ column }} is not null
    {%- endfor %}
),

{{ attribute }}_agreement as (
    select source_system, source_record_id, sum(cards) as agreement
    from (
        select *, count(*) over (partition by customer_id, part) as cards from {{ attribute }}_parts
    ) as counted
    group by source_system, source_record_id
),

{% endfor -%}
candidates as (
    {%- for attribute, parts in attributes.items() %}
    {%- set value = parts.columns[0] if parts.columns | length == 1 else golden_key(parts.columns) %}
    {%- set order = survivorship_rules(value, parts) %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select
        records.customer_id,
        '{{ attribute }}' as attribute,
        records.source_system,
        records.source_record_id,
        records.updated_at,
        records.source_rank,
        {{ golden_key(parts.columns) }} as said
        {%- for position in range(most_rules) %},
        cast({{ order[rules[attribute][position]] if position < rules[attribute] | length else '0' }} as numeric) as by_{{ position + 1 }}
        {%- endfor %}
    from records
    {%- if 'most_frequent' in rules[attribute] %}
    left join {{ attribute }}_agreement as agreed
        on records.source_system = agreed.source_system and records.source_record_id = agreed.source_record_id
    {%- endif %}
    {%- if parts.is_name %}
    left join full_given_names as full_given
        on
            records.source_system = full_given.source_system
            and records.source_record_id = full_given.source_record_id
    {%- endif %}
    where {% for column in parts.needs %}{{ column }} is not null{% if not loop.last %} or {% endif %}{% endfor %}
    {%- endfor %}
),

ranked as (
    select
        *,
        row_number() over best as place,
        first_value(said) over best as best_said
        {%- for position in range(1, most_rules + 1) %},
        first_value(by_{{ position }}) over best as best_{{ position }}
        {%- endfor %}
    from candidates
    window best as (
        partition by customer_id, attribute
        order by
            {%- for position in range(1, most_rules + 1) %}
            by_{{ position }} desc,
            {%- endfor %}
            source_rank, updated_at desc nulls last, source_system, source_record_id
    )
),

chosen as (
    select
        customer_id,
        attribute,
        max(source_system) filter (where place = 1) as source_system,
        max(source_record_id) filter (where place = 1) as source_record_id,
        max(updated_at) filter (where place = 1) as updated_at,
        cast(count(distinct said) as integer) as value_count,
        -- The rule at which the last of those that say something else fell behind.
        max(case
            when said = best_said then 0
            {%- for position in range(1, most_rules + 1) %}
            when by_{{ position }} <> best_{{ position }} then {{ position }}
            {%- endfor %}
            else {{ most_rules + 1 }}
        end) as decided_by
    from ranked
    group by customer_id, attribute
),

fields as (
    {%- set branch = namespace(first=true) %}
    {%- for attribute, parts in attributes.items() %}
    {%- for column in parts.columns %}
    {%- if not branch.first %}
    union all
    {%- endif %}
    {%- set branch.first = false %}
    select
        chosen.customer_id,
        '{{ column }}' as attribute,
        records.{{ column }} as value,
        case chosen.decided_by
            when 0 then 'only_value'
            {%- for rule in rules[attribute] %}
            when {{ loop.index }} then '{{ rule }}'
            {%- endfor %}
            else 'tie_break'
        end as rule,
        chosen.value_count,
        chosen.source_system,
        chosen.source_record_id,
        chosen.updated_at
    from chosen
    inner join records
        on chosen.source_system = records.source_system and chosen.source_record_id = records.source_record_id
    where chosen.attribute = '{{ attribute }}' and records.{{ column }} is not null
    {%- endfor %}
    {%- endfor %}
)

select
    customer_id,
    attribute,
    value,
    rule,
    value_count,
    source_system,
    source_record_id,
    updated_at
from fields
