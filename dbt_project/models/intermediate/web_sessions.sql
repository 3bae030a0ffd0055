{{ config(indexes=[{'columns': ['source_record_id']}]) }}
{{ union_sources('web_sessions') }}
