{{ config(indexes=[{'columns': ['customer_id']}]) }}

with journeys as (
    select
        journey_id,
        customer_id,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        {{ first_by('channel', 'step_number') }} as start_channel,
        {{ first_by('kind', 'step_number') }} as start_kind,
        {{ first_by('campaign', 'step_number') }} as campaign,
        {{ first_by('channel', 'step_number desc') }} as end_channel,
        cast(count(*) as integer) as step_count,
        cast(count(distinct channel) as integer) as channel_count,
        cast(count(*) filter (where is_channel_switch) as integer) as channel_switches,
        string_agg(channel, ' > ' order by step_number) filter (
            where step_number = 1 or is_channel_switch
        ) as channel_path,
        min(step_number) filter (where is_question) as question_step,
        {{ first_by('case when is_question then channel end', 'step_number') }} as question_channel,
        bool_or(is_goal) as has_goal,
        max(order_id) filter (where is_goal) as goal_order_id
    from {{ ref('fct_journey_step') }}
    group by journey_id, customer_id
),

as_of as (
    select max(data_as_of) as data_as_of from {{ ref('data_freshness') }}
)

select
    journeys.journey_id,
    journeys.customer_id,
    journeys.started_at,
    {{ local_date('journeys.started_at') }} as started_date,
    journeys.ended_at,
    {{ seconds_between('journeys.started_at', 'journeys.ended_at') }} as duration_s,
    case
        when journeys.has_goal then 'converted'
        when journeys.ended_at >= {{ add_days('as_of.data_as_of', '-' ~ var('journey_silence_days')) }}
            then 'open'
        else 'lapsed'
    end as outcome,
    journeys.start_channel,
    journeys.start_kind,
    journeys.end_channel,
    journeys.channel_path,
    journeys.step_count,
    journeys.channel_count,
    journeys.channel_switches,
    journeys.question_step,
    journeys.question_channel,
    journeys.campaign,
    journeys.goal_order_id,
    orders.amount_total as goal_amount
from journeys
cross join as_of
left join {{ ref('fct_order') }} as orders on journeys.goal_order_id = orders.order_id
