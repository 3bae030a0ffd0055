{{ config(enabled='amocrm' in var('sources')) }}
select
    'amocrm' as source_system,
    'contact:' || contacts.id as source_record_id,
    {{ to_text('contacts.name') }} as full_name,
    {{ to_text('contacts.first_name') }} as given_name,
    {{ to_text('contacts.last_name') }} as family_name,
    contact_values.phone,
    contact_values.email,
    false as is_company,
    {{ from_unix('contacts.created_at') }} as created_at,
    {{ from_unix('contacts.updated_at') }} as updated_at,
    case
        when {{ to_boolean('contacts.is_deleted') }} then {{ from_unix('contacts.updated_at') }}
        else contacts._deleted_at
    end as deleted_at
from {{ source('amocrm', 'contacts') }} as contacts
left join (
    select
        contact_id,
        min(value) filter (where kind = 'phone') as phone,
        min(value) filter (where kind = 'email') as email
    from {{ ref('stg_amocrm__contact_values') }}
    group by contact_id
) as contact_values on contacts.id = contact_values.contact_id
