select
    {{ to_text('event_id') }} as event_id,
    {{ to_moment('occurred_at', source_time_zone('events')) }} as occurred_at,
    {{ to_moment('ended_at', source_time_zone('events')) }} as ended_at,
    lower({{ to_text('channel') }}) as channel,
    lower({{ to_text('kind') }}) as kind,
    lower({{ to_text('direction') }}) as direction,
    {{ to_text('subject') }} as subject,
    {{ to_text('note') }} as note,
    {{ to_text('status') }} as status,
    {{ to_text('campaign') }} as campaign,
    {{ to_text('employee_id') }} as employee_id,
    {{ to_text('employee_name') }} as employee_name,
    {{ respondent_columns() }},
    _deleted_at as deleted_at
from {{ source('events', 'events') }}
