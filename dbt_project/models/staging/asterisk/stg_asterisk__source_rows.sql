-- A leg is an interaction as its call; the record is that of the call's outside number, and its first leg's.
with legs as (
    select
        legs.leg_id,
        legs.call_id,
        legs.position,
        calls.outside_number,
        calls.no_record_reason
    from {{ ref('stg_asterisk__legs') }} as legs
    left join {{ ref('stg_asterisk__calls') }} as calls on legs.call_id = calls.call_id
    where legs.deleted_at is null
)

select
    'asterisk' as source_system,
    'cdr' as table_name,
    leg_id as row_id,
    'interactions' as contract,
    'asterisk:cdr:' || call_id as contract_row_id,
    cast(null as text) as left_out
from legs
union all
select
    'asterisk' as source_system,
    'cdr' as table_name,
    leg_id as row_id,
    'customer_records' as contract,
    case when position = 1 then 'number:' || outside_number end as contract_row_id,
    case when position > 1 then 'further_leg' else no_record_reason end as left_out
from legs
