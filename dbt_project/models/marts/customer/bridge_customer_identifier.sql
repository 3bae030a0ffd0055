{{ config(indexes=[
    {'columns': ['value', 'kind']},
    {'columns': ['customer_id']},
]) }}

-- Grain: source × kind × value × customer: a family's phone is several customers'.
with identifiers as (
    select
        identifiers.source_system,
        identifiers.kind,
        identifiers.value,
        cards.customer_id,
        cards.linked_by,
        cards.match_probability,
        cards.created_at,
        cards.updated_at
    from {{ source('identity', 'record_identifiers') }} as identifiers
    inner join {{ ref('bridge_customer_record') }} as cards
        on
            identifiers.source_system = cards.source_system
            and identifiers.source_record_id = cards.source_record_id
    where cards.customer_id is not null
),

grouped as (
    select
        source_system,
        kind,
        value,
        customer_id,
        {{ first_by('linked_by', 'match_probability desc nulls last, linked_by') }} as linked_by,
        max(match_probability) as match_probability,
        count(*) as record_count,
        min(created_at) as valid_from,
        max(updated_at) as last_seen_at
    from identifiers
    group by source_system, kind, value, customer_id
),

holders as (
    select kind, value, count(distinct customer_id) as customer_count
    from grouped
    group by kind, value
)

select
    {{ hash_key(
        ['grouped.source_system', 'grouped.kind', 'grouped.value', 'grouped.customer_id']
    ) }} as identifier_id,
    grouped.source_system,
    grouped.kind,
    grouped.value,
    {{ hash_key(['grouped.kind', 'grouped.value']) }} as value_hash,
    grouped.customer_id,
    grouped.linked_by,
    grouped.match_probability,
    grouped.record_count,
    grouped.valid_from,
    grouped.last_seen_at,
    holders.customer_count,
    holders.customer_count = 1 as is_personal
from grouped
inner join holders on grouped.kind = holders.kind and grouped.value = holders.value
