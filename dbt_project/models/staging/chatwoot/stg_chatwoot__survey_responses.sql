-- A question is a message of content type 9. Its answer names it; where the question has gone, the answer
-- stays.
with questions as (
    select id, conversation_id, created_at, updated_at, _deleted_at
    from {{ source('chatwoot', 'messages') }}
    where content_type = 9
),

answers as (
    select * from {{ source('chatwoot', 'csat_survey_responses') }}
    where _deleted_at is null
),

asked as (
    select
        coalesce(questions.id, answers.message_id) as message_id,
        coalesce(questions.conversation_id, answers.conversation_id) as conversation_id,
        answers.rating,
        answers.feedback_message,
        answers.assigned_agent_id,
        questions.created_at as asked_at,
        answers.created_at as responded_at,
        greatest(questions.updated_at, answers.updated_at) as updated_at,
        case when answers.id is null then questions._deleted_at end as deleted_at
    from questions
    full join answers on questions.id = answers.message_id
)

select
    'chatwoot:csat:' || asked.message_id as response_id,
    'chatwoot' as source_system,
    conversations.source_record_id,
    case
        when conversations.conversation_id is null then 'no_customer_given'
        else conversations.no_record_reason
    end as no_record_reason,
    'csat' as kind,
    asked.rating as score,
    5 as scale_max,
    {{ to_utc('asked.asked_at') }} as asked_at,
    {{ to_utc('asked.responded_at') }} as responded_at,
    'chatwoot:conversation:' || asked.conversation_id as case_id,
    coalesce(asked.assigned_agent_id, conversations.employee_id) as employee_id,
    coalesce(users.name, conversations.employee_name) as employee_name,
    {{ to_text('asked.feedback_message') }} as comment,
    {{ to_utc('asked.updated_at') }} as updated_at,
    asked.deleted_at
from asked
left join {{ ref('stg_chatwoot__conversations') }} as conversations
    on asked.conversation_id = conversations.conversation_id
left join {{ source('chatwoot', 'users') }} as users on asked.assigned_agent_id = users.id
