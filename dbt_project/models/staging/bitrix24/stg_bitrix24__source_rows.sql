{{ config(enabled='bitrix24' in var('sources')) }}
select
    'bitrix24' as source_system,
    'contacts' as table_name,
    id as row_id,
    'customer_records' as contract,
    'contact:' || id as contract_row_id,
    cast(null as text) as left_out
from {{ source('bitrix24', 'contacts') }}
where _deleted_at is null
