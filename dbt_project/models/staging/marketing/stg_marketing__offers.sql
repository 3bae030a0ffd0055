select
    {{ to_text('event_id') }} as event_id,
    {{ to_moment('occurred_at', source_time_zone('marketing')) }} as occurred_at,
    {{ to_text('offer_id') }} as offer_id,
    {{ to_text('offer_name') }} as offer_name,
    lower({{ to_text('channel') }}) as channel,
    lower({{ to_text('kind') }}) as kind,
    {{ to_text('campaign') }} as campaign,
    {{ to_text('shop_order') }} as shop_order,
    {{ respondent_columns() }},
    _deleted_at as deleted_at
from {{ source('marketing', 'offers') }}
