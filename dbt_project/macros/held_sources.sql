{#- Sources on hold, as the gates and the extraction noted them in ops. -#}

{#- Their names; none where nothing was ever held. -#}
{% macro held_sources() -%}
    {%- set names = [] -%}
    {%- set holds = source('ops', 'source_holds') -%}
    {%- if execute -%}
        {%- for row in run_query('select distinct source from ' ~ holds) -%}
            {%- do names.append(row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(names) }}
{%- endmacro %}

{#-
The rows that contract `this` has of `source` since it was last built: those in the table, and those that its
gate moved to quarantine, for the gate judges the new table anew.
-#}
{% macro kept_rows(source) -%}
    {%- set before = load_relation(this) -%}
    {%- if before is none %}
select {{ contract_columns([]) }}
where false
    {%- else -%}
        {%- set given = adapter.get_columns_in_relation(before) | map(attribute='name') | list %}
select {{ contract_columns(given) }}
from {{ before }}
where source_system = '{{ source }}'
        {%- set moved_out = adapter.get_relation(target.database, 'quarantine', this.identifier) -%}
        {%- if moved_out is not none %}
union all
select {{ contract_columns(given) }}
from ({{ rows_of_json(before, moved_out, 'row') }}) as moved_out
where source_system = '{{ source }}'
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- The calling contract's columns in their types; null where `given` lacks one. -#}
{% macro contract_columns(given) -%}
    {%- for column in model.columns.values() %}
    cast({{ column.name if column.name in given else 'null' }} as {{ column.data_type }}) as {{ column.name }}
        {%- if not loop.last %},{% endif %}
    {%- endfor %}
{%- endmacro %}

{#- Up to when the contracts have read each source, and since when and why one is on hold. -#}
{% macro source_states() -%}
select source_system, refreshed_at, held_since, held_reason
from {{ source('ops', 'source_states') }}
{%- endmacro %}
