select
    'surveys:nps:' || survey_id as response_id,
    'surveys' as source_system,
    source_record_id,
    no_record_reason,
    'nps' as kind,
    score,
    10 as scale_max,
    sent_at as asked_at,
    answered_at as responded_at,
    comment,
    coalesce(answered_at, sent_at) as updated_at,
    deleted_at
from {{ ref('stg_surveys__nps') }}
