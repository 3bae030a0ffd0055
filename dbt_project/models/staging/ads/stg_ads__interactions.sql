select
    'ads:touch:' || click_id as interaction_id,
    'ads' as source_system,
    source_record_id,
    no_record_reason,
    clicked_at as occurred_at,
    'ads' as channel,
    'ad_click' as kind,
    'in' as direction,
    campaign,
    ad_group_id as subject,
    clicked_at as updated_at,
    deleted_at
from {{ ref('stg_ads__touches') }}
