{#-
DDL on relations that others read. dbt's own statements wait for their lock without end, and every new reader behind
them. These go through ops.run_briefly (a migration of the warehouse): short attempts, for var `lock_patience`; then an error that
names the session which holds the relation.
-#}
{% macro run_briefly(statements, relation) -%}
    select ops.run_briefly(
        array[
        {%- for statement in statements %}
            $c360$ {{ statement }} $c360${% if not loop.last %},{% endif %}
        {%- endfor %}
        ],
        array[$c360${{ relation }}$c360$],
        interval '{{ var('lock_patience') }}'
    )
{%- endmacro %}

{% macro postgres__rename_relation(from_relation, to_relation) -%}
    {%- set name = adapter.quote_as_configured(to_relation.identifier, 'identifier') -%}
    {%- call statement('rename_relation') -%}
        {{ run_briefly(['alter table ' ~ from_relation ~ ' rename to ' ~ name], from_relation) }}
    {%- endcall -%}
{%- endmacro %}

{% macro postgres__drop_relation(relation) -%}
    {%- call statement('drop_relation', auto_begin=False) -%}
        {{ run_briefly([get_drop_sql(relation)], relation) }}
    {%- endcall -%}
{%- endmacro %}

{% macro postgres__truncate_relation(relation) -%}
    {%- call statement('truncate_relation') -%}
        {{ run_briefly(['truncate ' ~ relation], relation) }}
    {%- endcall -%}
{%- endmacro %}

{% macro postgres__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
    {%- set steps = [] -%}
    {%- for column in add_columns or [] -%}
        {%- do steps.append('add column ' ~ column.quoted ~ ' ' ~ column.expanded_data_type) -%}
    {%- endfor -%}
    {%- for column in remove_columns or [] -%}
        {%- do steps.append('drop column ' ~ column.quoted) -%}
    {%- endfor -%}
    {%- do run_query(run_briefly(['alter table ' ~ relation ~ ' ' ~ (steps | join(', '))], relation)) -%}
{%- endmacro %}
