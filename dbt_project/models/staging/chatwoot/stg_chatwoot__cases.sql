with replies as (
    select conversation_id, min(occurred_at) as first_reply_at
    from {{ ref('stg_chatwoot__messages') }}
    where is_reply and deleted_at is null
    group by conversation_id
)

select
    'chatwoot:conversation:' || conversations.conversation_id as case_id,
    'chatwoot' as source_system,
    conversations.source_record_id,
    conversations.no_record_reason,
    conversations.display_id as case_number,
    conversations.opened_at,
    -- Older releases do not keep it.
    coalesce(conversations.first_reply_at, replies.first_reply_at) as first_response_at,
    conversations.closed_at,
    statuses.status,
    conversations.source_status,
    conversations.priority,
    conversations.topic,
    conversations.channel,
    conversations.employee_id,
    conversations.employee_name,
    conversations.updated_at,
    conversations.deleted_at
from {{ ref('stg_chatwoot__conversations') }} as conversations
left join replies on conversations.conversation_id = replies.conversation_id
left join {{ ref('statuses') }} as statuses
    on
        statuses.source_system = 'chatwoot'
        and statuses.entity = 'conversation'
        and conversations.source_status = statuses.source_status
