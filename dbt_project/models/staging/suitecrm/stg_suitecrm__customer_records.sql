with emails as (
    select
        source_record_id,
        email,
        row_number() over (
            partition by source_record_id
            order by is_primary desc, date_modified desc, email
        ) as position
    from {{ ref('stg_suitecrm__emails') }}
)

select
    'suitecrm' as source_system,
    people.source_record_id,
    {{ to_text("concat_ws(' ', people.given_name, people.family_name)") }} as full_name,
    people.given_name,
    people.family_name,
    case
        when lower(people.salutation) in ('mr.', 'mr') then 'male'
        when lower(people.salutation) in ('ms.', 'ms', 'mrs.', 'mrs', 'miss') then 'female'
    end as gender,
    people.birth_date,
    -- The work phone is often a switchboard: last.
    coalesce(people.phone_mobile, people.phone_home, people.phone_other, people.phone_work) as phone,
    emails.email,
    people.street,
    people.city,
    people.postcode,
    people.country,
    people.parent_record_id,
    false as is_company,
    people.created_at,
    people.updated_at,
    people.deleted_at
from {{ ref('stg_suitecrm__people') }} as people
left join emails on people.source_record_id = emails.source_record_id and emails.position = 1
