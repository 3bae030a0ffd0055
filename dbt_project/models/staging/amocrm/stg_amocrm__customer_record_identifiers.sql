{{ config(enabled='amocrm' in var('sources')) }}
select distinct
    'amocrm' as source_system,
    'contact:' || contact_id as source_record_id,
    kind,
    value
from {{ ref('stg_amocrm__contact_values') }}
where value is not null
