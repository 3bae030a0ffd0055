-- The cabinet's export has neither platform nor currency where there is only one of them.
select
    'ads:spend:' || {{ hash_key(['day', 'campaign_id', 'ad_group_id']) }} as ad_spend_id,
    'ads' as source_system,
    {{ to_date('day') }} as spend_date,
    coalesce(lower({{ to_text('platform') }}), 'vk') as platform,
    {{ to_text('campaign_id') }} as campaign_id,
    {{ to_text('campaign') }} as campaign,
    {{ to_text('ad_group_id') }} as ad_group_id,
    {{ to_amount('impressions') }} as impressions,
    {{ to_amount('clicks') }} as clicks,
    {{ to_amount('cost') }} as cost,
    coalesce(upper({{ to_text('currency') }}), '{{ var("company_currency") }}') as currency,
    _deleted_at as deleted_at
from {{ source('ads', 'spend') }}
