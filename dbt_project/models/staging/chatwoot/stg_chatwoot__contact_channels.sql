-- What the channels know a contact by: its account in a messenger, its phone or its e-mail. In WhatsApp it is
-- both an account and a phone.
with reached as (
    select
        contact_inboxes.id,
        contact_inboxes.contact_id,
        inboxes.messenger_kind,
        inboxes.contact_kind,
        {{ to_text('contact_inboxes.source_id') }} as source_id
    from {{ source('chatwoot', 'contact_inboxes') }} as contact_inboxes
    inner join {{ ref('stg_chatwoot__inboxes') }} as inboxes on contact_inboxes.inbox_id = inboxes.id
    where contact_inboxes._deleted_at is null
)

select id, contact_id, 'messenger' as kind, messenger_kind, source_id as value
from reached
where messenger_kind is not null and source_id is not null
union all
select id, contact_id, 'phone' as kind, null as messenger_kind, '+' || {{ digits_only('source_id') }} as value
from reached
where contact_kind = 'phone' and {{ matches('source_id', '^(whatsapp:)?[+]?[0-9]{7,15}$') }}
union all
select id, contact_id, 'email' as kind, null as messenger_kind, source_id as value
from reached
where contact_kind = 'email' and source_id is not null
