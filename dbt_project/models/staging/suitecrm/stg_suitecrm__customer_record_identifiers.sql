with identifiers as (
    {% for phone in ['phone_mobile', 'phone_home', 'phone_other', 'phone_work'] %}
    select source_record_id, 'phone' as kind, {{ phone }} as value from {{ ref('stg_suitecrm__people') }}
    union all
    {% endfor %}
    select source_record_id, 'email' as kind, email as value from {{ ref('stg_suitecrm__emails') }}
)

select distinct 'suitecrm' as source_system, source_record_id, kind, value
from identifiers
where value is not null
