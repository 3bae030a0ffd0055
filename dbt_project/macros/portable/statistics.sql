{#- What the planner knows of a table just built: without it the next models are joined by guesswork. -#}
{% macro gather_statistics(relation) %}{{ return(adapter.dispatch('gather_statistics')(relation)) }}{% endmacro %}

{% macro default__gather_statistics(relation) %}analyze {{ relation }}{% endmacro %}

{% macro spark__gather_statistics(relation) %}analyze table {{ relation }} compute statistics{% endmacro %}
