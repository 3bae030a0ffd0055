-- Whom each visitor turned out to be. A browser in which several users logged in is nobody's own; one in
-- which nobody logged in or ordered is a stranger's. Built once, for several models read it.
{{ config(materialized='table', post_hook="{{ gather_statistics(this) }}") }}

with seen as (
    select
        seen.visitor_id,
        visits.idvisit,
        {{ to_text('visits.user_id') }} as user_id,
        visits.visit_first_action_time,
        visits.visit_last_action_time
    from {{ ref('stg_matomo__seen_visitors') }} as seen
    inner join {{ source('matomo', 'matomo_log_visit') }} as visits on seen.idvisit = visits.idvisit
    where visits._deleted_at is null
),

ordered as (
    select visitor_id, count(*) as orders from {{ ref('stg_matomo__visitor_orders') }}
    group by visitor_id
)

select
    seen.visitor_id,
    min(seen.user_id) as user_id,
    case
        when count(distinct seen.user_id) > 1 then 'shared_device'
        when min(seen.user_id) is null and coalesce(max(ordered.orders), 0) = 0 then 'anonymous_visitor'
    end as no_record_reason,
    {{ to_utc('min(seen.visit_first_action_time)') }} as created_at,
    {{ to_utc('max(seen.visit_last_action_time)') }} as updated_at
from seen
left join ordered on seen.visitor_id = ordered.visitor_id
group by seen.visitor_id
