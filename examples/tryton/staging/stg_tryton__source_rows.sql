-- Read from the raw tables, not from the models that fill the contracts: what those lose must show here.
with lines as (
    select
        lines.*,
        round({{ to_amount('lines.quantity') }} * lines.unit_price, 2) as untaxed
    from {{ source('tryton', 'sale_line') }} as lines
    where lines._deleted_at is null
),

sums as (
    select sale, sum(untaxed) as untaxed, bool_and(quantity < 0) as is_return
    from lines
    where type = 'line' and quantity <> 0
    group by sale
),

own as (
    select party from {{ source('tryton', 'company_company') }}
    where _deleted_at is null
    union
    select party from {{ source('tryton', 'company_employee') }}
    where _deleted_at is null
),

source_rows as (
    select
        'party_party' as table_name,
        parties.id as row_id,
        'customer_records' as contract,
        'party:' || parties.id as contract_row_id,
        case when own.party is not null then 'own_employee' end as left_out,
        null as amount
    from {{ source('tryton', 'party_party') }} as parties
    left join own on parties.id = own.party
    where parties._deleted_at is null
    union all
    select
        'sale_sale' as table_name,
        sales.id as row_id,
        case when sums.is_return then 'refunds' else 'orders' end as contract,
        'tryton:sale:' || sales.id as contract_row_id,
        case when sums.is_return and sales.state in ('draft', 'quotation', 'cancelled') then 'planned' end
            as left_out,
        case when sums.is_return then -1 else 1 end
        * coalesce(sales.total_amount_cache, sums.untaxed, 0) as amount
    from {{ source('tryton', 'sale_sale') }} as sales
    left join sums on sales.id = sums.sale
    where sales._deleted_at is null
    union all
    select
        'sale_line' as table_name,
        lines.id as row_id,
        case when lines.quantity < 0 then 'returns' else 'order_lines' end as contract,
        'tryton:line:' || lines.id as contract_row_id,
        case
            when lines.type <> 'line' then 'no_product'
            when lines.quantity <> 0 is not true then 'no_quantity'
            when lines.quantity < 0 and sales.state in ('draft', 'quotation', 'cancelled') then 'planned'
        end as left_out,
        abs(round(
            {{ to_amount('lines.quantity') }} * lines.unit_price
            * (1 + coalesce(sales.tax_amount_cache / nullif(sales.untaxed_amount_cache, 0), 0)), 2
        )) as amount
    from lines
    left join {{ source('tryton', 'sale_sale') }} as sales on lines.sale = sales.id
)

select
    'tryton' as source_system,
    table_name,
    row_id,
    contract,
    contract_row_id,
    left_out,
    amount
from source_rows
