{{ config(
    materialized='incremental', incremental_strategy='difference', on_schema_change='append_new_columns',
    indexes=[{'columns': ['source_record_id']}],
) }}
{{ union_sources('customer_record_identifiers') }}
