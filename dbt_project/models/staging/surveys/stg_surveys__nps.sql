select
    {{ to_text('id') }} as survey_id,
    {{ to_moment('sent_at', source_time_zone('surveys')) }} as sent_at,
    {{ to_moment('answered_at', source_time_zone('surveys')) }} as answered_at,
    {{ to_amount('score') }} as score,
    {{ to_text('comment') }} as comment,
    {{ respondent_columns() }},
    _deleted_at as deleted_at
from {{ source('surveys', 'nps') }}
