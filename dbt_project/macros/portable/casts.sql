{#-
What differs between engines when a source's value becomes ours. `default__` is PostgreSQL; another engine
adds `<adapter>__` beside it. Arguments are SQL expressions. A value that cannot be read is null.
-#}

{#- A time without zone, written in `zone`, as a time in UTC. -#}
{% macro to_utc(column, zone='UTC') -%}
    {{ return(adapter.dispatch('to_utc')(column, zone)) }}
{%- endmacro %}

{% macro default__to_utc(column, zone) -%}
    (cast({{ column }} as timestamp) at time zone '{{ zone }}')
{%- endmacro %}

{#- A flag, whichever way the engine wrote it: 1, '1', true, 't', 'yes'. -#}
{% macro to_boolean(column) -%}
    {{ return(adapter.dispatch('to_boolean')(column)) }}
{%- endmacro %}

{% macro default__to_boolean(column) -%}
    (lower(cast({{ column }} as text)) in ('1', 't', 'true', 'y', 'yes'))
{%- endmacro %}

{#- An amount, whichever way it was written: 1234.5, '1 234,50', '1,234.50'. -#}
{% macro to_amount(column) -%}
    {{ return(adapter.dispatch('to_amount')(column)) }}
{%- endmacro %}

{% macro default__to_amount(column) -%}
    {#- Most amounts are plain; the rest: of several separators the last is the decimal's, the others mark thousands. -#}
    case
        when cast({{ column }} as text) ~ '^-?\d+(?:\.\d+)?$' then cast(cast({{ column }} as text) as numeric)
        else cast(substring(
            replace(
                regexp_replace(
                    regexp_replace(cast({{ column }} as text), '[\s\u00A0\u202F]', '', 'g'),
                    '[.,](?=.*[.,])', '', 'g'
                ), ',', '.'
            ) from '^[+-]?\d+(?:\.\d*)?$'
        ) as numeric)
    end
{%- endmacro %}

{#- A calendar date, or null for MySQL's zero date. -#}
{% macro to_date(column) -%}
    {{ return(adapter.dispatch('to_date')(column)) }}
{%- endmacro %}

{% macro default__to_date(column) -%}
    cast(nullif(substring(cast({{ column }} as text) from '^\d{4}-\d{2}-\d{2}'), '0000-00-00') as date)
{%- endmacro %}

{#- Text without blanks at its ends; empty text is null. -#}
{% macro to_text(column) -%}
    {{ return(adapter.dispatch('to_text')(column)) }}
{%- endmacro %}

{% macro default__to_text(column) -%}
    nullif(btrim(cast({{ column }} as text)), '')
{%- endmacro %}

{#- Bytes as lower-case hexadecimal text. -#}
{% macro to_hex(column) -%}
    {{ return(adapter.dispatch('to_hex')(column)) }}
{%- endmacro %}

{% macro default__to_hex(column) -%}
    encode({{ column }}, 'hex')
{%- endmacro %}

{#-
A time as text, as files write it: with `T` or a blank, seconds or not, an offset, Z or neither (then `zone` is
meant); a date alone is its midnight. A text that is no time is null.
-#}
{% macro to_moment(column, zone='UTC') -%}
    {{ return(adapter.dispatch('to_moment')(column, zone)) }}
{%- endmacro %}

{% macro default__to_moment(column, zone) -%}
    {%- set leap = '([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29' -%}
    {%- set days = '[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))' -%}
    {%- set clock = '[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?' -%}
    {%- set offset = ' ?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)' -%}
    {%- set text = 'btrim(cast(' ~ column ~ ' as text))' -%}
    case
        when {{ text }} ~ '^({{ leap }}|{{ days }}){{ clock }}{{ offset }}$' then cast({{ text }} as timestamptz)
        when {{ text }} ~ '^({{ leap }}|{{ days }})({{ clock }})?$' then cast({{ text }} as timestamp) at time zone '{{ zone }}'
    end
{%- endmacro %}
