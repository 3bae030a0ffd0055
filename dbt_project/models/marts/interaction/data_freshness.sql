-- Up to when each source's data reach, whatever they tell. What depends on "today" (silence, windows that
-- have passed) counts from the latest interaction of all sources, so that the same data give the same marts
-- on any day. And when each source was last read into what stands here, or why it is held back meanwhile.
with told as (
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
)

select
    t.source_system,
    max(t.occurred_at) as last_event_at,
    max(t.updated_at) as last_change_at,
    (
        select max(i.occurred_at) from told as i
        where i.is_interaction and i.deleted_at is null and i.occurred_at <= current_timestamp
    ) as data_as_of,
    max(states.refreshed_at) as refreshed_at,
    max(states.held_since) as held_since,
    max(states.held_reason) as held_reason
from told as t
left join states on t.source_system = states.source_system
where t.deleted_at is null and t.occurred_at <= current_timestamp
group by t.source_system
