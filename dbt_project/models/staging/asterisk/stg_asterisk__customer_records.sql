-- Each outside number that called or was called. Its name is the last one that the line announced.
with calls as (
    select
        *,
        case when not {{ matches("coalesce(caller_name, '')", '^[+0-9() -]*$') }} then caller_name end as name
    from {{ ref('stg_asterisk__calls') }}
    where outside_number is not null
),

names as (
    select
        outside_number,
        name,
        row_number() over (partition by outside_number order by started_at desc, call_id desc) as position
    from calls
    where name is not null and deleted_at is null
),

numbers as (
    select
        outside_number,
        min(started_at) as created_at,
        max(ended_at) as updated_at,
        case when count(*) = count(deleted_at) then max(deleted_at) end as deleted_at
    from calls
    group by outside_number
)

select
    'asterisk' as source_system,
    'number:' || numbers.outside_number as source_record_id,
    names.name as full_name,
    numbers.outside_number as phone,
    false as is_company,
    numbers.created_at,
    numbers.updated_at,
    numbers.deleted_at
from numbers
left join names on numbers.outside_number = names.outside_number and names.position = 1
