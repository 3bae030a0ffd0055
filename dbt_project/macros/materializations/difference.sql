{#-
Incremental strategy `difference`: the table comes to hold what the query says, and rows that did not change are not
touched. Who follows the table (identity's log of changed cards) then sees the change alone.

Rows are compared by a digest of all their columns, each as often as it is there: a row that comes twice, which the
gates are to find, is in the table twice. Where a column has another type than before, all is written anew. That the
table is what dbt just made of its sources is noted by the step that runs dbt (quality/ledger.py).
-#}
{% macro get_incremental_difference_sql(arguments) -%}
    {{ return(adapter.dispatch('get_incremental_difference_sql')(arguments)) }}
{%- endmacro %}

{% macro default__get_incremental_difference_sql(arguments) -%}
    {%- set target = arguments.target_relation -%}
    {%- set columns = arguments.dest_columns | map(attribute='quoted') | join(', ') -%}
    {%- set digest = 'hash_record_extended(row(' ~ columns ~ '), 0)' -%}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(target) -%}
        {%- do types.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {%- set turned = [] -%}
    {%- for column in arguments.dest_columns if types.get(column.name, column.data_type) != column.data_type -%}
        {%- do turned.append(column) -%}
    {%- endfor -%}
    {%- if turned %}
        {%- set steps = ['truncate ' ~ target] -%}
        {%- for column in turned -%}
            {%- do steps.append(
                'alter table ' ~ target ~ ' alter column ' ~ column.quoted ~ ' type ' ~ column.data_type ~ ' using null'
            ) -%}
        {%- endfor %}
{{ run_briefly(steps, target) }};
    {%- endif %}
create temporary table c360_now on commit drop as
select ctid as place, {{ digest }} as digest from {{ arguments.temp_relation }};

create temporary table c360_then on commit drop as
select ctid as place, {{ digest }} as digest from {{ target }};

create temporary table c360_differing on commit drop as
select digest
from (
    select digest, 1 as times from c360_now
    union all
    select digest, -1 as times from c360_then
) as rows_now_and_then
group by digest
having sum(times) <> 0;

delete from {{ target }}
where ctid = any(array(select place from c360_then where digest in (select digest from c360_differing)));

insert into {{ target }} ({{ columns }})
select {{ columns }} from {{ arguments.temp_relation }}
where ctid = any(array(select place from c360_now where digest in (select digest from c360_differing)))
{%- endmacro %}
