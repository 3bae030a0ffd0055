-- Each session as one event of the customer's timeline.
select
    replace(session_id, ':visit:', ':visits:') as interaction_id,
    source_system,
    source_record_id,
    no_record_reason,
    started_at as occurred_at,
    ended_at,
    channel,
    'visit' as kind,
    'in' as direction,
    goal as status,
    order_id,
    cart_id,
    campaign,
    {{ seconds_between('started_at', 'ended_at') }} as duration_s,
    updated_at,
    deleted_at
from {{ ref('stg_matomo__web_sessions') }}
