{{ union_sources('source_rows') }}
