{#-
WordPress keeps attributes as rows of (id_column, meta_key, meta_value): one row an id, a text column for
each of `keys` (meta_key → column). Keys that are not named are left where they are.
-#}
{% macro pivot_meta(relation, id_column, keys) -%}
select
    {{ id_column }}
    {%- for key, column in keys.items() %},
    max({{ to_text('meta_value') }}) filter (where meta_key = '{{ key }}') as {{ column }}
    {%- endfor %}
from {{ relation }}
where _deleted_at is null and meta_key in ('{{ keys | join("', '") }}')
group by {{ id_column }}
{%- endmacro %}
