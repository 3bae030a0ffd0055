{#- The rows of a contract that its gate moved to schema quarantine: none where it never moved any. -#}
{% macro quarantined_rows(contract, key) -%}
    {%- set relation = none -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(target.database, 'quarantine', contract) -%}
    {%- endif -%}
    {%- if relation is none -%}
        select
            cast(null as text) as source_system,
            '{{ contract }}' as contract,
            cast(null as text) as row_id
        where false
    {%- else -%}
        select distinct
            {{ json_text('row', 'source_system') }} as source_system,
            '{{ contract }}' as contract,
            {{ json_text('row', key) }} as row_id
        from {{ relation }}
    {%- endif -%}
{%- endmacro %}
