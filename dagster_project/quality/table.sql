-- A table that is to be gated: what the catalogue says of it, and how far it is gated.
with found as (
    select to_regclass(:relation) as relation, to_regclass(:quarantine) is not null as has_quarantine
)

select
    found.relation::oid::bigint as relation,
    found.has_quarantine,
    (
        select array_agg(array[attname::text, format_type(atttypid, null)] order by attnum)
        from pg_attribute
        where attrelid = found.relation and attnum > 0 and not attisdropped
    ) as columns,
    (
        -- Indexes on plain columns, of all rows, that compare values as the columns themselves do.
        select jsonb_agg(columns)
        from (
            select jsonb_agg(attname) as columns
            from pg_index
            cross join unnest(indkey[0:indnkeyatts - 1], indcollation[0:indnkeyatts - 1]) as key (number, collation_id)
            left join pg_attribute on attrelid = indrelid and attnum = key.number and attcollation = key.collation_id
            where indrelid = found.relation and indisunique and indisvalid and indimmediate and indpred is null
            group by indexrelid
            having count(attname) = count(*)
        ) as indexes
    ) as unique_columns,
    gated.rules,
    gated.relation::bigint as gated_relation,
    gated.loads
from found
left join ops.gated_loads as gated on gated.layer = :layer and gated.table_name = :table_name
