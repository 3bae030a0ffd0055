with events as (
    -- A planned call has not happened yet.
    select
        'suitecrm:' || source_table || ':' || id as interaction_id,
        source_record_id,
        occurred_at,
        coalesce(ended_at, {{ add_seconds('occurred_at', 'duration_s') }}) as ended_at,
        case source_table when 'calls' then 'phone' else 'crm' end as channel,
        case source_table when 'calls' then 'call' else 'note' end as kind,
        case direction when 'Inbound' then 'in' when 'Outbound' then 'out' end as direction,
        source_status,
        employee_id,
        'suitecrm:case:' || case_id as case_id,
        null as campaign,
        subject,
        note,
        duration_s,
        case when source_table = 'calls' then source_status = 'Held' end as is_answered,
        updated_at,
        deleted_at
    from {{ ref('stg_suitecrm__activities') }}
    where source_status is distinct from 'Planned'
    union all
    select
        'suitecrm:' || replace(source_record_id, ':', 's:') as interaction_id,
        source_record_id,
        created_at as occurred_at,
        null as ended_at,
        'crm' as channel,
        'lead_created' as kind,
        'in' as direction,
        lead_status as source_status,
        employee_id,
        null as case_id,
        campaign,
        lead_source as subject,
        null as note,
        null as duration_s,
        null as is_answered,
        updated_at,
        deleted_at
    from {{ ref('stg_suitecrm__people') }}
    where source_record_id like 'lead:%'
    union all
    select
        replace(case_id, ':case:', ':cases:') || ':opened' as interaction_id,
        source_record_id,
        opened_at as occurred_at,
        null as ended_at,
        channel,
        'case_opened' as kind,
        'in' as direction,
        null as source_status,
        employee_id,
        case_id,
        null as campaign,
        topic as subject,
        null as note,
        null as duration_s,
        null as is_answered,
        updated_at,
        deleted_at
    from {{ ref('stg_suitecrm__cases') }}
    union all
    select
        replace(case_id, ':case:', ':cases:') || ':closed' as interaction_id,
        source_record_id,
        closed_at as occurred_at,
        null as ended_at,
        channel,
        'case_closed' as kind,
        'out' as direction,
        null as source_status,
        employee_id,
        case_id,
        null as campaign,
        topic as subject,
        resolution as note,
        null as duration_s,
        null as is_answered,
        updated_at,
        deleted_at
    from {{ ref('stg_suitecrm__cases') }}
    where closed_at is not null
)

select
    events.interaction_id,
    'suitecrm' as source_system,
    events.source_record_id,
    case when events.source_record_id is null then 'no_customer_given' end as no_record_reason,
    events.occurred_at,
    events.ended_at,
    events.channel,
    events.kind,
    events.direction,
    coalesce(statuses.status, events.source_status) as status,
    events.employee_id,
    employees.employee_name,
    events.case_id,
    events.campaign,
    events.subject,
    events.note,
    events.duration_s,
    events.is_answered,
    events.updated_at,
    events.deleted_at
from events
left join {{ ref('stg_suitecrm__employees') }} as employees on events.employee_id = employees.employee_id
left join {{ ref('statuses') }} as statuses
    on
        statuses.source_system = 'suitecrm'
        and statuses.entity = 'call'
        and events.kind = 'call'
        and events.source_status = statuses.source_status
