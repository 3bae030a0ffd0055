{#- What Odoo's releases write differently, and what a line of an order is. -#}

{#- The type of a raw column, in the warehouse's words; empty while dbt only parses. -#}
{% macro column_type(relation, column) -%}
    {%- set types = [] -%}
    {%- if execute -%}
        {%- for existing in adapter.get_columns_in_relation(relation) if existing.name | lower == column -%}
            {%- do types.append(existing.dtype | lower) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(types | first | default('')) }}
{%- endmacro %}

{#-
A translated text: JSON by language from Odoo 16 on (a custom field or an older release: text). In the language of
the main company, else var company_language, else English, else the first that is filled. `alias` is what the query calls `relation`.
-#}
{% macro translated(relation, alias, column) -%}
    {%- do ref('stg_odoo__companies') -%}
    {%- set value = alias ~ '.' ~ column -%}
    {%- if 'json' in column_type(relation, column) -%}
        {%- set language -%}
            (select language from {{ ref('stg_odoo__companies') }} where is_main)
        {%- endset -%}
        {{ json_by_key(value, [language, "'" ~ var('company_language') ~ "'", "'en_US'"]) }}
    {%- else -%}
        {{ to_text(value) }}
    {%- endif -%}
{%- endmacro %}

{#- What a sale order's line is: sold, returned, shipping, down_payment (an invoice's, not the order's), section. -#}
{% macro sale_line_kind(lines) -%}
    case
        when nullif({{ lines }}.display_type, '') is not null then 'section'
        when coalesce({{ to_boolean(lines ~ '.is_downpayment') }}, false) then 'down_payment'
        when {{ lines }}.product_uom_qty < 0 then 'returned'
        when coalesce({{ to_boolean(lines ~ '.is_delivery') }}, false) then 'shipping'
        else 'sold'
    end
{%- endmacro %}

{#- Whether a till's line takes goods back. One with a negative quantity may settle a down payment on a sale order. -#}
{% macro takes_back(lines, sale_lines) -%}
    ({{ lines }}.qty < 0 and not coalesce({{ to_boolean(sale_lines ~ '.is_downpayment') }}, false))
{%- endmacro %}
