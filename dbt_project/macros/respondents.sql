{#-
Cards of sources that have none: who answers a survey, clicks or agrees is known by the phone, e-mail and loyalty
card that the row carries. The same three, as written, are one card `respondent:<hash>`.
-#}

{#- The card that a raw row names; null where it names nobody. -#}
{% macro respondent_id() -%}
    case
        when coalesce({{ to_text('phone') }}, {{ to_text('email') }}, {{ to_text('loyalty_card') }}) is not null
            then 'respondent:' || {{ hash_key([to_text('phone'), to_text('email'), to_text('loyalty_card')]) }}
    end
{%- endmacro %}

{#- The columns of a raw row that its card is made of. -#}
{% macro respondent_columns() -%}
    {{ respondent_id() }} as source_record_id,
    case when {{ respondent_id() }} is null then 'no_customer_given' end as no_record_reason,
    {{ to_text('name') }} as full_name,
    {{ to_text('phone') }} as phone,
    {{ to_text('email') }} as email,
    {{ to_text('loyalty_card') }} as loyalty_card
{%- endmacro %}

{#- Contract customer_records, from models with respondent_columns; `models` is model → the column of its time. -#}
{% macro respondent_records(source, models) -%}
with named as (
    {%- for model, at in models.items() %}
    select source_record_id, full_name, phone, email, loyalty_card, {{ at }} as seen_at, deleted_at
    from {{ ref(model) }}
    where source_record_id is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    '{{ source }}' as source_system,
    source_record_id,
    {{ first_by('full_name', 'seen_at desc, full_name') }} as full_name,
    min(phone) as phone,
    min(email) as email,
    min(loyalty_card) as loyalty_card,
    false as is_company,
    min(seen_at) as created_at,
    max(seen_at) as updated_at,
    case when count(*) = count(deleted_at) then max(deleted_at) end as deleted_at
from named
group by source_record_id
{%- endmacro %}

{#- Contract customer_record_identifiers, from the source's customer_records. -#}
{% macro respondent_identifiers(source) -%}
    {%- for kind in ['phone', 'email', 'loyalty_card'] %}
select source_system, source_record_id, '{{ kind }}' as kind, {{ kind }} as value
from {{ ref('stg_' ~ source ~ '__customer_records') }}
where {{ kind }} is not null
    {%- if not loop.last %}
union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}

{#- Contract source_rows for one raw table: each row is in `contract` as `prefix` and its key, and names a card. -#}
{% macro respondent_source_rows(source, table, key, contract, prefix) -%}
select
    '{{ source }}' as source_system,
    '{{ table }}' as table_name,
    {{ key }} as row_id,
    '{{ contract }}' as contract,
    '{{ prefix }}' || {{ key }} as contract_row_id,
    cast(null as text) as left_out
from {{ builtins.source(source, table) }}
where _deleted_at is null
union all
select
    '{{ source }}' as source_system,
    '{{ table }}' as table_name,
    {{ key }} as row_id,
    'customer_records' as contract,
    {{ respondent_id() }} as contract_row_id,
    case when {{ respondent_id() }} is null then 'no_customer_given' end as left_out
from {{ builtins.source(source, table) }}
where _deleted_at is null
{%- endmacro %}
