-- The contact of a case: who opened it, else the first one related to it.
with related as (
    select case_id, min(contact_id) as contact_id
    from {{ source('suitecrm', 'contacts_cases') }}
    where not {{ to_boolean('deleted') }} and _deleted_at is null
    group by case_id
)

select
    cases.id as case_id,
    'contact:' || coalesce(nullif(cases.contact_created_by_id, ''), related.contact_id) as source_record_id
from {{ source('suitecrm', 'cases') }} as cases
left join related on cases.id = related.case_id
