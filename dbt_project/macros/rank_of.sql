{#- The position of `column`'s value in the list of a var, first is 1; a value that is not in it comes last. -#}
{% macro rank_of(column, var_name) -%}
    case {{ column }}
        {%- for value in var(var_name) %} when '{{ value }}' then {{ loop.index }}{% endfor %} else {{ var(var_name) | length + 1 }} end
{%- endmacro %}
