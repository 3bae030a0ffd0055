-- Partners: people, companies and their addresses. Archived ones stay; one that is gone is deleted.
select
    id,
    parent_id,
    type,
    {{ to_text('name') }} as full_name,
    coalesce({{ to_boolean('is_company') }}, false) as is_company,
    -- Older releases have mobile; birthdate_date comes with a module.
    {{ to_date(optional_column(source('odoo', 'res_partner'), 'birthdate_date', 'date')) }} as birth_date,
    {{ to_text(optional_column(source('odoo', 'res_partner'), 'mobile', 'text')) }} as mobile,
    {{ to_text('phone') }} as phone,
    {{ to_text('email') }} as email,
    {{ to_text('vat') }} as tax_id,
    {{ to_text("concat_ws(', ', nullif(street, ''), nullif(street2, ''))") }} as street,
    {{ to_text('city') }} as city,
    {{ to_text('zip') }} as postcode,
    -- 188 is Russia in every Odoo; the table of countries is not read.
    case country_id when 188 then 'RU' end as country,
    {{ to_utc('create_date') }} as created_at,
    {{ to_utc('write_date') }} as updated_at,
    _deleted_at as deleted_at
from {{ source('odoo', 'res_partner') }}
