select
    'marketing:consent:' || event_id as consent_event_id,
    'marketing' as source_system,
    source_record_id,
    no_record_reason,
    purpose,
    channel,
    status,
    occurred_at,
    proof,
    occurred_at as updated_at,
    deleted_at
from {{ ref('stg_marketing__consent_events') }}
