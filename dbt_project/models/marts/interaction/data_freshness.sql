-- The latest event of each source of vars.sources, of any kind; when the source was last read, and why it is
-- on hold. What depends on "today" (silence, windows that have passed) counts from the latest interaction of
-- all sources, so that the same data give the same marts on any day. Without interactions, from the latest
-- event or the latest change of a record.
with sources as (
    {% for source in var('sources') %}
    select '{{ source }}' as source_system, {{ fresh_hours(source) }} as fresh_hours
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

events as (
    select source_system, occurred_at, updated_at, deleted_at, true as is_interaction
    from {{ ref('interactions') }}
    union all
    select source_system, coalesce(responded_at, asked_at), updated_at, deleted_at, false
    from {{ ref('survey_responses') }}
    union all
    select source_system, occurred_at, updated_at, deleted_at, false from {{ ref('consents') }}
    union all
    select source_system, occurred_at, updated_at, deleted_at, false from {{ ref('offer_events') }}
    union all
    select source_system, ended_at, updated_at, deleted_at, false from {{ ref('web_sessions') }}
    union all
    select source_system, cast(spend_date as timestamptz), updated_at, deleted_at, false
    from {{ ref('ad_spend') }}
),

states as (
    {{ source_states() }}
),

latest as (
    select
        source_system,
        max(occurred_at) as last_event_at,
        max(updated_at) as last_change_at,
        max(occurred_at) filter (where is_interaction) as last_interaction_at
    from events
    where deleted_at is null and occurred_at <= current_timestamp
    group by source_system
),

as_of as (
    select
        coalesce(
            max(latest.last_interaction_at),
            max(latest.last_event_at),
            (
                select max(coalesce(records.updated_at, records.created_at))
                from {{ ref('customer_records') }} as records
                where coalesce(records.updated_at, records.created_at) <= current_timestamp
            ),
            current_timestamp
        ) as data_as_of
    from latest
)

select
    sources.source_system,
    latest.last_event_at,
    latest.last_change_at,
    as_of.data_as_of,
    sources.fresh_hours,
    states.refreshed_at,
    states.held_since,
    states.held_reason
from sources
cross join as_of
left join latest on sources.source_system = latest.source_system
left join states on sources.source_system = states.source_system
