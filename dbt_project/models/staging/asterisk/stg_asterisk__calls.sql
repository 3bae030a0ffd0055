-- One customer call is one linkedid. Which way it went is read from its first leg: a channel of an extension,
-- a DID, the context, the company's number as caller ID; a number's length decides where nothing else does.
-- A person answered if a queue connected an agent, or if a leg reached somebody and was talked on: "ANSWERED"
-- may be the menu alone.
with legs as (
    select
        call_id,
        uniqueid,
        position,
        src,
        dst,
        did is not null as has_did,
        caller_number,
        shown_number,
        account,
        caller_name,
        peer,
        far_peer,
        lower(peer) as peer_name,
        lower(far_peer) as far_name,
        lower(src) as src_name,
        lower(dst) as dst_name,
        lower(caller_number) as caller_name_inside,
        lower(account) as account_name,
        {{ number_digits('src') }} as src_digits,
        {{ number_digits('dst') }} as dst_digits,
        {{ is_company_phone('src') }} as is_own_src,
        {{ is_company_phone('dst') }} as is_own_dst,
        {{ is_context('context', 'outside_contexts') }} as is_outside_context,
        {{ is_context('context', 'inside_contexts') }} as is_inside_context,
        last_application,
        coalesce(last_application = 'queue', false) as is_queue,
        has_other_side,
        coalesce(disposition = 'ANSWERED' and billed_s > 0 and has_other_side, false) as is_bridged,
        disposition,
        started_at,
        answered_at,
        ended_at,
        deleted_at
    from {{ ref('stg_asterisk__legs') }}
),

leg_calls as (
    select distinct uniqueid, call_id from legs
),

queue_log as (
    select
        callid,
        event,
        queuename,
        data1,
        data3,
        case when event in ('CONNECT', 'RINGNOANSWER') then {{ channel_peer('agent') }} end as agent
    from {{ source('asterisk', 'queue_log') }}
    where _deleted_at is null
),

-- What shows whether a name is an extension's or a trunk's. An extension calls under its own name or the
-- company's number, is what was dialled, serves a queue; a trunk brings calls from outside.
signs as (
    select
        peer_name as name,
        peer_name in (src_name, caller_name_inside, account_name)
        or (shown_number is not null or is_own_src) and not has_did and not is_outside_context as is_inside,
        position = 1 and (has_did or is_outside_context) as is_outside
    from legs
    union all
    select
        far_name as name,
        far_name = dst_name or is_queue as is_inside,
        false as is_outside
    from legs
    union all
    -- Who works at a device of another name: the number it calls from.
    select
        src_name as name,
        true as is_inside,
        false as is_outside
    from legs
    where is_inside_context and not has_did and length(src_name) <= 6
    union all
    select
        lower(agent) as name,
        true as is_inside,
        false as is_outside
    from queue_log
),

peers as (
    select
        name,
        case
            when {{ is_listed_peer('name', 'extensions') }} then true
            when {{ is_listed_peer('name', 'trunks') }} then false
            else count(case when is_inside then 1 end) > count(case when is_outside then 1 end)
        end as is_extension,
        count(case when is_outside then 1 end) > 0
        or {{ is_listed_peer('name', 'trunks') }} as is_trunk
    from signs
    where name is not null
    group by name
),

extensions as (
    select name
    from peers
    where is_extension
),

trunks as (
    select name
    from peers
    where is_trunk and not is_extension
),

queue_events as (
    select
        leg_calls.call_id,
        min({{ to_text('queue_log.queuename') }}) as queue,
        min(queue_log.agent) filter (where queue_log.event = 'CONNECT' and queue_log.agent <> '') as agent,
        min({{ to_amount('queue_log.data1') }}) filter (where queue_log.event = 'CONNECT') as hold_s,
        max({{ to_amount('queue_log.data3') }}) filter (
            where queue_log.event in ('ABANDON', 'EXITWITHTIMEOUT', 'EXITEMPTY')
        ) as given_up_after_s,
        bool_or(queue_log.event = 'CONNECT') as is_connected
    from queue_log
    inner join leg_calls on queue_log.callid = leg_calls.uniqueid
    group by leg_calls.call_id
),

