-- What identity resolution found, and what stewards decided.
create schema if not exists identity;
create table if not exists identity.record_customers (
    source_system text not null, source_record_id text not null, customer_id text not null, linked_by text not null,
    match_probability double precision, since_run_id text not null,
    primary key (source_system, source_record_id));
create index if not exists record_customers_customer_id on identity.record_customers (customer_id);
create table if not exists identity.record_identifiers (
    source_system text not null, source_record_id text not null, kind text not null, value text not null,
    is_main boolean not null, is_canonical boolean not null,
    primary key (source_system, source_record_id, kind, value));
create table if not exists identity.departed_records (
    source_system text not null, source_record_id text not null, customer_id text not null,
    primary key (source_system, source_record_id));
create table if not exists identity.edges (
    source_system_l text not null, source_record_id_l text not null,
    source_system_r text not null, source_record_id_r text not null,
    linked_by text not null, match_weight double precision, match_probability double precision,
    is_used boolean not null, rejected_by text, levels text, run_id text not null,
    primary key (source_system_l, source_record_id_l, source_system_r, source_record_id_r));
-- Until version 10 of the rules: jsonb, a multiple of all the rest. The next run gives every edge its levels.
do $$ begin
    if exists (select from information_schema.columns
        where table_schema = 'identity' and table_name = 'edges' and column_name = 'comparisons') then
        drop view if exists identity.edge_comparisons;
        alter table identity.edges add column levels text, drop column comparisons;
    end if;
end $$;
-- A changed row finds room on its page: no index learns of it.
do $$ begin
    if exists (select from pg_class where oid = 'identity.edges'::regclass and reloptions is null) then
        alter table identity.edges set (fillfactor = 90);
        alter table identity.record_customers set (fillfactor = 90);
    end if;
end $$;
create table if not exists identity.customers (
    customer_id text primary key, created_at timestamptz not null, created_run_id text not null,
    retired_at timestamptz, retired_run_id text, surviving_customer_id text);
create table if not exists identity.customer_id_events (
    event_id bigint generated always as identity primary key, run_id text not null, at timestamptz not null,
    kind text not null check (kind in ('created', 'merged', 'split', 'retired', 'returned')),
    customer_id text not null, other_customer_id text, records bigint not null);
create table if not exists identity.households (
    customer_id text primary key, household_id text not null, evidence text not null, members bigint not null);
create table if not exists identity.review_queue (
    source_system_l text not null, source_record_id_l text not null,
    source_system_r text not null, source_record_id_r text not null,
    reason text not null, match_probability double precision, gain double precision not null,
    run_id text not null,
    primary key (source_system_l, source_record_id_l, source_system_r, source_record_id_r));
create sequence if not exists identity.decision_numbers;
create table if not exists identity.decisions (
    decision_id text primary key, source_system_l text not null, source_record_id_l text not null,
    source_system_r text not null, source_record_id_r text not null,
    verdict text not null check (verdict in ('same', 'different')), author text not null, reason text,
    decided_at timestamptz not null default now(), revoked_at timestamptz);
alter table identity.decisions add column if not exists revoked_by text,
    alter column decision_id set default 'D-' || nextval('identity.decision_numbers');
create table if not exists identity.reviewed_pairs (
    decision_id text primary key, were_linked boolean, run_id text not null);
create table if not exists identity.models (
    model_version text primary key, trained_at timestamptz not null, settings jsonb not null, training jsonb not null,
    is_current boolean not null);
create unique index if not exists models_one_current on identity.models (is_current) where is_current;
create table if not exists identity.model_term_frequencies (
    model_version text not null references identity.models on delete cascade,
    column_name text not null, value text not null, frequency double precision not null,
    primary key (model_version, column_name, value));
create table if not exists identity.runs (
    run_id text primary key, started_at timestamptz not null, finished_at timestamptz not null,
    model_version text not null, records bigint not null, candidate_pairs bigint not null, edges bigint not null,
    customers bigint not null, largest_cluster bigint not null, created bigint not null, merged bigint not null,
    split bigint not null, retired bigint not null, is_skipped boolean not null,
    fingerprint text not null, report jsonb not null);
alter table identity.runs add column if not exists churned bigint not null default 0,
    add column if not exists estimated_precision double precision,
    add column if not exists estimated_recall double precision,
    add column if not exists weight_drift double precision,
    add column if not exists reviewed_pairs bigint not null default 0,
    add column if not exists reviewed_precision double precision;
create table if not exists identity.card_changes (
    change_id bigint generated always as identity primary key, source_system text, source_record_id text);
create table if not exists identity.card_changes_met (
    is_only boolean primary key default true check (is_only), mark text not null, tables text not null);
