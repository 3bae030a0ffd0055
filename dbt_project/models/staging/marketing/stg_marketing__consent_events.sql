select
    {{ to_text('event_id') }} as event_id,
    {{ to_moment('occurred_at', source_time_zone('marketing')) }} as occurred_at,
    lower({{ to_text('purpose') }}) as purpose,
    lower({{ to_text('channel') }}) as channel,
    lower({{ to_text('status') }}) as status,
    {{ to_text('proof') }} as proof,
    {{ respondent_columns() }},
    _deleted_at as deleted_at
from {{ source('marketing', 'consents') }}
