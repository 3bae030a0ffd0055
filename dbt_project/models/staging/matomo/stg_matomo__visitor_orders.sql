-- The shop's orders in whose visits a visitor was seen, and who was logged in then.
select distinct
    seen.visitor_id,
    {{ to_text('conversions.idorder') }} as order_number,
    {{ to_text('visits.user_id') }} as user_id
from {{ source('matomo', 'matomo_log_conversion') }} as conversions
inner join {{ ref('stg_matomo__seen_visitors') }} as seen on conversions.idvisit = seen.idvisit
inner join {{ source('matomo', 'matomo_log_visit') }} as visits on conversions.idvisit = visits.idvisit
where
    conversions.idgoal = 0
    and {{ to_text('conversions.idorder') }} is not null
    and conversions._deleted_at is null
    and visits._deleted_at is null
