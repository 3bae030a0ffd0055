-- What a customer could read or wrote: no remark among colleagues, no activity, no automatic text.
select
    messages.id as message_id,
    messages.conversation_id,
    conversations.source_record_id,
    case
        when conversations.conversation_id is null then 'no_customer_given'
        else conversations.no_record_reason
    end as no_record_reason,
    coalesce(conversations.channel, inboxes.channel, 'messenger') as channel,
    case messages.message_type when 0 then 'in' when 1 then 'out' end as direction,
    -- A robot answers too; what the customer waits for is a person.
    messages.message_type = 1 and messages.sender_type = 'User' as is_reply,
    case when messages.sender_type = 'User' then messages.sender_id end as employee_id,
    case when messages.sender_type = 'User' then users.name end as employee_name,
    case
        when messages.message_type = 1
            then case messages.status
                when 0 then 'sent' when 1 then 'delivered' when 2 then 'read' when 3 then 'failed'
            end
    end as status,
    {{ to_text('messages.content') }} as content,
    {{ to_utc('messages.created_at') }} as occurred_at,
    {{ to_utc('messages.updated_at') }} as updated_at,
    coalesce(messages._deleted_at, conversations.deleted_at) as deleted_at
from {{ source('chatwoot', 'messages') }} as messages
left join {{ ref('stg_chatwoot__conversations') }} as conversations
    on messages.conversation_id = conversations.conversation_id
left join {{ ref('stg_chatwoot__inboxes') }} as inboxes on messages.inbox_id = inboxes.id
left join {{ source('chatwoot', 'users') }} as users
    on messages.sender_id = users.id and messages.sender_type = 'User'
where
    messages.message_type in (0, 1)
    and messages.content_type <> 9
    and not {{ to_boolean('messages.private') }}
