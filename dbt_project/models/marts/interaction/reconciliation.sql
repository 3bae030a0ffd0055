-- Grain: source × table × contract × stage. raw_to_contract: every live row of a raw table that fills a
-- contract is in it, or left out for the reason that the source's staging names, or in the contract's
-- quarantine. contract_to_mart: every row of a contract is in its mart, or left out for a named reason: gone
-- at the source, a cart, another system's copy of an order that is there itself, a line whose order is not
-- there (in quarantine, say).
-- A contract that no mart reads yet (none) is reconciled with raw alone.
-- refunds is no contract: a whole return as its source's header has it, whose lines in `returns` must add up
-- to the header's amount, each by itself.
-- Contract by contract: tables whose statistics are known are hashed, a union of all would be sorted.
{% set contracts = [
    ('customer_records', 'source_record_id', none, 'bridge_customer_record'),
    ('interactions', 'interaction_id', none, 'fct_interaction'),
    ('cases', 'case_id', none, 'fct_contact_case'),
    ('returns', 'return_line_id', 'amount', 'fct_return_line'),
    ('refunds', 'return_id', 'amount', none),
    ('orders', 'order_id', 'amount_total', 'fct_order'),
    ('order_lines', 'order_line_id', 'amount', 'fct_order_line'),
    ('survey_responses', 'response_id', none, none),
    ('web_sessions', 'session_id', none, none),
    ('ad_spend', 'ad_spend_id', 'cost', none),
    ('consents', 'consent_event_id', none, none),
    ('offer_events', 'offer_event_id', none, none),
] -%}
with order_reasons as (
    select
        orders.order_id,
        case
            when orders.deleted_at is not null then 'deleted'
            when orders.status = 'draft' then 'cart'
            when originals.order_id is not null then 'copy'
        end as left_out
    from {{ ref('orders') }} as orders
    left join {{ ref('orders') }} as originals on orders.mirrors_order_id = originals.order_id
),

{% for contract, key, amount, mart in contracts %}
quarantined_{{ contract }} as (
    {{ quarantined_rows('returns' if contract == 'refunds' else contract, key) }}
),

{% endfor %}
-- A return of which a line is in quarantine is left out like one of which all are.
refunds as (
    select returns.source_system, returns.return_id, sum(returns.amount) as amount
    from {{ ref('returns') }} as returns
    left join quarantined_refunds as quarantined
        on returns.source_system = quarantined.source_system and returns.return_id = quarantined.row_id
    where returns.deleted_at is null and quarantined.row_id is null
    group by returns.source_system, returns.return_id
),

compared as (
    {% for contract, key, amount, mart in contracts %}
    select
        source_rows.source_system,
        source_rows.table_name,
        source_rows.contract,
        'raw_to_contract' as stage,
        true as is_before,
        {% if contract == 'refunds' -%}
        contract_rows.{{ key }} is not null
        and coalesce(source_rows.amount = contract_rows.amount, true) as is_after,
        {%- else -%}
        contract_rows.{{ key }} is not null as is_after,
        {%- endif %}
        case
            when source_rows.left_out is not null then source_rows.left_out
            when contract_rows.{{ key }} is null and quarantined.row_id is not null then 'quarantined'
        end as left_out,
        source_rows.amount as amount_before,
        {{ 'contract_rows.' ~ amount if amount else 'cast(null as numeric)' }} as amount_after
    from {{ ref('source_rows') }} as source_rows
    left join {{ contract if contract == 'refunds' else ref(contract) }} as contract_rows
        on
            source_rows.contract_row_id = contract_rows.{{ key }}
            and source_rows.source_system = contract_rows.source_system
    left join quarantined_{{ contract }} as quarantined
        on
            source_rows.contract_row_id = quarantined.row_id
            and source_rows.source_system = quarantined.source_system
    where source_rows.contract = '{{ contract }}'
    {% if mart -%}
    union all
    select
        coalesce(contract_rows.source_system, 'unknown') as source_system,
        '{{ contract }}' as table_name,
        '{{ contract }}' as contract,
        'contract_to_mart' as stage,
        contract_rows.{{ key }} is not null as is_before,
        mart_rows.{{ key }} is not null as is_after,
        {% if contract == 'customer_records' -%}
        null as left_out,
        {%- elif contract == 'orders' -%}
        order_reasons.left_out,
        {%- elif contract == 'order_lines' -%}
        case
            when contract_rows.{{ key }} is null then null
            when contract_rows.deleted_at is not null then 'deleted'
            when order_reasons.order_id is null then 'no_order'
            else order_reasons.left_out
        end as left_out,
        {%- else -%}
        case when contract_rows.deleted_at is not null then 'deleted' end as left_out,
        {%- endif %}
        {{ 'contract_rows.' ~ amount if amount else 'null' }} as amount_before,
        {{ 'mart_rows.' ~ amount if amount else 'null' }} as amount_after
    from {{ ref(contract) }} as contract_rows
    full join {{ ref(mart) }} as mart_rows
        on
            contract_rows.{{ key }} = mart_rows.{{ key }}
            and contract_rows.source_system = mart_rows.source_system
    {% if contract in ('orders', 'order_lines') -%}
    left join order_reasons on contract_rows.order_id = order_reasons.order_id
    {% endif -%}
    {% endif -%}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

by_reason as (
    select
        source_system,
        table_name,
        contract,
        stage,
        left_out,
        count(*) filter (where is_before) as rows_before,
        count(*) filter (where is_after) as rows_after,
        count(*) filter (where not is_before or is_after = (left_out is not null)) as rows_unexplained,
        sum(amount_before) as amount_before,
        sum(amount_after) as amount_after
    from compared
    group by 1, 2, 3, 4, 5
)

select
    source_system,
    table_name,
    contract,
    stage,
    cast(sum(rows_before) as bigint) as rows_before,
    cast(sum(rows_after) as bigint) as rows_after,
    cast(coalesce(sum(rows_before) filter (where left_out is not null), 0) as bigint) as rows_left_out,
    {{ json_object_agg('left_out', 'rows_before') }} as left_out_reasons,
    cast(sum(rows_unexplained) as bigint) as rows_unexplained,
    sum(amount_before) as amount_before,
    sum(amount_after) as amount_after,
    sum(amount_before) filter (where left_out is not null) as amount_left_out
from by_reason
group by 1, 2, 3, 4
