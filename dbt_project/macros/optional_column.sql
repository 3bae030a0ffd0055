{#- A column that only some releases of a source have: itself, or null of `data_type` where it is missing. -#}
{% macro optional_column(relation, column, data_type) -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for existing in adapter.get_columns_in_relation(relation) -%}
            {%- do names.append(existing.name | lower) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ column if column in names else 'cast(null as ' ~ data_type ~ ')' }}
{%- endmacro %}
