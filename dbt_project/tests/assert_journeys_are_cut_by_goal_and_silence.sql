-- A journey has at most one goal, as its last step; no silence within it is longer than allowed; its steps
-- count from 1 without a gap and follow time.
with steps as (
    select
        *,
        lead(step_number) over by_journey as next_step_number,
        lead(occurred_at) over by_journey as next_at,
        min(step_number) over (partition by journey_id) as first_step_number
    from {{ ref('fct_journey_step') }}
    window by_journey as (partition by journey_id order by step_number)
)

select *
from steps
where
    first_step_number <> 1
    or next_step_number <> step_number + 1
    or next_at < occurred_at
    or (is_goal and next_at is not null)
    or next_at > {{ add_days('occurred_at', var('journey_silence_days')) }}
