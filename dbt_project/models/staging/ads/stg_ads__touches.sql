select
    {{ to_text('click_id') }} as click_id,
    {{ to_moment('clicked_at', source_time_zone('ads')) }} as clicked_at,
    {{ to_text('campaign') }} as campaign,
    {{ to_text('ad_group_id') }} as ad_group_id,
    {{ respondent_columns() }},
    _deleted_at as deleted_at
from {{ source('ads', 'touches') }}
