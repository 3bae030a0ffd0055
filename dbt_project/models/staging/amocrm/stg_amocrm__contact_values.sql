{{ config(enabled='amocrm' in var('sources')) }}
-- Phones and e-mails are fields of their own kind, with any number of values.
select
    contacts.id as contact_id,
    lower({{ json_text('fields.element', 'field_code') }}) as kind,
    {{ to_text(json_text('field_values.element', 'value')) }} as value
from {{ source('amocrm', 'contacts') }} as contacts
cross join {{ json_elements('contacts.custom_fields_values') }} as fields (element)
cross join {{ json_elements("fields.element -> 'values'") }} as field_values (element)
where {{ json_text('fields.element', 'field_code') }} in ('PHONE', 'EMAIL')
