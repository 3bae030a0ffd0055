{#-
Incremental strategy `difference`: the table comes to hold what the query says, and rows that did not change are not
touched. Who follows the table (identity's log of changed cards) then sees the change alone.

Rows are compared by a digest of all their columns, each as often as it is there: a row that comes twice, which the
gates are to find, is in the table twice.
-#}
{% macro get_incremental_difference_sql(arguments) -%}
    {{ return(adapter.dispatch('get_incremental_difference_sql')(arguments)) }}
{%- endmacro %}

{% macro default__get_incremental_difference_sql(arguments) -%}
    {%- set columns = arguments.dest_columns | map(attribute='quoted') | join(', ') -%}
    {%- set digest = 'hash_record_extended(row(' ~ columns ~ '), 0)' -%}
create temporary table c360_differing on commit drop as
select digest
from (
    select {{ digest }} as digest, 1 as times from {{ arguments.temp_relation }}
    union all
    select {{ digest }} as digest, -1 as times from {{ arguments.target_relation }}
) as rows_now_and_then
group by digest
having sum(times) <> 0;

delete from {{ arguments.target_relation }}
where {{ digest }} in (select digest from c360_differing);

insert into {{ arguments.target_relation }} ({{ columns }})
select {{ columns }} from {{ arguments.temp_relation }}
where {{ digest }} in (select digest from c360_differing)
{%- endmacro %}
