-- Each message by itself. Of messages that the customer sends in a row the first one waits for an answer:
-- until a person writes, or for a week in vain.
with messages as (
    select
        *,
        lag(direction) over in_order as direction_before,
        min(case when is_reply then occurred_at end) over (
            in_order rows between current row and unbounded following
        ) as next_reply_at
    from {{ ref('stg_chatwoot__messages') }}
    window in_order as (partition by conversation_id, deleted_at is null order by occurred_at, message_id)
),

waited as (
    select
        *,
        direction = 'in' and coalesce(direction_before, 'out') <> 'in' as is_question,
        case
            when {{ seconds_between('occurred_at', 'next_reply_at') }} <= 604800
                then {{ seconds_between('occurred_at', 'next_reply_at') }}
        end as reply_s
    from messages
),

-- Who wrote first began the conversation.
begun as (
    select conversation_id, {{ first_by('direction', 'occurred_at, message_id') }} as direction
    from messages
    where deleted_at is null
    group by conversation_id
),

events as (
    select
        'chatwoot:messages:' || message_id as interaction_id,
        source_record_id,
        no_record_reason,
        occurred_at,
        channel,
        'message' as kind,
        direction,
        status,
        employee_id,
        employee_name,
        'chatwoot:conversation:' || conversation_id as case_id,
        null as subject,
        content as note,
        case when is_question then reply_s end as wait_s,
        case when is_question then reply_s is not null end as is_answered,
        updated_at,
        deleted_at
    from waited
    {% for kind, at, direction in [
        ('opened', 'opened_at', "coalesce(begun.direction, 'in')"), ('closed', 'closed_at', "'out'"),
    ] -%}
    union all
    select
        replace(cases.case_id, ':conversation:', ':conversations:') || ':{{ kind }}' as interaction_id,
        cases.source_record_id,
        cases.no_record_reason,
        cases.{{ at }} as occurred_at,
        cases.channel,
        'case_{{ kind }}' as kind,
        {{ direction }} as direction,
        null as status,
        cases.employee_id,
        cases.employee_name,
        cases.case_id,
        cases.topic as subject,
        null as note,
        null as wait_s,
        null as is_answered,
        cases.updated_at,
        cases.deleted_at
    from {{ ref('stg_chatwoot__cases') }} as cases
    left join begun on cases.case_id = 'chatwoot:conversation:' || begun.conversation_id
    {% if kind == 'closed' -%}
    where cases.closed_at is not null
    {% endif %}
    {%- endfor %}
)

select 'chatwoot' as source_system, * from events
