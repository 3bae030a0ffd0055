with identifiers as (
    {% for column, kind in [('mobile', 'phone'), ('phone', 'phone'), ('email', 'email')] %}
    select
        'partner:' || id as source_record_id,
        '{{ kind }}' as kind,
        {{ column }} as value
    from {{ ref('stg_odoo__partners') }}
    union all
    {% endfor %}
    select
        'partner:' || partner_id as source_record_id,
        'loyalty_card' as kind,
        code as value
    from {{ ref('stg_odoo__loyalty_cards') }}
    where deleted_at is null
    union all
    select source_record_id, 'phone' as kind, mobile as value from {{ ref('stg_odoo__receipts') }}
    where source_record_id like 'receipt:%'
    union all
    select source_record_id, 'email' as kind, email as value from {{ ref('stg_odoo__receipts') }}
    where source_record_id like 'receipt:%'
)

-- Only of cards: own employees' partners are none.
select distinct 'odoo' as source_system, identifiers.source_record_id, identifiers.kind, identifiers.value
from identifiers
inner join {{ ref('stg_odoo__customer_records') }} as cards
    on identifiers.source_record_id = cards.source_record_id
where identifiers.value is not null
