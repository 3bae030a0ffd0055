-- How many rows a gated table had when its gate last let it pass: what was filled and is empty now stops.
create table if not exists ops.accepted_tables (
    layer text not null, table_name text not null, rows bigint not null,
    accepted_at timestamptz not null default now(), primary key (layer, table_name)
);

-- A source that never came through may be on hold too: it was never read.
create or replace view ops.source_states as
    select source as source_system, r.refreshed_at, min(h.since) as held_since,
        string_agg(h.reason, ' ' order by h.since, h.cause) as held_reason
    from ops.source_reads r full join ops.source_holds h using (source)
    group by source, r.refreshed_at;
