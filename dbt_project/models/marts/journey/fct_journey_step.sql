{{ config(indexes=[
    {'columns': ['journey_id']}, {'columns': ['customer_id']},
]) }}

-- Grain: one touch of a journey. A journey is a customer's touches until its goal, an order completed, or
-- until silence.
with touches as (
    select
        interaction_id,
        customer_id,
        occurred_at,
        channel,
        kind,
        direction,
        order_id,
        case_id,
        cart_id,
        campaign,
        coalesce(
            kind in ('purchase', 'pickup') or (kind = 'order_status' and status = 'completed'), false
        ) as is_completion
    from {{ ref('fct_interaction') }}
    where
        customer_id is not null
        -- The company's own book-keeping is no touch: notes, closed cases, changes of a status.
        and (
            kind in (
                'visit', 'message', 'call', 'lead_created', 'case_opened',
                'order_placed', 'purchase', 'pickup', 'return'
            )
            or (kind = 'order_status' and status = 'completed')
        )
),

-- Two systems may tell of the completion of one order: the first one is the goal, the others no touch.
counted as (
    select
        *,
        case
            when is_completion and order_id is not null
                then row_number() over (
                    partition by order_id, is_completion
                    order by occurred_at, kind desc, interaction_id
                )
            else 1
        end as completion
    from touches
),

ordered as (
    select
        *,
        lag(occurred_at) over by_customer as previous_at,
        lag(is_completion) over by_customer as is_previous_goal
    from counted
    where completion = 1
    window by_customer as (partition by customer_id order by occurred_at, is_completion, interaction_id)
),

cut as (
    select
        *,
        sum(
            case
                when
                    previous_at is null
                    or is_previous_goal
                    or occurred_at > {{ add_days('previous_at', var('journey_silence_days')) }}
                    then 1
                else 0
            end
        ) over (
            partition by customer_id
            order by occurred_at, is_completion, interaction_id
            rows unbounded preceding
        ) as journey_number
    from ordered
),

steps as (
    select
        *,
        row_number() over by_journey as step_number,
        first_value(interaction_id) over by_journey as first_interaction_id,
        lag(channel) over by_journey as previous_channel,
        lag(occurred_at) over by_journey as previous_step_at
    from cut
    window by_journey as (
        partition by customer_id, journey_number
        order by occurred_at, is_completion, interaction_id
    )
)

select
    interaction_id,
    -- Named after its first touch: a journey keeps its name when its customer's ID changes.
    'journey:' || first_interaction_id as journey_id,
    customer_id,
    cast(step_number as integer) as step_number,
    occurred_at,
    channel,
    previous_channel,
    coalesce(channel <> previous_channel, false) as is_channel_switch,
    kind,
    direction,
    {{ seconds_between('previous_step_at', 'occurred_at') }} as seconds_since_previous,
    is_completion as is_goal,
    coalesce(direction = 'in' and kind in ('call', 'message', 'case_opened'), false) as is_question,
    order_id,
    case_id,
    cart_id,
    campaign
from steps
