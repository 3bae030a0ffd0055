{#- Survivorship: which card's value a customer's golden field shows. The rules are var `survivorship`. -#}

{#- Attribute → the columns that come whole from one card, and those of which one must be filled. -#}
{% macro golden_attributes() -%}
    {{ return({
        'full_name': {'columns': ['full_name'], 'needs': ['full_name'], 'is_name': true},
        'name': {
            'columns': ['given_name', 'middle_name', 'family_name'], 'needs': ['given_name', 'family_name'],
            'is_name': true,
        },
        'gender': {'columns': ['gender'], 'needs': ['gender']},
        'birth_date': {'columns': ['birth_date'], 'needs': ['birth_date']},
        'phone': {'columns': ['phone'], 'needs': ['phone']},
        'email': {'columns': ['email'], 'needs': ['email']},
        'loyalty_card': {'columns': ['loyalty_card'], 'needs': ['loyalty_card']},
        'tax_id': {'columns': ['tax_id'], 'needs': ['tax_id']},
        'messenger': {'columns': ['messenger_kind', 'messenger_id'], 'needs': ['messenger_id']},
        'login_id': {'columns': ['login_id'], 'needs': ['login_id']},
        'address': {'columns': ['street', 'city', 'postcode', 'country'], 'needs': ['street', 'city']},
    }) }}
{%- endmacro %}

{#- Every column of the golden attributes, in their order. -#}
{% macro golden_columns() -%}
    {%- set columns = [] -%}
    {%- for parts in golden_attributes().values() -%}
        {%- do columns.extend(parts.columns) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{#- Rule → SQL that is greater the more the rule favours a card. `value` is SQL of the attribute's text. -#}
{% macro survivorship_rules(value, parts) -%}
    {%- set complete -%}
        {%- if parts.columns | length == 1 -%}
            {{ word_count(value) if parts.is_name else '1' }}
        {%- else -%}
            {%- for column in parts.columns -%}
                case when {{ column }} is not null then 1 else 0 end{% if not loop.last %} + {% endif %}
            {%- endfor -%}
        {%- endif -%}
        {#- Катя is less than Екатерина; so is a slip, which no dictionary has. -#}
        {%- if parts.is_name %} + case when full_given.source_system is not null then 1 else 0 end{% endif -%}
    {%- endset -%}
    {{ return({
        'most_trusted': '-source_rank',
        'most_recent': 'coalesce(' ~ seconds_between(epoch(), 'updated_at') ~ ', -1)',
        'most_frequent': 'agreement',
        'most_complete': complete,
        'longest': 'length(' ~ value ~ ')',
    }) }}
{%- endmacro %}

{#- Var `survivorship`, checked: attribute → its rules in order. An unknown attribute or rule stops the build. -#}
{% macro survivorship() -%}
    {%- set configured = var('survivorship') -%}
    {%- set known = survivorship_rules('', {'columns': ['']}).keys() | list -%}
    {%- for attribute in configured -%}
        {%- if attribute not in golden_attributes() -%}
            {{ exceptions.raise_compiler_error(
                "var survivorship names '" ~ attribute ~ "', which is no golden attribute. Known: "
                ~ golden_attributes().keys() | join(', ') ~ "."
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {%- for attribute in golden_attributes() -%}
        {%- set rules = configured.get(attribute) -%}
        {%- if rules is not sequence or rules is string or not rules -%}
            {{ exceptions.raise_compiler_error(
                "var survivorship must list the rules of '" ~ attribute ~ "', as [most_trusted, most_recent]."
            ) }}
        {%- endif -%}
        {%- for rule in rules -%}
            {%- if rule not in known -%}
                {{ exceptions.raise_compiler_error(
                    "var survivorship gives '" ~ attribute ~ "' the rule '" ~ rule ~ "', which there is not. Known: "
                    ~ known | join(', ') ~ "."
                ) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(configured) }}
{%- endmacro %}

{#- What of an attribute's text two cards must share to say the same: case, ё and outer spaces do not count. -#}
{% macro golden_key(columns) -%}
    replace(lower(
        {%- for column in columns -%}
            coalesce(btrim(cast({{ column }} as text)), '')
            {%- if not loop.last %} || '|' || {% endif -%}
        {%- endfor -%}
    ), 'ё', 'е')
{%- endmacro %}
