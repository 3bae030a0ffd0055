-- Sale orders with what their pickings say of ready, picked up and delivered goods. An order of negative
-- quantities alone gives goods back; in a mixed one what comes back is apart.
with pickings as (
    select
        pickings.sale_id,
        max(types.warehouse_id) as warehouse_id,
        bool_and(pickings.state = 'done') as is_done,
        bool_or(pickings.state in ('assigned', 'done')) as is_ready,
        min(pickings.scheduled_date) as scheduled_date,
        max(pickings.date_done) as date_done,
        max(pickings.write_date) as write_date
    from {{ source('odoo', 'stock_picking') }} as pickings
    inner join {{ source('odoo', 'stock_picking_type') }} as types on pickings.picking_type_id = types.id
    where
        types.code in ('outgoing', 'dropship')
        and pickings.state <> 'cancel'
        and pickings._deleted_at is null
    group by pickings.sale_id
),

lines as (
    select
        order_id,
        bool_or(line_kind = 'returned') and not bool_or(line_kind = 'sold') as is_credit,
        coalesce(sum(-amount) filter (where line_kind = 'returned'), 0) as amount_returned,
        coalesce(sum(-amount_tax) filter (where line_kind = 'returned'), 0) as tax_returned,
        sum(amount) filter (where line_kind = 'shipping') as amount_shipping,
        coalesce(sum(amount_discount) filter (where line_kind = 'sold'), 0) as amount_discount
    from {{ ref('stg_odoo__sale_lines') }}
    where deleted_at is null
    group by order_id
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
        when sales.origin = 'WooCommerce' or own.partner_id is not null then null
        else 'partner:' || sales.partner_id
    end as source_record_id,
    case
        when sales.origin = 'WooCommerce' then 'mirrored_order'
        when own.partner_id is not null then own.no_record_reason
        when sales.partner_id is null then 'no_customer_given'
    end as no_record_reason,
    case when sales.origin = 'WooCommerce' or sales.website_id is not null then 'web' else 'phone' end
        as order_channel,
    sales.state as source_status,
    statuses.status as dictionary_status,
    coalesce(sales.state in ('sale', 'done'), false) as is_confirmed,
    coalesce(lines.is_credit, false) as is_credit,
    sales.user_id,
    sales.company_id,
    companies.company_name,
    -- An order whose currency is not known has none, rather than the company's.
    case
        when sales.currency_id is not null then currencies.name
        when companies.company_id is null then '{{ var("company_currency") }}'
        else companies.currency
    end as currency,
    round({{ to_amount('sales.amount_total') }}, 4) as amount_total,
    round({{ to_amount('sales.amount_tax') }}, 4) as amount_tax,
    coalesce(lines.amount_returned, 0) as amount_returned,
    coalesce(lines.tax_returned, 0) as tax_returned,
    lines.amount_shipping,
    coalesce(lines.amount_discount, 0) as amount_discount,
    sales.campaign_id,
    sales.source_id,
    sales.medium_id,
    stores.store_id,
    stores.store_name,
    coalesce(pickings.is_ready, false) as is_ready,
    coalesce(pickings.is_done, false) as is_done,
    -- Odoo writes when goods should be ready; those that are ready early are so since their last change.
    {{ to_utc('least(pickings.scheduled_date, pickings.write_date)') }} as ready_at,
    case when pickings.is_done then {{ to_utc('pickings.date_done') }} end as handed_over_at,
    {{ to_utc('sales.date_order') }} as ordered_at,
    {{ to_utc('greatest(sales.write_date, pickings.write_date)') }} as updated_at,
    sales._deleted_at as deleted_at
from {{ source('odoo', 'sale_order') }} as sales
left join lines on sales.id = lines.order_id
left join pickings on sales.id = pickings.sale_id
-- A delivery method of which the customer comes to fetch the goods: onsite until Odoo 17, in_store since.
left join {{ source('odoo', 'delivery_carrier') }} as carriers
    on sales.carrier_id = carriers.id and carriers.delivery_type in ('onsite', 'in_store')
left join {{ ref('stg_odoo__stores') }} as stores
    on
        carriers.id is not null
        and coalesce(carriers.warehouse_id, sales.warehouse_id, pickings.warehouse_id) = stores.warehouse_id
left join {{ ref('stg_odoo__companies') }} as companies on sales.company_id = companies.company_id
left join {{ source('odoo', 'res_currency') }} as currencies on sales.currency_id = currencies.id
left join {{ ref('stg_odoo__own_partners') }} as own on sales.partner_id = own.partner_id
left join {{ ref('statuses') }} as statuses
    on
        statuses.source_system = 'odoo'
        and statuses.entity = 'sale_order'
        and sales.state = statuses.source_status
