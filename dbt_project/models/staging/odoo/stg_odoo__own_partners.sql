-- Partners that are no customers, and why: partner_id. The companies themselves and their contacts, employees
-- (internal users), and Odoo's own users for visitors and as a template. Portal users are customers.
with reasons as (
    select partner_id, 'own_company' as reason, 1 as priority
    from {{ source('odoo', 'res_company') }}
    where partner_id is not null and _deleted_at is null
    union all
    select
        partner_id,
        case
            when not coalesce({{ to_boolean('share') }}, false) then 'own_employee'
            when login in ('public', 'portaltemplate') or login like 'public-user@%' then 'system_user'
        end as reason,
        2 as priority
    from {{ source('odoo', 'res_users') }}
    where partner_id is not null and _deleted_at is null
    union all
    select contacts.id as partner_id, 'own_contact' as reason, 3 as priority
    from {{ source('odoo', 'res_partner') }} as contacts
    inner join {{ source('odoo', 'res_company') }} as companies on contacts.parent_id = companies.partner_id
    where companies._deleted_at is null
),

-- Made once a query: PostgreSQL does not see how few they are, and read all partners again for each line.
first_reasons as materialized (
    select partner_id, {{ first_by('reason', 'priority') }} as reason
    from reasons
    where reason is not null
    group by partner_id
)

select
    partner_id,
    reason,
    case when reason = 'system_user' then 'no_customer_given' else 'internal_contact' end as no_record_reason
from first_reasons
