-- Employees: internal users, archived ones too. user_id.
select
    users.id as user_id,
    users.partner_id,
    coalesce({{ to_text('partners.name') }}, users.login) as employee_name
from {{ source('odoo', 'res_users') }} as users
left join {{ source('odoo', 'res_partner') }} as partners on users.partner_id = partners.id
where users._deleted_at is null and not coalesce({{ to_boolean('users.share') }}, false)
