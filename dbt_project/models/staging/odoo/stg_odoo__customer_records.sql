with loyalty as (
    select
        partner_id,
        code,
        row_number() over (partition by partner_id order by is_active desc, id desc) as position
    from {{ ref('stg_odoo__loyalty_cards') }}
    where partner_id is not null and deleted_at is null
),

partners as (
    select
        partners.*,
        parents.id as person_parent_id,
        loyalty.code as loyalty_code
    from {{ ref('stg_odoo__partners') }} as partners
    -- An address of a person is that person; a contact or an address of a company is not the company.
    left join {{ ref('stg_odoo__partners') }} as parents
        on
            partners.parent_id = parents.id
            and partners.type in ('delivery', 'invoice', 'other')
            and not parents.is_company
    left join loyalty on partners.id = loyalty.partner_id and loyalty.position = 1
    left join {{ ref('stg_odoo__own_partners') }} as own on partners.id = own.partner_id
    where own.partner_id is null
)

select
    'odoo' as source_system,
    'partner:' || id as source_record_id,
    full_name,
    birth_date,
    coalesce(mobile, phone) as phone,
    email,
    loyalty_code as loyalty_card,
    tax_id,
    street,
    city,
    postcode,
    country,
    'partner:' || person_parent_id as parent_record_id,
    is_company,
    created_at,
    updated_at,
    deleted_at
from partners
union all
-- A till receipt without a partner that carries an e-mail or a phone.
select
    'odoo' as source_system,
    source_record_id,
    null as full_name,
    null as birth_date,
    mobile as phone,
    email,
    null as loyalty_card,
    null as tax_id,
    null as street,
    null as city,
    null as postcode,
    null as country,
    null as parent_record_id,
    false as is_company,
    ordered_at as created_at,
    updated_at,
    deleted_at
from {{ ref('stg_odoo__receipts') }}
where source_record_id like 'receipt:%'
