select
    source_system,
    table_name,
    row_id,
    contract,
    contract_row_id,
    left_out,
    cast(null as numeric) as amount
from ({{ respondent_source_rows('ads', 'touches', 'click_id', 'interactions', 'ads:touch:') }}) as touches
union all
select
    'ads' as source_system,
    'spend' as table_name,
    {{ hash_key(['day', 'campaign_id', 'ad_group_id']) }} as row_id,
    'ad_spend' as contract,
    'ads:spend:' || {{ hash_key(['day', 'campaign_id', 'ad_group_id']) }} as contract_row_id,
    cast(null as text) as left_out,
    {{ to_amount('cost') }} as amount
from {{ source('ads', 'spend') }}
where _deleted_at is null
