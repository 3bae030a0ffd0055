{#- JSON and aggregates, where engines differ. `default__` is PostgreSQL. -#}

{#- An object of `pairs`: name → SQL expression. Null members are left out. -#}
{% macro json_object(pairs) -%}
    {{ return(adapter.dispatch('json_object')(pairs)) }}
{%- endmacro %}

{% macro default__json_object(pairs) -%}
    jsonb_strip_nulls(jsonb_build_object(
        {%- for name, expression in pairs.items() %}
        '{{ name }}', {{ expression }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    ))
{%- endmacro %}

{#- An aggregate: the array of `expression` in the order of `order_by`. -#}
{% macro json_array_agg(expression, order_by) -%}
    {{ return(adapter.dispatch('json_array_agg')(expression, order_by)) }}
{%- endmacro %}

{% macro default__json_array_agg(expression, order_by) -%}
    jsonb_agg({{ expression }} order by {{ order_by }})
{%- endmacro %}

{#- An aggregate: distinct values of a text column as sorted, comma-separated text. -#}
{% macro list_distinct(column) -%}
    {{ return(adapter.dispatch('list_distinct')(column)) }}
{%- endmacro %}

{% macro default__list_distinct(column) -%}
    string_agg(distinct {{ column }}, ', ' order by {{ column }})
{%- endmacro %}

{#- An aggregate: the first `expression` that is not null, in the order of `order_by`. -#}
{% macro first_by(expression, order_by) -%}
    {{ return(adapter.dispatch('first_by')(expression, order_by)) }}
{%- endmacro %}

{% macro default__first_by(expression, order_by) -%}
    (array_agg({{ expression }} order by {{ order_by }}) filter (where {{ expression }} is not null))[1]
{%- endmacro %}

{#- A member of a JSON object as text. -#}
{% macro json_text(column, member) -%}
    {{ return(adapter.dispatch('json_text')(column, member)) }}
{%- endmacro %}

{% macro default__json_text(column, member) -%}
    ({{ column }} ->> '{{ member }}')
{%- endmacro %}

{#- An aggregate: an object of `key` → `value`; rows without a key are left out. -#}
{% macro json_object_agg(key, value) -%}
    {{ return(adapter.dispatch('json_object_agg')(key, value)) }}
{%- endmacro %}

{% macro default__json_object_agg(key, value) -%}
    coalesce(jsonb_object_agg({{ key }}, {{ value }}) filter (where {{ key }} is not null), cast('{}' as jsonb))
{%- endmacro %}

{#- For a cross join: the elements of a JSON array, one a row; none where it is null or no array. -#}
{% macro json_elements(column) -%}
    {{ return(adapter.dispatch('json_elements')(column)) }}
{%- endmacro %}

{% macro default__json_elements(column) -%}
    lateral jsonb_array_elements(
        case when jsonb_typeof(cast({{ column }} as jsonb)) = 'array' then cast({{ column }} as jsonb) end
    )
{%- endmacro %}

{#- A query: the rows of a table's shape that `column` of `relation` holds, each as one JSON object. -#}
{% macro rows_of_json(shape, relation, column) -%}
    {{ return(adapter.dispatch('rows_of_json')(shape, relation, column)) }}
{%- endmacro %}

{% macro default__rows_of_json(shape, relation, column) -%}
    select shaped.* from {{ relation }} as held
    cross join lateral jsonb_populate_record(cast(null as {{ shape }}), held.{{ column }}) as shaped
{%- endmacro %}

{#- The text of the first of `keys` (SQL expressions) that a JSON object has filled, else of its first filled member. -#}
{% macro json_by_key(column, keys) -%}
    {{ return(adapter.dispatch('json_by_key')(column, keys)) }}
{%- endmacro %}

{% macro default__json_by_key(column, keys) -%}
    coalesce(
        {%- for key in keys %}
        nullif(cast({{ column }} as jsonb) ->> {{ key }}, ''),
        {%- endfor %}
        (
            select members.value
            from jsonb_each_text(cast({{ column }} as jsonb)) as members
            where members.value <> '' order by members.key limit 1
        )
    )
{%- endmacro %}

{#- For a cross join: the members of a JSON object, one a row with `key` and `value` as text; none where it is null. -#}
{% macro json_members(column) -%}
    {{ return(adapter.dispatch('json_members')(column)) }}
{%- endmacro %}

{% macro default__json_members(column) -%}
    lateral jsonb_each_text(
        case when jsonb_typeof(cast({{ column }} as jsonb)) = 'object' then cast({{ column }} as jsonb) end
    )
{%- endmacro %}
