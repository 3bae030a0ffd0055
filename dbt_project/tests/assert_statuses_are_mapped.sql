-- A status that the dictionary (seed statuses) does not know is null in the contracts: orders would fall out
-- of revenue without a word. A new status at a source is normal, so this warns.
{{ config(severity='warn') }}

select source_system, 'order' as entity, source_status, count(*) as row_count
from {{ ref('orders') }}
where status is null and source_status is not null
group by source_system, source_status
union all
select source_system, 'case' as entity, source_status, count(*) as row_count
from {{ ref('cases') }}
where status is null and source_status is not null
group by source_system, source_status
