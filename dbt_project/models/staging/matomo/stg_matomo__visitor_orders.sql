-- The shop's orders in whose visits a visitor was seen.
select distinct visitors.visitor_id, {{ to_text('conversions.idorder') }} as order_number
from {{ source('matomo', 'matomo_log_conversion') }} as conversions
inner join {{ ref('stg_matomo__seen_visitors') }} as visitors on conversions.idvisit = visitors.idvisit
where
    conversions.idgoal = 0
    and {{ to_text('conversions.idorder') }} is not null
    and conversions._deleted_at is null
