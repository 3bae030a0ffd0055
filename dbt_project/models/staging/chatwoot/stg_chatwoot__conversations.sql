-- A conversation is a case: from its first message to the last time it was resolved.
with resolutions as (
    select conversation_id, max(coalesce(event_end_time, created_at)) as resolved_at
    from {{ source('chatwoot', 'reporting_events') }}
    where name = 'conversation_resolved' and _deleted_at is null
    group by conversation_id
)

select
    conversations.id as conversation_id,
    conversations.display_id,
    inboxes.channel,
    case
        when contacts.contact_id is null or contacts.is_card then 'contact:' || conversations.contact_id
    end as source_record_id,
    case
        when conversations.contact_id is null or not coalesce(contacts.is_card, true) then 'no_customer_given'
    end as no_record_reason,
    case conversations.status
        when 0 then 'open' when 1 then 'resolved' when 2 then 'pending' when 3 then 'snoozed'
        else cast(conversations.status as text)
    end as source_status,
    case conversations.priority
        when 0 then 'low' when 1 then 'medium' when 2 then 'high' when 3 then 'high'
    end as priority,
    {{ to_text('conversations.cached_label_list') }} as topic,
    conversations.assignee_id as employee_id,
    users.name as employee_name,
    {{ to_utc('conversations.created_at') }} as opened_at,
    {{ to_utc('conversations.first_reply_created_at') }} as first_reply_at,
    -- Releases that report no events have the last change instead.
    case
        when conversations.status = 1
            then {{ to_utc('coalesce(resolutions.resolved_at, conversations.updated_at)') }}
    end as closed_at,
    {{ to_utc('conversations.updated_at') }} as updated_at,
    conversations._deleted_at as deleted_at
from {{ source('chatwoot', 'conversations') }} as conversations
left join {{ ref('stg_chatwoot__inboxes') }} as inboxes on conversations.inbox_id = inboxes.id
left join {{ ref('stg_chatwoot__contacts') }} as contacts on conversations.contact_id = contacts.contact_id
left join {{ source('chatwoot', 'users') }} as users on conversations.assignee_id = users.id
left join resolutions on conversations.id = resolutions.conversation_id
