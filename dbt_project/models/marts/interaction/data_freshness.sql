-- Up to when each source's data reach. What depends on "today" (silence, windows that have passed) counts
-- from the latest event of all sources, so that the same data give the same marts on any day.
select
    source_system,
    max(occurred_at) as last_event_at,
    max(updated_at) as last_change_at,
    max(max(occurred_at)) over () as data_as_of
from {{ ref('interactions') }}
where deleted_at is null and occurred_at <= current_timestamp
group by source_system