calls as (
    select
        legs.call_id,
        -- Of a transferred call who answered first.
        min(legs.position) filter (where legs.is_bridged and trunks.name is null) as answered_at_leg,
        min(legs.position) filter (where legs.dst_digits > 6 and not legs.is_own_dst) as outside_number_leg,
        bool_or(legs.is_bridged and not legs.is_queue) as is_bridged,
        bool_or(legs.is_bridged and legs.is_queue) as is_bridged_in_queue,
        bool_or(legs.is_queue) as is_queued,
        min(legs.started_at) as started_at,
        min(legs.answered_at) filter (where legs.has_other_side) as answered_at,
        max(legs.ended_at) as ended_at,
        case when count(*) = count(legs.deleted_at) then max(legs.deleted_at) end as deleted_at
    from legs
    left join trunks on legs.far_name = trunks.name
    group by legs.call_id
),

callers as (
    select
        legs.*,
        near.name is not null as is_from_extension,
        far.name is not null or by_dst.name is not null as is_to_extension,
        by_src.name is not null as is_extension_src,
        case
            when near.name is not null then legs.peer
            when by_number.name is not null then legs.caller_number
            when by_src.name is not null then legs.src
            when by_account.name is not null then legs.account
            when coalesce(legs.src_digits, 0) <= 6 then legs.src
        end as extension,
        case
            when near.name is not null then true
            when legs.has_did or legs.is_outside_context or trunks.name is not null then false
            when legs.is_own_src or by_src.name is not null or legs.is_inside_context then true
            when legs.src_digits > 6 then false
            -- A short number: an extension that was never seen, unless it calls the company's number.
            else legs.src_digits is not null and not legs.is_own_dst
        end as is_from_inside
    from legs
    left join extensions as near on legs.peer_name = near.name
    left join extensions as far on legs.far_name = far.name
    left join trunks on legs.peer_name = trunks.name
    left join extensions as by_src on legs.src_name = by_src.name
    left join extensions as by_dst on legs.dst_name = by_dst.name
    left join extensions as by_number on legs.caller_name_inside = by_number.name
    left join extensions as by_account on legs.account_name = by_account.name
    where legs.position = 1
),

directed as (
    select
        calls.*,
        callers.is_from_inside,
        callers.is_own_src,
        callers.src_digits,
        callers.caller_name,
        callers.disposition,
        callers.extension as caller_extension,
        answered.far_peer as agent_extension,
        -- What was called: an extension, a queue or a code of the exchange, or through a trunk a number.
        case
            when callers.is_to_extension or callers.is_own_dst or callers.is_queue then 'inside'
            when callers.dst_digits > 6 then 'outside'
            when callers.far_peer is not null and callers.dst_digits > 3 then 'outside'
            when callers.far_peer is not null and callers.dst_digits > 0 then 'service'
            when further.dst is not null then 'outside'
            else 'inside'
        end as callee,
        case when callers.dst_digits > 3 then callers.dst else further.dst end as called_number,
        case
            when callers.src_digits > 3 and not callers.is_own_src then callers.src
            when
                {{ number_digits('callers.caller_number') }} > 3
                and not {{ is_company_phone('callers.caller_number') }}
                then callers.caller_number
        end as calling_number
    from calls
    inner join callers on calls.call_id = callers.call_id
    left join legs as answered
        on calls.call_id = answered.call_id and calls.answered_at_leg = answered.position
    left join legs as further
        on calls.call_id = further.call_id and calls.outside_number_leg = further.position
)

select
    directed.call_id,
    case
        when not directed.is_from_inside then 'in'
        when directed.callee = 'inside' then 'internal'
        else 'out'
    end as direction,
    -- The number outside, as written; null where there is none or it is withheld.
    case
        when not directed.is_from_inside then directed.calling_number
        when directed.callee = 'outside' then directed.called_number
    end as outside_number,
    case
        when not directed.is_from_inside
            then case
                when directed.calling_number is not null then null
                when directed.is_own_src then 'internal_call'
                when directed.src_digits is not null then 'service_number'
                else 'anonymous_caller'
            end
        when directed.callee = 'inside' then 'internal_call'
        when directed.callee = 'service' then 'service_number'
    end as no_record_reason,
    case when not directed.is_from_inside then directed.caller_name end as caller_name,
    case
        when directed.is_from_inside then directed.caller_extension
        else coalesce(queue_events.agent, directed.agent_extension)
    end as extension,
    queue_events.queue,
    coalesce(queue_events.is_connected, directed.is_bridged_in_queue)
    or directed.is_bridged as is_answered,
    case
        when coalesce(queue_events.is_connected, directed.is_bridged_in_queue) or directed.is_bridged
            then 'answered'
        when queue_events.call_id is not null or directed.is_queued then 'abandoned'
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
