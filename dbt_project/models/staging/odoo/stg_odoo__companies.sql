-- The companies that the installation keeps books of: company_id. The first one is the main one; its language
-- is that of its partner.
select
    companies.id as company_id,
    {{ to_text('companies.name') }} as company_name,
    companies.partner_id,
    companies.currency_id,
    currencies.name as currency,
    partners.lang as language,
    row_number() over (order by companies.id) = 1 as is_main
from {{ source('odoo', 'res_company') }} as companies
left join {{ source('odoo', 'res_currency') }} as currencies on companies.currency_id = currencies.id
left join {{ source('odoo', 'res_partner') }} as partners on companies.partner_id = partners.id
where companies._deleted_at is null
