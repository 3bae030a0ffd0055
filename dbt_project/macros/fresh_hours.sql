{#- How many hours a source may be behind the latest one: C360_SOURCE_<NAME>_FRESH_HOURS; null: as many as it likes. -#}
{% macro fresh_hours(source) -%}
    {%- set hours = env_var('C360_SOURCE_' ~ source | upper ~ '_FRESH_HOURS', '72') -%}
    cast({{ 'null' if hours == 'none' else hours }} as numeric)
{%- endmacro %}
