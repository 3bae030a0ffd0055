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
An identifier's value in one spelling, as an operator's look-up asks for it: a phone in E.164 (a Russian 8… or
a bare ten-digit number becomes +7…), an e-mail without its +tag and with Gmail's and Yandex' aliases folded,
anything else in lower case. Whether two cards are one person is identity's to say, not this macro's.
-#}
{% macro normalised_identifier(kind, value) -%}
    {{ return(adapter.dispatch('normalised_identifier')(kind, value)) }}
{%- endmacro %}

{% macro default__normalised_identifier(kind, value) -%}
    case {{ kind }}
        when 'phone' then {{ normalised_phone(value) }}
        when 'email' then {{ normalised_email(value) }}
        else lower(btrim({{ value }}))
    end
{%- endmacro %}

{% macro normalised_phone(value) -%}
    {{ return(adapter.dispatch('normalised_phone')(value)) }}
{%- endmacro %}

{% macro default__normalised_phone(value) -%}
    nullif('+' || regexp_replace(
        regexp_replace({{ digits_only(value) }}, '^00', ''), '^(?:8(?=\d{10}$)|(?=\d{10}$))', '7'
    ), '+')
{%- endmacro %}

{% macro normalised_email(value) -%}
    {{ return(adapter.dispatch('normalised_email')(value)) }}
{%- endmacro %}

{% macro default__normalised_email(value) -%}
    (
        select
            case domain when 'gmail.com' then replace(local, '.', '') when 'yandex.ru' then replace(local, '.', '-')
                else local end || '@' || domain
        from (
            select
                regexp_replace(split_part(address, '@', 1), '\+.*$', '') as local,
                case
                    when split_part(address, '@', 2) = 'googlemail.com' then 'gmail.com'
                    when split_part(address, '@', 2) ~ '^(ya\.ru|yandex\.(ru|com|by|kz|ua|net)|narod\.ru)$' then 'yandex.ru'
                    else split_part(address, '@', 2)
                end as domain
            from (select lower(regexp_replace({{ value }}, '\s', '', 'g')) as address) as written
        ) as parts
    )
{%- endmacro %}
