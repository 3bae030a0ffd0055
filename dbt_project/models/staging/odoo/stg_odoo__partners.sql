-- Partners: people, companies and their addresses. Archived ones stay; one that is gone is deleted.
select
    partners.id,
    partners.parent_id,
    partners.type,
    {{ to_text('partners.name') }} as full_name,
    coalesce({{ to_boolean('partners.is_company') }}, false) as is_company,
    {{ to_date('partners.birthdate_date') }} as birth_date,
    {{ to_text('partners.mobile') }} as mobile,
    {{ to_text('partners.phone') }} as phone,
    {{ to_text('partners.email') }} as email,
    {{ to_text('partners.vat') }} as tax_id,
    {{ to_text("concat_ws(', ', nullif(partners.street, ''), nullif(partners.street2, ''))") }} as street,
    {{ to_text('partners.city') }} as city,
    {{ to_text('partners.zip') }} as postcode,
    {{ to_text('countries.code') }} as country,
    {{ to_utc('partners.create_date') }} as created_at,
    {{ to_utc('partners.write_date') }} as updated_at,
    partners._deleted_at as deleted_at
from {{ source('odoo', 'res_partner') }} as partners
left join {{ source('odoo', 'res_country') }} as countries on partners.country_id = countries.id
