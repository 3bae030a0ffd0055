{% for contract, key in [('web_sessions', 'matomo:visit:'), ('interactions', 'matomo:visits:')] -%}
select
    'matomo' as source_system,
    'matomo_log_visit' as table_name,
    cast(idvisit as text) as row_id,
    '{{ contract }}' as contract,
    '{{ key }}' || idvisit as contract_row_id,
    cast(null as text) as left_out
from {{ source('matomo', 'matomo_log_visit') }}
where _deleted_at is null
union all
{% endfor -%}
select
    'matomo' as source_system,
    'matomo_log_visit' as table_name,
    cast(visits.idvisit as text) as row_id,
    'customer_records' as contract,
    'visitor:' || {{ to_hex('visits.idvisitor') }} as contract_row_id,
    visitors.no_record_reason as left_out
from {{ source('matomo', 'matomo_log_visit') }} as visits
left join {{ ref('stg_matomo__visitors') }} as visitors
    on {{ to_hex('visits.idvisitor') }} = visitors.visitor_id
where visits._deleted_at is null
union all
-- What came of a visit is in the session.
select
    'matomo' as source_system,
    'matomo_log_conversion' as table_name,
    conversions.idvisit || ':' || conversions.idgoal || ':' || conversions.buster as row_id,
    'web_sessions' as contract,
    'matomo:visit:' || conversions.idvisit as contract_row_id,
    case when visits.idvisit is null then 'no_visit' end as left_out
from {{ source('matomo', 'matomo_log_conversion') }} as conversions
left join {{ source('matomo', 'matomo_log_visit') }} as visits
    on conversions.idvisit = visits.idvisit and visits._deleted_at is null
where conversions._deleted_at is null
