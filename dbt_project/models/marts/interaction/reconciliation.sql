-- Grain: source × contract. Every row of a contract is in its mart, or left out for a named reason: gone at
-- the source, a cart, another system's copy of an order that is there itself, a line whose order is not there
-- (in quarantine, say).
with orders as (
    select
        orders.order_id,
        orders.source_system,
        orders.amount_total,
        case
            when orders.deleted_at is not null then 'deleted'
            when orders.status = 'draft' then 'cart'
            when originals.order_id is not null then 'copy'
        end as left_out
    from {{ ref('orders') }} as orders
    left join {{ ref('orders') }} as originals on orders.mirrors_order_id = originals.order_id
),

contract_rows as (
    select
        source_system,
        'customer_records' as table_name,
        source_system || ':' || source_record_id as row_id,
        cast(null as text) as left_out,
        cast(null as numeric) as amount
    from {{ ref('customer_records') }}
    union all
    select
        source_system,
        'interactions' as table_name,
        interaction_id as row_id,
        case when deleted_at is not null then 'deleted' end as left_out,
        null as amount
    from {{ ref('interactions') }}
    union all
    select
        source_system,
        'cases' as table_name,
        case_id as row_id,
        case when deleted_at is not null then 'deleted' end as left_out,
        null as amount
    from {{ ref('cases') }}
    union all
    select
        source_system,
        'returns' as table_name,
        return_line_id as row_id,
        case when deleted_at is not null then 'deleted' end as left_out,
        amount
    from {{ ref('returns') }}
    union all
    select
        source_system,
        'orders' as table_name,
        order_id as row_id,
        left_out,
        amount_total as amount
    from orders
    union all
    select
        lines.source_system,
        'order_lines' as table_name,
        lines.order_line_id as row_id,
        case
            when lines.deleted_at is not null then 'deleted'
            when orders.order_id is null then 'no_order'
            else orders.left_out
        end as left_out,
        lines.amount
    from {{ ref('order_lines') }} as lines
    left join orders on lines.order_id = orders.order_id
),

mart_rows as (
    select
        'customer_records' as table_name,
        source_system || ':' || source_record_id as row_id,
        cast(null as numeric) as amount
    from {{ ref('bridge_customer_record') }}
    {% for table, mart, key, amount in [
        ('interactions', 'fct_interaction', 'interaction_id', 'null'),
        ('cases', 'fct_contact_case', 'case_id', 'null'),
        ('returns', 'fct_return_line', 'return_line_id', 'amount'),
        ('orders', 'fct_order', 'order_id', 'amount_total'),
        ('order_lines', 'fct_order_line', 'order_line_id', 'amount'),
    ] %}
    union all
    select
        '{{ table }}' as table_name,
        {{ key }} as row_id,
        {{ amount }} as amount
    from {{ ref(mart) }}
    {% endfor %}
)

select
    coalesce(contract_rows.source_system, 'unknown') as source_system,
    coalesce(contract_rows.table_name, mart_rows.table_name) as table_name,
    'contract_to_mart' as stage,
    count(contract_rows.row_id) as rows_before,
    count(mart_rows.row_id) as rows_after,
    count(contract_rows.left_out) as rows_left_out,
    count(*) filter (
        where
        contract_rows.row_id is null
        or (mart_rows.row_id is null) <> (contract_rows.left_out is not null)
    ) as rows_unexplained,
    sum(contract_rows.amount) as amount_before,
    sum(mart_rows.amount) as amount_after,
    sum(contract_rows.amount) filter (where contract_rows.left_out is not null) as amount_left_out
from contract_rows
full join mart_rows
    on contract_rows.table_name = mart_rows.table_name and contract_rows.row_id = mart_rows.row_id
group by 1, 2
