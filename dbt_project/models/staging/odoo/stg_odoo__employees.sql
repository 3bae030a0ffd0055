-- Own users; their partner is no customer's card.
select
    users.id as user_id,
    users.partner_id,
    coalesce({{ to_text('partners.name') }}, users.login) as employee_name
from {{ source('odoo', 'res_users') }} as users
left join {{ source('odoo', 'res_partner') }} as partners on users.partner_id = partners.id
where users._deleted_at is null
