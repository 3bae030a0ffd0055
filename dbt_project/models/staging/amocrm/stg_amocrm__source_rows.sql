{{ config(enabled='amocrm' in var('sources')) }}
select
    'amocrm' as source_system,
    'contacts' as table_name,
    id as row_id,
    'customer_records' as contract,
    'contact:' || id as contract_row_id,
    cast(null as text) as left_out
from {{ source('amocrm', 'contacts') }}
where _deleted_at is null
union all
select
    'amocrm' as source_system,
    'leads' as table_name,
    id as row_id,
    'interactions' as contract,
    'amocrm:leads:' || id as contract_row_id,
    cast(null as text) as left_out
from {{ source('amocrm', 'leads') }}
where _deleted_at is null
