-- One customer call is one linkedid. Who called whom stands in its first leg; a person answered if a queue
-- connected an agent, or if a leg outside a queue reached an extension (or the customer) and was talked on.
-- "ANSWERED" alone may be the menu.
with legs as (
    select
        coalesce(nullif(linkedid, ''), uniqueid) as call_id,
        uniqueid,
        {{ to_text('src') }} as src,
        {{ to_text('dst') }} as dst,
        {{ to_text(extract_text('clid', '^\\s*"?([^"<]*)"?\\s*<')) }} as caller_name,
        {{ extract_text('channel', '^[A-Za-z0-9]+/([0-9]{1,5})-') }} as channel_extension,
        {{ extract_text('dstchannel', '^[A-Za-z0-9]+/([0-9]{1,5})-') }} as agent_extension,
        nullif(dstchannel, '') is not null as has_other_side,
        lower(lastapp) as last_application,
        disposition,
        coalesce(billsec, 0) as billed_s,
        {{ to_utc('start', source_time_zone('asterisk')) }} as started_at,
        {{ to_utc('answer', source_time_zone('asterisk')) }} as answered_at,
        {{ to_utc('"end"', source_time_zone('asterisk')) }} as ended_at,
        _deleted_at as deleted_at,
        row_number() over (
            partition by coalesce(nullif(linkedid, ''), uniqueid)
            order by sequence, uniqueid
        ) as position
    from {{ source('asterisk', 'cdr') }}
),

leg_calls as (
    select distinct uniqueid, call_id from legs
),

queue_events as (
    select
        leg_calls.call_id,
        min({{ to_text('events.queuename') }}) as queue,
        min({{ extract_text('events.agent', '([0-9]+)$') }}) filter (
            where events.event = 'CONNECT'
        ) as agent_extension,
        min({{ to_amount('events.data1') }}) filter (where events.event = 'CONNECT') as hold_s,
        max({{ to_amount('events.data3') }}) filter (
            where events.event in ('ABANDON', 'EXITWITHTIMEOUT', 'EXITEMPTY')
        ) as given_up_after_s,
        bool_or(events.event = 'CONNECT') as is_connected
    from {{ source('asterisk', 'queue_log') }} as events
    inner join leg_calls on events.callid = leg_calls.uniqueid
    where events._deleted_at is null
    group by leg_calls.call_id
),

calls as (
    select
        call_id,
        max(src) filter (where position = 1) as src,
        max(dst) filter (where position = 1) as dst,
        max(caller_name) filter (where position = 1) as caller_name,
        max(channel_extension) filter (where position = 1) as channel_extension,
        max(agent_extension) filter (where disposition = 'ANSWERED' and billed_s > 0) as agent_extension,
        bool_or(
            disposition = 'ANSWERED'
            and billed_s > 0
            and has_other_side
            and last_application is distinct from 'queue'
        ) as is_bridged,
        max(disposition) filter (where position = 1) as disposition,
        min(started_at) as started_at,
        min(answered_at) filter (where has_other_side) as answered_at,
        max(ended_at) as ended_at,
        case when count(*) = count(deleted_at) then max(deleted_at) end as deleted_at
    from legs
    group by call_id
),

directed as (
    select
        *,
        coalesce({{ matches('src', '^[0-9]{1,5}$') }}, false) as is_from_inside,
        coalesce({{ matches('dst', '^[0-9]{1,5}$') }}, false) as is_to_inside,
        case when length({{ digits_only('src') }}) > 5 then src end as outside_src,
        case when length({{ digits_only('dst') }}) > 5 then dst end as outside_dst
    from calls
)

select
    directed.call_id,
    case
        when directed.is_from_inside and directed.is_to_inside then 'internal'
        when directed.is_from_inside then 'out'
        else 'in'
    end as direction,
    -- The number outside, as written; null where there is none or it is withheld.
    case
        when not directed.is_from_inside then directed.outside_src
        when not directed.is_to_inside then directed.outside_dst
    end as outside_number,
    case when not directed.is_from_inside then directed.caller_name end as caller_name,
    case
        when directed.is_from_inside then coalesce(directed.channel_extension, directed.src)
        else coalesce(queue_events.agent_extension, directed.agent_extension)
    end as extension,
    queue_events.queue,
    coalesce(queue_events.is_connected, false) or directed.is_bridged as is_answered,
    case
        when coalesce(queue_events.is_connected, false) or directed.is_bridged then 'answered'
        when queue_events.call_id is not null then 'abandoned'
        when directed.is_from_inside then lower(replace(directed.disposition, ' ', '_'))
        when directed.disposition = 'ANSWERED' then 'menu_only'
        else lower(replace(directed.disposition, ' ', '_'))
    end as status,
    coalesce(
        queue_events.hold_s,
        queue_events.given_up_after_s,
        {{ seconds_between('directed.started_at', 'coalesce(directed.answered_at, directed.ended_at)') }}
    ) as wait_s,
    {{ seconds_between('directed.started_at', 'directed.ended_at') }} as duration_s,
    directed.started_at,
    directed.ended_at,
    directed.deleted_at
from directed
left join queue_events on directed.call_id = queue_events.call_id
