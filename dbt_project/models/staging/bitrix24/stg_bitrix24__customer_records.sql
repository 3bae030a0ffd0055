{{ config(enabled='bitrix24' in var('sources')) }}
select
    'bitrix24' as source_system,
    'contact:' || contacts.id as source_record_id,
    {{ to_text('contacts.name') }} as given_name,
    {{ to_text('contacts.second_name') }} as middle_name,
    {{ to_text('contacts.last_name') }} as family_name,
    {{ to_date('contacts.birthdate') }} as birth_date,
    contact_values.phone,
    contact_values.email,
    false as is_company,
    {{ to_moment('contacts.created_time') }} as created_at,
    {{ to_moment('contacts.updated_time') }} as updated_at,
    contacts._deleted_at as deleted_at
from {{ source('bitrix24', 'contacts') }} as contacts
left join (
    select
        contact_id,
        min(value) filter (where kind = 'phone') as phone,
        min(value) filter (where kind = 'email') as email
    from {{ ref('stg_bitrix24__contact_values') }}
    group by contact_id
) as contact_values on contacts.id = contact_values.contact_id
