-- What each run did: extractions, loads, gates, holds, publications.
create table if not exists ops.extractions (
    run_id text not null, source text not null, table_name text not null, load_id text,
    rows_at_source bigint not null, rows_loaded bigint not null,
    rows_missing bigint not null, tombstones bigint not null,
    returned bigint not null, watermark_from text, watermark_to text, new_columns text[] not null,
    finished_at timestamptz not null default now(), primary key (run_id, source, table_name)
);
create table if not exists ops.loads (
    load_id text not null, source text not null, table_name text not null, run_id text not null,
    rows_read bigint not null,              -- of the source, in this load
    rows_arrived bigint not null,           -- in raw under load_id when the load was done
    rows_inserted bigint not null,
    rows_updated bigint not null,
    rows_lost bigint generated always as (rows_read - rows_arrived) stored,
    rows_rejected bigint not null,          -- could be no rows: not among rows_read
    rows_quarantined bigint not null default 0, -- moved out of raw by the gate, of those that arrived
    tombstones bigint not null,
    returned bigint not null,
    amount_column text, amount_read numeric, amount_arrived numeric,
    finished_at timestamptz not null default now(), primary key (load_id, source, table_name)
);
create table if not exists ops.publications (
    run_id text not null, mart text not null, rows bigint not null, written bigint not null,
    removed bigint not null, published_at timestamptz not null default now(), primary key (run_id, mart)
);

create table if not exists ops.gated_loads (
    layer text not null,
    table_name text not null,
    load_id text,            -- the last load that passed; null where the table has no loads
    rules text,              -- the suite's fingerprint when it passed
    relation oid,            -- the table as the gate last left it; dbt's rebuild makes another, or takes this away
    gated_at timestamptz,
    primary key (layer, table_name)
);
create table if not exists ops.gate_results (
    run_id text not null,
    layer text not null,
    table_name text not null,
    expectation text not null,
    column_name text,
    severity text not null,
    success boolean not null,
    is_error boolean not null,
    rows_checked bigint not null,
    rows_failed bigint,
    rows_quarantined bigint not null,
    checked_at timestamptz not null default now(),
    message text not null
);
create index if not exists gate_results_run_idx on ops.gate_results (run_id);

create table if not exists ops.source_holds (
    source text not null, cause text not null, reason text not null, run_id text not null,
    since timestamptz not null default now(), primary key (source, cause)
);
create table if not exists ops.source_reads (source text primary key, refreshed_at timestamptz not null);
create or replace view ops.source_states as
    select r.source as source_system, r.refreshed_at, min(h.since) as held_since,
        string_agg(h.reason, ' ' order by h.since, h.cause) as held_reason
    from ops.source_reads r left join ops.source_holds h using (source)
    group by r.source, r.refreshed_at;

create table if not exists ops.extraction_watermarks (
    source text not null, table_name text not null, watermark text,
    rows_at_source bigint, load_id text, finished_at timestamptz not null default now(),
    primary key (source, table_name)
);

create table if not exists ops.delivered_files (
    source text not null, table_name text not null, file text not null,
    size bigint not null, modified_at timestamptz not null, declared text not null,
    rows bigint not null, rows_rejected bigint not null, refused text,
    read_at timestamptz not null default now(), primary key (source, table_name, file)
);
-- Of a file that grows: how many bytes of it were read, and their digest. They know it again under another name.
alter table ops.delivered_files add column if not exists part_bytes bigint, add column if not exists part_digest text;
