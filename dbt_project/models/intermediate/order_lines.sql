{{ config(indexes=[{'columns': ['order_id']}]) }}
{{ union_sources('order_lines') }}
