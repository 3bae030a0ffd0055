-- Read from the raw tables, not from the models that fill the contracts: what those lose must show here.
with reached as (
    select distinct contact_inboxes.contact_id
    from {{ source('chatwoot', 'contact_inboxes') }} as contact_inboxes
    inner join {{ source('chatwoot', 'inboxes') }} as inboxes on contact_inboxes.inbox_id = inboxes.id
    inner join {{ ref('inbox_kinds') }} as kinds on inboxes.channel_type = kinds.channel_type
    where
        contact_inboxes._deleted_at is null
        and {{ to_text('contact_inboxes.source_id') }} is not null
        and (
            kinds.messenger_kind is not null
            or kinds.contact_kind = 'email'
            or (
                kinds.contact_kind = 'phone'
                and {{ matches('contact_inboxes.source_id', '^ *(whatsapp:)?[+]?[0-9]{7,15} *$') }}
            )
        )
),

source_rows as (
    select
        'contacts' as table_name,
        contacts.id as row_id,
        'customer_records' as contract,
        'contact:' || contacts.id as contract_row_id,
        case
            when
                reached.contact_id is null
                and coalesce(
                    {{ to_text('contacts.last_name') }}, {{ to_text('contacts.email') }},
                    {{ to_text('contacts.phone_number') }}, {{ to_text('contacts.identifier') }}
                ) is null
                and (
                    {{ to_text('contacts.name') }} is null
                    or {{ matches('contacts.name', '^([a-z]+-[a-z]+-[0-9]{1,4}|[-+0-9 ().]+|.*@.*)$') }}
                )
                then 'no_customer_given'
        end as left_out
    from {{ source('chatwoot', 'contacts') }} as contacts
    left join reached on contacts.id = reached.contact_id
    where contacts._deleted_at is null
    union all
    select
        'conversations' as table_name,
        id as row_id,
        'cases' as contract,
        'chatwoot:conversation:' || id as contract_row_id,
        null as left_out
    from {{ source('chatwoot', 'conversations') }}
    where _deleted_at is null
    union all
    select
        'messages' as table_name,
        id as row_id,
        case when content_type = 9 then 'survey_responses' else 'interactions' end as contract,
        case when content_type = 9 then 'chatwoot:csat:' else 'chatwoot:messages:' end
        || id as contract_row_id,
        case
            when content_type = 9 then null
            when {{ to_boolean('private') }} then 'private'
            when message_type = 2 then 'activity'
            when message_type = 3 then 'automatic'
        end as left_out
    from {{ source('chatwoot', 'messages') }}
    where _deleted_at is null
    union all
    select
        'csat_survey_responses' as table_name,
        id as row_id,
        'survey_responses' as contract,
        'chatwoot:csat:' || message_id as contract_row_id,
        null as left_out
    from {{ source('chatwoot', 'csat_survey_responses') }}
    where _deleted_at is null
)

select
    'chatwoot' as source_system,
    table_name,
    row_id,
    contract,
    contract_row_id,
    left_out
from source_rows
