{#- What staging of telephone exchanges asks of channels and numbers. Arguments are SQL expressions. -#}

{#-
The peer of a channel or of what Dial is told: of PJSIP/101-0000000a 101, of SIP/reception-2-0000001b reception-2, of
Local/101@from-queue-00000003;2 101, of SIP/mts/89161234567,60 mts, of PJSIP/89161234567@mts mts. Empty for a Local channel to a number outside.
-#}
{% macro channel_peer(column) -%}
    case
        when {{ column }} like 'Local/%' then {{ without_end(part_of(part_of(column, '/', 2), '@', 1), '^[+]?[0-9]{7,}$') }}
        when {{ column }} like '%@%' then {{ part_of(part_of(part_of(column, '@', 2), ',', 1), '/', 1) }}
        else {{ without_end(part_of(part_of(column, '/', 2), ',', 1), '-[0-9a-f]+$') }}
    end
{%- endmacro %}

{#- How many digits a number has that is written as one; null where it is a name or a code. -#}
{% macro number_digits(column) -%}
    case
        when {{ matches(column, '^[+]?[0-9][0-9 ().-]*$') }} then length({{ digits_only(column) }})
    end
{%- endmacro %}

{#-
Whether a number is one of the company's own (C360_COMPANY_PHONES), in any spelling: numbers are the same when the
last ten digits are, and where one is written without its codes, when it is the end of the other (seven digits and
more: fewer may be an extension or a number of the same town).
-#}
{% macro is_company_phone(column) -%}
    {%- set own = [] -%}
    {%- for phone in env_var('C360_COMPANY_PHONES', '').split(',') -%}
        {%- set digits = modules.re.sub('[^0-9]', '', phone) -%}
        {%- for length in range(7, 11) if digits -%}
            {%- do own.append("'" ~ digits[-length:] ~ "'") -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if own -%}
        coalesce(right({{ digits_only(column) }}, 10) in ({{ own | unique | join(', ') }}), false)
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{#- Whether a context begins with one of those that var telephony lists under `name`. -#}
{% macro is_context(column, name) -%}
    {%- set prefixes = var('telephony')[name] or [] -%}
    {%- if prefixes -%}
        coalesce({% for prefix in prefixes -%}
            left({{ column }}, {{ prefix | length }}) = '{{ prefix | lower }}'{{ ' or ' if not loop.last }}
        {%- endfor %}, false)
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{#- Whether a peer is one of those that var telephony lists under `name`. -#}
{% macro is_listed_peer(column, name) -%}
    {%- set names = var('telephony')[name] or [] -%}
    {%- if names -%}
        coalesce(lower({{ column }}) in ({% for peer in names %}'{{ peer | string | lower }}'{{ ', ' if not loop.last }}{% endfor %}), false)
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}
