-- Till orders, sales and refunds alike, with the card that each belongs to.
-- A till sells in the currency of its journal, else of its company; costs are in the company's.
select
    receipts.id,
    receipts.name,
    receipts.pos_reference,
    case
        when own.partner_id is not null then null
        when receipts.partner_id is not null then 'partner:' || receipts.partner_id
        when coalesce({{ to_text('receipts.email') }}, {{ to_text('receipts.mobile') }}) is not null
            then 'receipt:' || receipts.id
    end as source_record_id,
    case
        when own.partner_id is not null then own.no_record_reason
        when
            receipts.partner_id is null
            and coalesce({{ to_text('receipts.email') }}, {{ to_text('receipts.mobile') }}) is null
            then 'no_customer_given'
    end as no_record_reason,
    {{ to_text('receipts.email') }} as email,
    {{ to_text('receipts.mobile') }} as mobile,
    coalesce({{ to_boolean('receipts.is_refund') }}, receipts.amount_total < 0) as is_refund,
    coalesce({{ to_boolean('receipts.to_ship') }}, false) or receipts.shipping_date is not null as is_shipped,
    receipts.state as source_status,
    coalesce(receipts.state in ('paid', 'done', 'invoiced'), false) as is_paid,
    stores.id as store_id,
    stores.name as store_name,
    receipts.user_id,
    receipts.company_id,
    companies.company_name,
    case
        when journals.currency_id is not null then currencies.name
        when companies.company_id is null then '{{ var("company_currency") }}'
        else companies.currency
    end as currency,
    case
        when journals.currency_id is null or journals.currency_id = companies.currency_id then 1
        else receipts.currency_rate
    end as cost_rate,
    round({{ to_amount('receipts.amount_total') }}, 4) as amount_total,
    round({{ to_amount('receipts.amount_tax') }}, 4) as amount_tax,
    receipts.refunded_order_id,
    {{ to_utc('receipts.date_order') }} as ordered_at,
    {{ to_utc('receipts.write_date') }} as updated_at,
    receipts._deleted_at as deleted_at
from {{ source('odoo', 'pos_order') }} as receipts
left join {{ source('odoo', 'pos_session') }} as sessions on receipts.session_id = sessions.id
left join {{ source('odoo', 'pos_config') }} as stores
    on coalesce(receipts.config_id, sessions.config_id) = stores.id
left join {{ source('odoo', 'account_journal') }} as journals on stores.journal_id = journals.id
left join {{ source('odoo', 'res_currency') }} as currencies on journals.currency_id = currencies.id
left join {{ ref('stg_odoo__companies') }} as companies on receipts.company_id = companies.company_id
left join {{ ref('stg_odoo__own_partners') }} as own on receipts.partner_id = own.partner_id
