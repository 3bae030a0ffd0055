-- SuiteCRM keeps e-mails beside the card: both the address and its relation must be alive.
select
    case relations.bean_module when 'Contacts' then 'contact:' when 'Leads' then 'lead:' end
    || relations.bean_id as source_record_id,
    {{ to_text('addresses.email_address') }} as email,
    {{ to_boolean('relations.primary_address') }} as is_primary,
    relations.date_modified
from {{ source('suitecrm', 'email_addr_bean_rel') }} as relations
inner join {{ source('suitecrm', 'email_addresses') }} as addresses
    on relations.email_address_id = addresses.id
where
    relations.bean_module in ('Contacts', 'Leads')
    and not {{ to_boolean('relations.deleted') }}
    and not {{ to_boolean('addresses.deleted') }}
    and relations._deleted_at is null
    and addresses._deleted_at is null
    and {{ to_text('addresses.email_address') }} is not null
