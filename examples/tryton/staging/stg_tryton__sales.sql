-- Sales of both directions with whose they are. Tryton keeps amounts without tax on lines, and a sale's own
-- sums only once it is confirmed.
with lines as (
    select
        sale,
        sum(round({{ to_amount('quantity') }} * unit_price, 2)) as untaxed,
        bool_and(quantity < 0) as is_return
    from {{ source('tryton', 'sale_line') }}
    where type = 'line' and quantity <> 0 and _deleted_at is null
    group by sale
)

select
    sales.id,
    sales.number,
    case when own.party is null then 'party:' || sales.party end as source_record_id,
    case
        when own.party is not null then 'internal_contact'
        when sales.party is null then 'no_customer_given'
    end as no_record_reason,
    coalesce(lines.is_return, false) as is_return,
    cast(nullif(split_part(sales.origin, ',', 2), '') as bigint) as returned_sale,
    sales.state as source_status,
    case
        when sales.state in ('draft', 'quotation') then 'draft'
        when sales.state = 'processing' and sales.invoice_state = 'paid' then 'paid'
        when sales.state in ('confirmed', 'processing') then 'placed'
        when sales.state = 'done' then 'completed'
        when sales.state = 'cancelled' then 'cancelled'
    end as status,
    -- The day is the clerk's, in the company's zone; its hour is known where the sale was entered that day.
    case
        when sales.sale_date = {{ local_date(to_utc('sales.create_date')) }} or sales.sale_date is null
            then {{ to_utc('sales.create_date') }}
        else {{ to_utc('sales.sale_date', company_time_zone()) }}
    end as ordered_at,
    currencies.code as currency,
    coalesce(sales.total_amount_cache, lines.untaxed, 0) as amount_total,
    sales.tax_amount_cache as amount_tax,
    1 + coalesce(sales.tax_amount_cache / nullif(sales.untaxed_amount_cache, 0), 0) as tax_factor,
    {{ to_utc('coalesce(sales.write_date, sales.create_date)') }} as updated_at,
    sales._deleted_at as deleted_at
from {{ source('tryton', 'sale_sale') }} as sales
left join lines on sales.id = lines.sale
left join {{ source('tryton', 'currency_currency') }} as currencies on sales.currency = currencies.id
left join {{ ref('stg_tryton__own_parties') }} as own on sales.party = own.party
