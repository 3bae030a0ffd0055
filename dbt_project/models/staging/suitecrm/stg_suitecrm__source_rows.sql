{% set cards = [('contacts', 'contact'), ('leads', 'lead')] -%}
{% for table, kind in cards %}
select
    'suitecrm' as source_system,
    '{{ table }}' as table_name,
    id as row_id,
    'customer_records' as contract,
    '{{ kind }}:' || id as contract_row_id,
    cast(null as text) as left_out
from {{ source('suitecrm', table) }}
where _deleted_at is null
union all
{% endfor %}
select
    'suitecrm' as source_system,
    'calls' as table_name,
    id as row_id,
    'interactions' as contract,
    'suitecrm:calls:' || id as contract_row_id,
    case status when 'Planned' then 'planned' end as left_out
from {{ source('suitecrm', 'calls') }}
where _deleted_at is null
union all
select
    'suitecrm' as source_system,
    'notes' as table_name,
    id as row_id,
    'interactions' as contract,
    'suitecrm:notes:' || id as contract_row_id,
    null as left_out
from {{ source('suitecrm', 'notes') }}
where _deleted_at is null
union all
select
    'suitecrm' as source_system,
    'cases' as table_name,
    id as row_id,
    'cases' as contract,
    'suitecrm:case:' || id as contract_row_id,
    null as left_out
from {{ source('suitecrm', 'cases') }}
where _deleted_at is null
