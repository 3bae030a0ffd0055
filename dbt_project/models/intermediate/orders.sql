{{ config(indexes=[{'columns': ['order_id']}]) }}
{{ union_sources('orders') }}
