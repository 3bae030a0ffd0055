{#- Arithmetic on times, where engines differ. `default__` is PostgreSQL. Arguments are SQL expressions. -#}

{#- Seconds from `start` to `end_` with their fraction cut off; negative where `end_` is earlier. -#}
{% macro seconds_between(start, end_) -%}
    {{ return(adapter.dispatch('seconds_between')(start, end_)) }}
{%- endmacro %}

{% macro default__seconds_between(start, end_) -%}
    cast(trunc(extract(epoch from ({{ end_ }} - {{ start }}))) as bigint)
{%- endmacro %}

{% macro add_days(column, days) -%}
    {{ return(adapter.dispatch('add_days')(column, days)) }}
{%- endmacro %}

{% macro default__add_days(column, days) -%}
    ({{ column }} + {{ days }} * interval '1 day')
{%- endmacro %}

{% macro add_seconds(column, seconds) -%}
    {{ return(adapter.dispatch('add_seconds')(column, seconds)) }}
{%- endmacro %}

{% macro default__add_seconds(column, seconds) -%}
    ({{ column }} + {{ seconds }} * interval '1 second')
{%- endmacro %}

{#- The calendar date of a UTC time in the company's zone. -#}
{% macro local_date(column) -%}
    {{ return(adapter.dispatch('local_date')(column)) }}
{%- endmacro %}

{% macro default__local_date(column) -%}
    cast({{ column }} at time zone '{{ company_time_zone() }}' as date)
{%- endmacro %}

{#- The company's IANA zone: C360_TIME_ZONE, or var company_time_zone. -#}
{% macro company_time_zone() -%}
    {{ env_var('C360_TIME_ZONE', '') or var('company_time_zone') }}
{%- endmacro %}

{#- The moment that times are counted from. -#}
{% macro epoch() -%}
    {{ return(adapter.dispatch('epoch')()) }}
{%- endmacro %}

{% macro default__epoch() -%}
    timestamptz '1970-01-01 00:00:00+00'
{%- endmacro %}

{#- Seconds since 1970 as a time in UTC. -#}
{% macro from_unix(column) -%}
    {{ return(adapter.dispatch('from_unix')(column)) }}
{%- endmacro %}

{% macro default__from_unix(column) -%}
    to_timestamp(cast({{ column }} as double precision))
{%- endmacro %}

{#-
How many seconds before `to_utc` a time without zone, written in `zone`, may have been as well: those by which the
clock was set back, in the hour that repeats; 0 at any other time.
-#}
{% macro repeated_seconds(column, zone) -%}
    {{ return(adapter.dispatch('repeated_seconds')(column, zone)) }}
{%- endmacro %}

{% macro default__repeated_seconds(column, zone) -%}
    {%- set late = to_utc(column, zone) -%}
    {#- Three hours before, the zone had the offset from before the change. -#}
    {%- set back = "((" ~ late ~ " - interval '3 hours') at time zone '" ~ zone ~ "' + interval '3 hours' - cast(" ~ column ~ " as timestamp))" -%}
    case
        when {{ back }} <= interval '0' then 0
        when ({{ late }} - {{ back }}) at time zone '{{ zone }}' = cast({{ column }} as timestamp)
            then cast(extract(epoch from {{ back }}) as bigint)
        when {{ column }} is not null then 0
    end
{%- endmacro %}
