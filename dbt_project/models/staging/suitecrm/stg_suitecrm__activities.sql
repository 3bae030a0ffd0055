-- Calls and notes with the card and the case that they belong to.
with call_contacts as (
    select call_id, min(contact_id) as contact_id
    from {{ source('suitecrm', 'calls_contacts') }}
    where not {{ to_boolean('deleted') }} and _deleted_at is null
    group by call_id
),

activities as (
    select
        'calls' as source_table,
        calls.id,
        calls.parent_type,
        calls.parent_id,
        call_contacts.contact_id,
        calls.name as subject,
        calls.description as note,
        calls.status as source_status,
        calls.direction,
        calls.assigned_user_id as employee_id,
        {{ to_utc('calls.date_start') }} as occurred_at,
        {{ to_utc('calls.date_end') }} as ended_at,
        coalesce(calls.duration_hours, 0) * 3600 + coalesce(calls.duration_minutes, 0) * 60 as duration_s,
        {{ to_utc('calls.date_modified') }} as updated_at,
        case
            when {{ to_boolean('calls.deleted') }} then {{ to_utc('calls.date_modified') }}
            else calls._deleted_at
        end as deleted_at
    from {{ source('suitecrm', 'calls') }} as calls
    left join call_contacts on calls.id = call_contacts.call_id
    union all
    select
        'notes' as source_table,
        id,
        parent_type,
        parent_id,
        contact_id,
        name as subject,
        description as note,
        null as source_status,
        null as direction,
        coalesce(created_by, assigned_user_id) as employee_id,
        {{ to_utc('date_entered') }} as occurred_at,
        null as ended_at,
        null as duration_s,
        {{ to_utc('date_modified') }} as updated_at,
        case
            when {{ to_boolean('deleted') }} then {{ to_utc('date_modified') }} else _deleted_at
        end as deleted_at
    from {{ source('suitecrm', 'notes') }}
)

select
    activities.*,
    case
        when activities.parent_type = 'Contacts' then 'contact:' || activities.parent_id
        when activities.parent_type = 'Leads' then 'lead:' || activities.parent_id
        else coalesce('contact:' || nullif(activities.contact_id, ''), case_customers.source_record_id)
    end as source_record_id,
    case when activities.parent_type = 'Cases' then activities.parent_id end as case_id
from activities
left join {{ ref('stg_suitecrm__case_customers') }} as case_customers
    on activities.parent_type = 'Cases' and activities.parent_id = case_customers.case_id
