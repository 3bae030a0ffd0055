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

{#- The part of `column` with this number, of those that `separator` divides; empty where there is none. -#}
{% macro part_of(column, separator, number) -%}
    {{ return(adapter.dispatch('part_of')(column, separator, number)) }}
{%- endmacro %}

{% macro default__part_of(column, separator, number) -%}
    split_part({{ column }}, '{{ separator }}', {{ number }})
{%- endmacro %}

{#- `column` without what of it matches the POSIX expression `pattern`. -#}
{% macro without_end(column, pattern) -%}
    {{ return(adapter.dispatch('without_end')(column, pattern)) }}
{%- endmacro %}

{% macro default__without_end(column, pattern) -%}
    regexp_replace({{ column }}, '{{ pattern }}', '')
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

{#- How many words of two letters and more a text has. -#}
{% macro word_count(column) -%}
    {{ return(adapter.dispatch('word_count')(column)) }}
{%- endmacro %}

{% macro default__word_count(column) -%}
    regexp_count({{ column }}, '[[:alpha:]]{2,}')
{%- endmacro %}

{#- A table of one column, `word`: the words of a text, for a lateral join. -#}
{% macro words_of(column) -%}
    {{ return(adapter.dispatch('words_of')(column)) }}
{%- endmacro %}

{% macro default__words_of(column) -%}
    lateral regexp_split_to_table(btrim({{ column }}), '\s+') as words (word)
{%- endmacro %}
