-- Till orders, sales and refunds alike, with the card that each belongs to.
select
    receipts.id,
    receipts.name,
    receipts.pos_reference,
    case
        when employees.partner_id is not null then null
        when receipts.partner_id is not null then 'partner:' || receipts.partner_id
        when coalesce({{ to_text('receipts.email') }}, {{ to_text('receipts.mobile') }}) is not null
            then 'receipt:' || receipts.id
    end as source_record_id,
    case
        when employees.partner_id is not null then 'internal_contact'
        when
            receipts.partner_id is null
            and coalesce({{ to_text('receipts.email') }}, {{ to_text('receipts.mobile') }}) is null
            then 'no_customer_given'
    end as no_record_reason,
    {{ to_text('receipts.email') }} as email,
    {{ to_text('receipts.mobile') }} as mobile,
    coalesce({{ to_boolean('receipts.is_refund') }}, receipts.amount_total < 0) as is_refund,
    receipts.state as source_status,
    coalesce(receipts.state in ('paid', 'done', 'invoiced'), false) as is_paid,
    stores.id as store_id,
    stores.name as store_name,
    receipts.user_id,
    receipts.amount_total,
    receipts.amount_tax,
    receipts.refunded_order_id,
    {{ to_utc('receipts.date_order') }} as ordered_at,
    {{ to_utc('receipts.write_date') }} as updated_at,
    receipts._deleted_at as deleted_at
from {{ source('odoo', 'pos_order') }} as receipts
left join {{ source('odoo', 'pos_session') }} as sessions on receipts.session_id = sessions.id
left join {{ source('odoo', 'pos_config') }} as stores
    on coalesce(receipts.config_id, sessions.config_id) = stores.id
left join {{ ref('stg_odoo__employees') }} as employees on receipts.partner_id = employees.partner_id
