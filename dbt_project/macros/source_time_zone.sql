{#- The IANA zone in which a source writes local time: C360_SOURCE_<NAME>_TIME_ZONE, or the company's. -#}
{% macro source_time_zone(source) -%}
    {{ env_var('C360_SOURCE_' ~ source | upper ~ '_TIME_ZONE', '') or company_time_zone() }}
{%- endmacro %}
