{{ config(enabled='amocrm' in var('sources')) }}
-- A lead names its first contact; the others are colleagues and relatives.
with leads as (
    select
        *,
        {{ json_text("cast(embedded as jsonb) -> 'contacts' -> 0", 'id') }} as contact_id
    from {{ source('amocrm', 'leads') }}
)

select
    'amocrm:leads:' || id as interaction_id,
    'amocrm' as source_system,
    'contact:' || contact_id as source_record_id,
    case when contact_id is null then 'no_customer_given' end as no_record_reason,
    {{ from_unix('created_at') }} as occurred_at,
    'crm' as channel,
    'lead_created' as kind,
    'in' as direction,
    status_id as status,
    responsible_user_id as employee_id,
    {{ to_text('name') }} as subject,
    {{ from_unix('updated_at') }} as updated_at,
    case
        when {{ to_boolean('is_deleted') }} then {{ from_unix('updated_at') }}
        else _deleted_at
    end as deleted_at
from leads
