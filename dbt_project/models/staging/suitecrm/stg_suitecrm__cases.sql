-- SuiteCRM writes no time of closing: a closed case's last change stands for it. The first response is the
-- first call held or note written on the case.
with responses as (
    select case_id, min(occurred_at) as first_response_at
    from {{ ref('stg_suitecrm__activities') }}
    where
        case_id is not null
        and deleted_at is null
        and (source_table = 'notes' or source_status = 'Held')
    group by case_id
)

select
    'suitecrm:case:' || cases.id as case_id,
    'suitecrm' as source_system,
    case_customers.source_record_id,
    case when case_customers.source_record_id is null then 'no_customer_given' end as no_record_reason,
    cases.case_number,
    {{ to_utc('cases.date_entered') }} as opened_at,
    case
        when responses.first_response_at >= {{ to_utc('cases.date_entered') }}
            then responses.first_response_at
    end as first_response_at,
    case when cases.state = 'Closed' then {{ to_utc('cases.date_modified') }} end as closed_at,
    statuses.status,
    cases.status as source_status,
    case cases.priority when 'P1' then 'high' when 'P2' then 'medium' when 'P3' then 'low' end as priority,
    {{ to_text('cases.type') }} as topic,
    'crm' as channel,
    cases.assigned_user_id as employee_id,
    employees.employee_name,
    cases.resolution,
    {{ to_utc('cases.date_modified') }} as updated_at,
    case
        when {{ to_boolean('cases.deleted') }} then {{ to_utc('cases.date_modified') }}
        else cases._deleted_at
    end as deleted_at
from {{ source('suitecrm', 'cases') }} as cases
left join {{ ref('stg_suitecrm__case_customers') }} as case_customers on cases.id = case_customers.case_id
left join responses on cases.id = responses.case_id
left join {{ ref('stg_suitecrm__employees') }} as employees on cases.assigned_user_id = employees.employee_id
left join {{ ref('statuses') }} as statuses
    on
        statuses.source_system = 'suitecrm'
        and statuses.entity = 'case'
        and cases.status = statuses.source_status
