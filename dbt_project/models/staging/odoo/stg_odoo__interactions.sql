with returned as (
    select return_id, max(order_id) as order_id
    from {{ ref('stg_odoo__returns') }}
    where deleted_at is null
    group by return_id
),

events as (
    select
        'odoo:sale_order:' || id as interaction_id,
        source_record_id,
        no_record_reason,
        ordered_at as occurred_at,
        order_channel as channel,
        'order_placed' as kind,
        'in' as direction,
        dictionary_status as status,
        user_id,
        'odoo:sale:' || id as order_id,
        name as subject,
        null as store_id,
        updated_at,
        deleted_at
    from {{ ref('stg_odoo__sales') }}
    -- A quotation is no order yet; the shop tells of its own orders itself.
    where mirrors_order_id is null and dictionary_status <> 'draft' and not is_credit
    union all
    select
        'odoo:sale_order:' || id as interaction_id,
        source_record_id,
        no_record_reason,
        ordered_at as occurred_at,
        order_channel as channel,
        'return' as kind,
        'in' as direction,
        'completed' as status,
        user_id,
        null as order_id,
        name as subject,
        null as store_id,
        updated_at,
        deleted_at
    from {{ ref('stg_odoo__sales') }}
    where is_credit and is_confirmed
    union all
    select
        'odoo:stock_picking:' || id as interaction_id,
        source_record_id,
        no_record_reason,
        handed_over_at as occurred_at,
        case when store_id is null then order_channel else 'store' end as channel,
        case when store_id is null then 'order_status' else 'pickup' end as kind,
        case when store_id is null then 'out' else 'in' end as direction,
        'completed' as status,
        null as user_id,
        coalesce(mirrors_order_id, 'odoo:sale:' || id) as order_id,
        name as subject,
        store_id,
        updated_at,
        deleted_at
    from {{ ref('stg_odoo__sales') }}
    where handed_over_at is not null and not is_credit
    union all
    select
        'odoo:pos_order:' || receipts.id as interaction_id,
        receipts.source_record_id,
        receipts.no_record_reason,
        receipts.ordered_at as occurred_at,
        'store' as channel,
        case when receipts.is_refund then 'return' else 'purchase' end as kind,
        'in' as direction,
        'completed' as status,
        receipts.user_id,
        case when receipts.is_refund then returned.order_id else 'odoo:pos:' || receipts.id end as order_id,
        coalesce(receipts.pos_reference, receipts.name) as subject,
        cast(receipts.store_id as text) as store_id,
        receipts.updated_at,
        receipts.deleted_at
    from {{ ref('stg_odoo__receipts') }} as receipts
    left join returned on 'odoo:pos:' || receipts.id = returned.return_id
    where receipts.is_paid
)

select
    events.interaction_id,
    'odoo' as source_system,
    events.source_record_id,
    events.no_record_reason,
    events.occurred_at,
    events.channel,
    events.kind,
    events.direction,
    events.status,
    cast(events.user_id as text) as employee_id,
    employees.employee_name,
    events.order_id,
    events.subject,
    events.store_id,
    events.updated_at,
    events.deleted_at
from events
left join {{ ref('stg_odoo__employees') }} as employees on events.user_id = employees.user_id
