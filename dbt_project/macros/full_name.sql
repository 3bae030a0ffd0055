{#-
A record's `full_name`, or its parts in the order in which people write them. Where the name has a letter that var
`family_name_first` matches, the family name goes first (Орлова Анна Павловна, 山田 太郎), else last (Ann Mary Lee).
-#}
{% macro full_name_or_parts() -%}
    {%- set first = var('family_name_first') -%}
    {%- set given, middle, family = to_text('given_name'), to_text('middle_name'), to_text('family_name') -%}
    coalesce(
        {{ to_text('full_name') }},
        case
            when coalesce({{ given }}, {{ family }}) is null then null
            {%- if first %}
            when {{ matches('concat(family_name, given_name)', first) }}
                then concat_ws(' ', {{ family }}, {{ given }}, {{ middle }})
            {%- endif %}
            else concat_ws(' ', {{ given }}, {{ middle }}, {{ family }})
        end
    )
{%- endmacro %}

{#- The rows of `records`, a query with the calling model's columns, each with a name wherever it has a part of one. -#}
{% macro with_full_names(records) -%}
select
    {%- for column in model.columns %}
    {{ full_name_or_parts() ~ ' as full_name' if column == 'full_name' else column }}{{ ',' if not loop.last }}
    {%- endfor %}
from (
{{ records }}
) as records
{%- endmacro %}
