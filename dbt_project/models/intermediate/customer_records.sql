{{ config(
    materialized='incremental', incremental_strategy='difference', on_schema_change='append_new_columns',
    indexes=[{'columns': ['source_record_id']}],
) }}
{{ with_full_names(union_sources('customer_records')) }}
