{{ config(enabled='bitrix24' in var('sources')) }}
select distinct
    'bitrix24' as source_system,
    'contact:' || contact_id as source_record_id,
    kind,
    value
from {{ ref('stg_bitrix24__contact_values') }}
where value is not null
