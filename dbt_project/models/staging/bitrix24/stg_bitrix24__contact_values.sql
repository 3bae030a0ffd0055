{{ config(enabled='bitrix24' in var('sources')) }}
-- fm: phones, e-mails and messengers, any number of each.
select
    contacts.id as contact_id,
    lower({{ json_text('fields.element', 'typeId') }}) as kind,
    {{ to_text(json_text('fields.element', 'value')) }} as value
from {{ source('bitrix24', 'contacts') }} as contacts
cross join {{ json_elements('contacts.fm') }} as fields (element)
where {{ json_text('fields.element', 'typeId') }} in ('PHONE', 'EMAIL')
