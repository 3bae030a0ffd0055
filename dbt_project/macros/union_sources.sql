{#-
A contract: the union of `stg_<source>__<contract>` over the sources that `vars.sources` names for it.

The contract's columns and types are those of the calling model's YAML. A source's model may leave out
a column that it cannot fill (it is null then); a column that the contract does not know is an error,
for it would be lost without a word. A contract that no source fills is empty.
-#}
{% macro union_sources(contract) -%}
    {%- set names = [] -%}
    {%- for source, contracts in var('sources').items() if contract in contracts -%}
        {%- do names.append('stg_' ~ source ~ '__' ~ contract) -%}
    {%- endfor -%}
    {%- if not names %}
select
        {%- for column in model.columns.values() %}
    cast(null as {{ column.data_type }}) as {{ column.name }}{% if not loop.last %},{% endif %}
        {%- endfor %}
where false
    {%- endif -%}
    {%- for name in names -%}
        {%- set relation = ref(name) -%}
        {%- set given = [] -%}
        {%- if execute -%}
            {%- for column in adapter.get_columns_in_relation(relation) -%}
                {%- do given.append(column.name | lower) -%}
            {%- endfor -%}
            {%- for column in given if column not in model.columns -%}
                {{ exceptions.raise_compiler_error(
                    name ~ '.' ~ column ~ ": the contract '" ~ contract ~ "' has no such column; its columns are in "
                    ~ model.patch_path.split('://')[-1] ~ '.'
                ) }}
            {%- endfor -%}
        {%- endif %}
        {%- if not loop.first %}
union all
        {%- endif %}
select
        {%- for column in model.columns.values() %}
    cast({{ column.name if column.name in given else 'null' }} as {{ column.data_type }}) as {{ column.name }}
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
from {{ relation }}
    {%- endfor %}
{%- endmacro %}
