-- A leg is in the contract as its call; the card is that of the number in the call's first leg.
with legs as (
    select
        uniqueid || ':' || sequence as row_id,
        coalesce(nullif(linkedid, ''), uniqueid) as call_id,
        {{ to_text('src') }} as src,
        {{ to_text('dst') }} as dst,
        _deleted_at as deleted_at,
        row_number() over (
            partition by coalesce(nullif(linkedid, ''), uniqueid)
            order by sequence, uniqueid
        ) as position
    from {{ source('asterisk', 'cdr') }}
),

directed as (
    select
        *,
        coalesce({{ matches('src', '^[0-9]{1,5}$') }}, false) as is_from_inside,
        coalesce({{ matches('dst', '^[0-9]{1,5}$') }}, false) as is_to_inside
    from legs
),

numbered as (
    select
        row_id,
        position,
        is_from_inside and is_to_inside as is_internal,
        case when is_from_inside then dst else src end as number
    from directed
    where deleted_at is null
)

select
    'asterisk' as source_system,
    'cdr' as table_name,
    row_id,
    'interactions' as contract,
    'asterisk:cdr:' || call_id as contract_row_id,
    cast(null as text) as left_out
from legs
where deleted_at is null
union all
select
    'asterisk' as source_system,
    'cdr' as table_name,
    row_id,
    'customer_records' as contract,
    case when position = 1 and not is_internal then 'number:' || number end as contract_row_id,
    case
        when position > 1 then 'further_leg'
        when is_internal then 'internal_call'
        when number is null or length({{ digits_only('number') }}) <= 5 then 'anonymous_caller'
    end as left_out
from numbered
