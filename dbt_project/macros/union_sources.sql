{#-
A contract: the union of `stg_<source>__<contract>` over the sources that `vars.sources` names for it.

The contract's columns and types are those of the calling model's YAML. A source's model may leave out
a column that it cannot fill (it is null then); a column that the contract does not know is an error,
for it would be lost without a word. A contract that no source fills is empty. A source on hold
keeps the rows that the contract had of it: none where it never came through.
-#}
{% macro union_sources(contract) -%}
    {%- set held = held_sources() -%}
    {%- set sources = [] -%}
    {%- for source, contracts in var('sources').items() if contract in contracts -%}
        {%- do sources.append(source) -%}
    {%- endfor -%}
    {%- if not sources %}
select {{ contract_columns([]) }}
where false
    {%- endif -%}
    {%- for source in sources -%}
        {%- set relation = ref('stg_' ~ source ~ '__' ~ contract) -%}
        {%- if not loop.first %}
union all
        {%- endif %}
        {%- if source in held %}
{{ kept_rows(source) }}
        {%- else -%}
            {%- set given = [] -%}
            {%- if execute -%}
                {%- for column in adapter.get_columns_in_relation(relation) -%}
                    {%- do given.append(column.name | lower) -%}
                {%- endfor -%}
                {%- for column in given if column not in model.columns -%}
                    {{ exceptions.raise_compiler_error(
                        relation.identifier ~ '.' ~ column ~ ": the contract '" ~ contract
                        ~ "' has no such column; its columns are in " ~ model.patch_path.split('://')[-1] ~ '.'
                    ) }}
                {%- endfor -%}
            {%- endif %}
select {{ contract_columns(given) }}
from {{ relation }}
        {%- endif -%}
    {%- endfor %}
{%- endmacro %}
