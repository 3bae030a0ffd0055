{% set columns = [
    ('phone', 'phone', 'billing'), ('email', 'email', 'billing'), ('loyalty_card', 'loyalty_card', 'billing'),
    ('phone', 'phone', 'customer_records'), ('email', 'email', 'customer_records'),
    ('login', 'login_id', 'customer_records'),
] -%}
with billing as (
    select * from {{ ref('stg_woocommerce__billing') }}
    where deleted_at is null
),

customer_records as (
    select * from {{ ref('stg_woocommerce__customer_records') }}
),

identifiers as (
    -- By these others name its customers: a web visitor, a chat's contact.
    select
        source_record_id,
        'account' as kind,
        'woocommerce:' || source_record_id as value
    from customer_records
    where source_record_id like 'user:%'
    union all
    select
        source_record_id,
        'account' as kind,
        'woocommerce:order:' || order_id as value
    from billing
    union all
    {% for kind, column, model in columns %}
    select
        source_record_id,
        '{{ kind }}' as kind,
        {{ column }} as value
    from {{ model }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select distinct 'woocommerce' as source_system, source_record_id, kind, value
from identifiers
where source_record_id is not null and value is not null
