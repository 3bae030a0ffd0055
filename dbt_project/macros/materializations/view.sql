{#-
A view is replaced in its place, and left alone where it says what it said.

dbt's own way makes another and drops the old one with all that was built on it: two of its threads that do so at
once wait for each other's views (PostgreSQL: deadlock detected), and readers miss what hangs on it meanwhile.
-#}
{% materialization view, adapter='postgres' -%}
    {%- set target = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- call statement('main') -%}
        {{ config.get('sql_header') or '' }}
        create temporary view c360_view
        {%- if config.get('contract').enforced %}
        {{ get_assert_columns_equivalent(sql) }}
        {%- endif %}
        as (
            {{ sql }}
        )
    {%- endcall -%}
    {%- if existing is none -%}
        {%- set change = 'create' -%}
    {%- elif not existing.is_view -%}
        {%- set change = 'recreate' -%}
    {%- else -%}
        {%- set change = run_query(view_change(target)).columns[0].values()[0] -%}
    {%- endif -%}
    {%- do run_query('drop view pg_temp.c360_view') -%}
    {%- if change == 'recreate' -%}
        {#- With what is built on it, which dbt builds after it; one session at a time. -#}
        {%- do run_query('select pg_advisory_xact_lock(360360, 1)') -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- if change != 'none' -%}
        {%- set replace = get_replace_view_sql(target, sql) -%}
        {%- do run_query(replace if change != 'replace' else run_briefly([replace], target)) -%}
    {%- endif -%}
    {%- do apply_grants(target, config.get('grants'), should_revoke(existing, full_refresh_mode=True)) -%}
    {%- do persist_docs(target, model) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target]}) }}
{%- endmaterialization %}

{#- What makes `view` say what pg_temp.c360_view says: none, replace, create, or recreate where columns go or turn. -#}
{% macro view_change(view) -%}
with columns_now as (
    select attnum, attname, atttypid, atttypmod, attcollation
    from pg_attribute where attrelid = 'pg_temp.c360_view'::regclass
),

columns_before as (
    select attnum, attname, atttypid, atttypmod, attcollation
    from pg_attribute where attrelid = to_regclass('{{ view }}')
)

select
    case
        when to_regclass('{{ view }}') is null then 'create'
        when pg_get_viewdef(to_regclass('{{ view }}')) = pg_get_viewdef('pg_temp.c360_view'::regclass) then 'none'
        when exists (select * from columns_before except select * from columns_now) then 'recreate'
        else 'replace'
    end
{%- endmacro %}
