-- Sale orders with what their pickings say of ready, picked up and delivered goods.
with pickings as (
    select
        pickings.sale_id,
        max(stores.id) as store_id,
        max(stores.name) as store_name,
        bool_and(pickings.state = 'done') as is_done,
        bool_or(pickings.state in ('assigned', 'done')) as is_ready,
        min(pickings.scheduled_date) as scheduled_date,
        max(pickings.date_done) as date_done,
        max(pickings.write_date) as write_date
    from {{ source('odoo', 'stock_picking') }} as pickings
    left join {{ source('odoo', 'pos_config') }} as stores on pickings.pos_config_id = stores.id
    where
        pickings.picking_type_code = 'outgoing'
        and pickings.state <> 'cancel'
        and pickings._deleted_at is null
    group by pickings.sale_id
)

select
    sales.id,
    sales.name,
    -- A shop's order as the ERP sees it: its partner is the shop, its customer is the original's.
    case
        when sales.origin = 'WooCommerce'
            then 'woocommerce:order:' || {{ extract_text('sales.client_order_ref', '([0-9]+)$') }}
    end as mirrors_order_id,
    case
        when sales.origin = 'WooCommerce' or employees.partner_id is not null then null
        else 'partner:' || sales.partner_id
    end as source_record_id,
    case
        when sales.origin = 'WooCommerce' then 'mirrored_order'
        when employees.partner_id is not null then 'internal_contact'
        when sales.partner_id is null then 'no_customer_given'
    end as no_record_reason,
    case when sales.origin = 'WooCommerce' then 'web' else 'phone' end as order_channel,
    sales.state as source_status,
    statuses.status as dictionary_status,
    sales.user_id,
    sales.amount_total,
    sales.amount_tax,
    sales.campaign_id,
    sales.source_id,
    sales.medium_id,
    pickings.store_id,
    pickings.store_name,
    coalesce(pickings.is_ready, false) as is_ready,
    coalesce(pickings.is_done, false) as is_done,
    -- Odoo writes when goods should be ready; those that are ready early are so since their last change.
    {{ to_utc('least(pickings.scheduled_date, pickings.write_date)') }} as ready_at,
    case when pickings.is_done then {{ to_utc('pickings.date_done') }} end as handed_over_at,
    {{ to_utc('sales.date_order') }} as ordered_at,
    {{ to_utc('greatest(sales.write_date, pickings.write_date)') }} as updated_at,
    sales._deleted_at as deleted_at
from {{ source('odoo', 'sale_order') }} as sales
left join pickings on sales.id = pickings.sale_id
left join {{ ref('stg_odoo__employees') }} as employees on sales.partner_id = employees.partner_id
left join {{ ref('statuses') }} as statuses
    on
        statuses.source_system = 'odoo'
        and statuses.entity = 'sale_order'
        and sales.state = statuses.source_status
