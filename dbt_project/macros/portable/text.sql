{#- Text and keys, where engines differ. `default__` is PostgreSQL. Arguments are SQL expressions. -#}

{% macro digits_only(column) -%}
    {{ return(adapter.dispatch('digits_only')(column)) }}
{%- endmacro %}

{% macro default__digits_only(column) -%}
    regexp_replace({{ column }}, '[^0-9]', '', 'g')
{%- endmacro %}

{#- `pattern` is a POSIX expression without look-around; its first group, or null. -#}
{% macro extract_text(column, pattern) -%}
    {{ return(adapter.dispatch('extract_text')(column, pattern)) }}
{%- endmacro %}

{% macro default__extract_text(column, pattern) -%}
    substring({{ column }} from '{{ pattern }}')
{%- endmacro %}

{#- Whether `column` matches the POSIX expression `pattern`. -#}
{% macro matches(column, pattern) -%}
    {{ return(adapter.dispatch('matches')(column, pattern)) }}
{%- endmacro %}

{% macro default__matches(column, pattern) -%}
    ({{ column }} ~ '{{ pattern }}')
{%- endmacro %}

{#- A key of several columns; null differs from empty text. -#}
{% macro hash_key(columns) -%}
    {{ return(adapter.dispatch('hash_key')(columns)) }}
{%- endmacro %}

{% macro default__hash_key(columns) -%}
    md5(concat_ws('|'{% for column in columns %}, coalesce(cast({{ column }} as text), '~'){% endfor %}))
{%- endmacro %}

{#-
An identifier's value in one spelling, for look-ups and for telling values apart: e-mail and login in lower
case, a phone's digits in international form (a Russian 8… or a bare ten-digit number becomes 7…).
Whether two cards are one person is identity's to say, not this macro's.
-#}
{% macro normalised_identifier(kind, value) -%}
    {{ return(adapter.dispatch('normalised_identifier')(kind, value)) }}
{%- endmacro %}

{% macro default__normalised_identifier(kind, value) -%}
    case
        when {{ kind }} <> 'phone' then lower(btrim({{ value }}))
        else regexp_replace({{ digits_only(value) }}, '^(?:8(?=\d{10}$)|(?=\d{10}$))', '7')
    end
{%- endmacro %}
