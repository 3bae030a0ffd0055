select
    'asterisk:cdr:' || call_id as interaction_id,
    'asterisk' as source_system,
    'number:' || outside_number as source_record_id,
    no_record_reason,
    started_at as occurred_at,
    ended_at,
    'phone' as channel,
    'call' as kind,
    case when direction <> 'internal' then direction end as direction,
    status,
    extension as employee_id,
    queue as subject,
    duration_s,
    wait_s,
    is_answered,
    ended_at as updated_at,
    deleted_at
from {{ ref('stg_asterisk__calls') }}
