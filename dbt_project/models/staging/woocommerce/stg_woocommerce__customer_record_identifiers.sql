{% set columns = [
    ('phone', 'phone', 'billing'), ('email', 'email', 'billing'), ('loyalty_card', 'loyalty_card', 'billing'),
    ('phone', 'phone', 'customer_records'), ('email', 'email', 'customer_records'),
    ('login', 'login_id', 'customer_records'),
] -%}
with identifiers as (
    {% for kind, column, model in columns %}
    select
        source_record_id,
        '{{ kind }}' as kind,
        {{ column }} as value
    from {{ ref('stg_woocommerce__' ~ model) }}
    {% if model == 'billing' %}where deleted_at is null{% endif %}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select distinct 'woocommerce' as source_system, source_record_id, kind, value
from identifiers
where source_record_id is not null and value is not null
