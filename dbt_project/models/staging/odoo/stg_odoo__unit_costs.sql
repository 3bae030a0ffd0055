-- What a unit of a product costs, in each company's currency: product_id × company_id.
-- Releases keep it by company as JSON, or as properties of which one without a company holds for all.
with costs as (
    {% if 'json' in column_type(source('odoo', 'product_product'), 'standard_price') or not execute -%}
    select
        products.id as product_id,
        cast(members.key as bigint) as company_id,
        {{ to_amount('members.value') }} as unit_cost,
        1 as priority
    from {{ source('odoo', 'product_product') }} as products
    cross join {{ json_members('products.standard_price') }} as members
    where {{ matches('members.key', '^[0-9]+$') }}
    {%- else -%}
    select
        products.id as product_id,
        companies.company_id,
        {{ to_amount('products.standard_price') }} as unit_cost,
        1 as priority
    from {{ source('odoo', 'product_product') }} as products
    cross join {{ ref('stg_odoo__companies') }} as companies
    {%- endif %}
    union all
    select
        cast({{ extract_text('properties.res_id', '^product.product,([0-9]+)$') }} as bigint) as product_id,
        companies.company_id,
        cast(properties.value_float as numeric) as unit_cost,
        case when properties.company_id is null then 3 else 2 end as priority
    from {{ source('odoo', 'ir_property') }} as properties
    inner join {{ ref('stg_odoo__companies') }} as companies
        on coalesce(properties.company_id, companies.company_id) = companies.company_id
    where properties.name = 'standard_price' and properties._deleted_at is null
),

ranked as (
    select
        product_id,
        company_id,
        unit_cost,
        row_number() over (partition by product_id, company_id order by priority) as position
    from costs
    where product_id is not null and unit_cost is not null
)

select product_id, company_id, unit_cost
from ranked
where position = 1
