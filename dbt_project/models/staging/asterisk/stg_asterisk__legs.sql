-- One row a leg of a call, with times in UTC and the names of both channels' peers (of `PJSIP/101-0000000a`
-- 101). `started_at` comes from the local time, which autumn has twice for an hour: the channel's own number
-- begins with its time in UTC, and the leg's duration shows whether the clock was set back meanwhile.
with legs as (
    select
        uniqueid,
        sequence,
        {{ to_text(optional_column(source('asterisk', 'cdr'), 'linkedid', 'text')) }} as linkedid,
        {{ to_text('src') }} as src,
        {{ to_text('dst') }} as dst,
        {{ to_text(optional_column(source('asterisk', 'cdr'), 'did', 'text')) }} as did,
        {{ to_text(optional_column(source('asterisk', 'cdr'), 'cnum', 'text')) }} as caller_number,
        {{ to_text(optional_column(source('asterisk', 'cdr'), 'outbound_cnum', 'text')) }} as shown_number,
        {{ to_text(optional_column(source('asterisk', 'cdr'), 'accountcode', 'text')) }} as account,
        case
            when clid like '%<%' then {{ to_text("replace(" ~ part_of('clid', '<', 1) ~ ", '\"', '')") }}
        end as caller_name,
        lower(dcontext) as context,
        {{ channel_peer(to_text('channel')) }} as peer,
        -- A call that nobody took has no second channel: then the one that Dial was told.
        coalesce(
            {{ channel_peer(to_text('dstchannel')) }},
            case
                when lower(lastapp) = 'dial'
                    then {{ channel_peer(optional_column(source('asterisk', 'cdr'), 'lastdata', 'text')) }}
            end
        ) as far_peer,
        {{ to_text('dstchannel') }} is not null as has_other_side,
        lower(lastapp) as last_application,
        disposition,
        duration,
        coalesce(billsec, 0) as billed_s,
        {{ from_unix(extract_text('uniqueid', '([0-9]{9,10})[.][0-9]+$')) }} as created_at,
        {{ to_utc('start', source_time_zone('asterisk')) }} as start_late,
        {{ repeated_seconds('start', source_time_zone('asterisk')) }} as repeated_s,
        {{ seconds_between('cast(start as timestamp)', 'cast("end" as timestamp)') }} as clock_s,
        {{ to_utc('"end"', source_time_zone('asterisk')) }} as end_late,
        {{ seconds_between('cast(start as timestamp)', 'cast(answer as timestamp)') }} as ring_s,
        _deleted_at
    from {{ source('asterisk', 'cdr') }}
),

timed as (
    select
        *,
        coalesce(
            case
                when repeated_s = 0 then start_late
                when
                    abs({{ seconds_between('created_at', 'start_late') }} - repeated_s)
                    <= abs({{ seconds_between('created_at', 'start_late') }})
                    or created_at is null and clock_s = duration - repeated_s
                    then {{ add_seconds('start_late', '-repeated_s') }}
                else start_late
            end,
            {{ add_seconds('end_late', '-coalesce(duration, 0)') }},
            created_at
        ) as started_at
    from legs
),

ended as (
    select
        *,
        coalesce({{ add_seconds('started_at', 'duration') }}, greatest(started_at, end_late)) as ended_at
    from timed
)

select
    coalesce(linkedid, nullif(uniqueid, ''), 'leg' || sequence) as call_id,
    uniqueid || ':' || sequence as leg_id,
    uniqueid,
    row_number() over (
        partition by coalesce(linkedid, nullif(uniqueid, ''), 'leg' || sequence)
        order by case when uniqueid = linkedid then 0 else 1 end, started_at, sequence, uniqueid
    ) as position,
    src,
    dst,
    did,
    caller_number,
    shown_number,
    account,
    caller_name,
    context,
    -- A Local channel to a number outside bears it instead of a peer.
    nullif(peer, '') as peer,
    nullif(far_peer, '') as far_peer,
    has_other_side,
    last_application,
    disposition,
    billed_s,
    started_at,
    case
        when ring_s >= 0 then {{ add_seconds('started_at', 'ring_s') }}
        else {{ add_seconds('ended_at', '-nullif(billed_s, 0)') }}
    end as answered_at,
    ended_at,
    _deleted_at as deleted_at
from ended
