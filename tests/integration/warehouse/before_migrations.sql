-- The tables of ops and identity as a warehouse had them before migrations: what its modules ran, in one script.
create schema if not exists ops;
create schema if not exists quarantine;

-- warehouse/ledger.py
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

-- quality/ledger.py
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

-- quality/holding.py
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

-- sources/window.py
create table if not exists ops.extraction_watermarks (
    source text not null, table_name text not null, watermark text,
    rows_at_source bigint, load_id text, finished_at timestamptz not null default now(),
    primary key (source, table_name)
);

-- sources/files.py
create table if not exists ops.delivered_files (
    source text not null, table_name text not null, file text not null,
    size bigint not null, modified_at timestamptz not null, declared text not null,
    rows bigint not null, rows_rejected bigint not null, refused text,
    read_at timestamptz not null default now(), primary key (source, table_name, file)
);
-- Of a file that grows: how many bytes of it were read, and their digest. They know it again under another name.
alter table ops.delivered_files add column if not exists part_bytes bigint, add column if not exists part_digest text;

-- identity/store.py
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
    source_system_l text not null, source_record_id_l text not null, source_system_r text not null, source_record_id_r text not null, linked_by text not null, match_weight double precision, match_probability double precision,
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
    source_system_l text not null, source_record_id_l text not null, source_system_r text not null, source_record_id_r text not null, reason text not null, match_probability double precision, gain double precision not null,
    run_id text not null,
    primary key (source_system_l, source_record_id_l, source_system_r, source_record_id_r));
create sequence if not exists identity.decision_numbers;
create table if not exists identity.decisions (
    decision_id text primary key, source_system_l text not null, source_record_id_l text not null, source_system_r text not null, source_record_id_r text not null,
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

-- identity/views.py
create or replace view identity.edge_comparisons as
select source_system_l, source_record_id_l, source_system_r, source_record_id_r, comparison, level, weight
from (
        with meanings as materialized (
select m.model_version, c.place, c.said ->> 'output_column_name' as comparison, l.said ->> 'label_for_charts' as level,
    case when coalesce((l.said ->> 'is_null_level')::boolean, false) then '-'
        else chr(ascii('a') + (jsonb_array_length(c.said -> 'comparison_levels') - l.place)::integer) end as letter,
    coalesce(ln((l.said ->> 'm_probability')::double precision / (l.said ->> 'u_probability')::double precision) / ln(2.0), 0)
        as weight
from identity.models m
cross join jsonb_array_elements(m.settings -> 'comparisons') with ordinality c (said, place)
cross join jsonb_array_elements(c.said -> 'comparison_levels') with ordinality l (said, place)
 where m.model_version in (select model_version from (select model_version from identity.runs where not is_skipped order by started_at desc, finished_at desc limit 1) v))
        select p.*, w.* from (select e.*, r.model_version from identity.edges e cross join (select model_version from identity.runs where not is_skipped order by started_at desc, finished_at desc limit 1) r) p cross join lateral (
            with said as (
                select m.comparison, m.level,
                    round((m.weight + coalesce(nullif(substr(t.word, 2), '')::double precision / 1000, 0))::numeric, 3)
                        ::double precision as weight
                from string_to_table(p.levels, ' ') with ordinality t (word, place)
                join meanings m on m.model_version = p.model_version and m.place = t.place and m.letter = left(t.word, 1)
            )
            select comparison, level, weight from said
            union all select 'prior', null, round((p.match_weight - sum(weight))::numeric, 3)::double precision from said
        ) w where p.levels is not null
    ) e;

create or replace function identity.link_path(source_l text, id_l text, source_r text, id_r text)
returns table (step integer, source_system_l text, source_record_id_l text, source_system_r text,
    source_record_id_r text, linked_by text, match_weight double precision, match_probability double precision,
    decision_id text)
language plpgsql stable set search_path = identity, pg_temp as $$
#variable_conflict use_column
declare
    customer text;
    links jsonb[]; a integer[]; b integer[]; strengths double precision[];
    labels integer[]; came integer[]; frontier integer[]; reached integer[];
    nodes integer; start integer; goal integer; merged integer; usable integer := 0; node integer; place integer := 0;
begin
    select r.customer_id into customer from record_customers r
    where r.source_system = link_path.source_l and r.source_record_id = link_path.id_l;
    if customer is null or (source_l, id_l) = (source_r, id_r) or not exists (
        select from record_customers r where r.source_system = link_path.source_r
            and r.source_record_id = link_path.id_r and r.customer_id = customer) then
        return;
    end if;
    -- Cards become numbers; links lie in arrays, the strongest first.
    with used as (
        select e.source_system_l as sl, e.source_record_id_l as il, e.source_system_r as sr, e.source_record_id_r as ir,
            e.linked_by, e.match_weight, e.match_probability, null as decision_id, case e.linked_by when 'deterministic:same_content' then 1000.0 when 'deterministic:parent' then 900.0 when 'deterministic:tax_id' then 800.0 when 'deterministic:messenger' then 700.0 when 'deterministic:login' then 690.0 when 'deterministic:account' then 685.0 when 'deterministic:loyalty_card' then 680.0 when 'deterministic:email_and_phone' then 600.0 when 'deterministic:email' then 500.0 when 'deterministic:phone' then 450.0 when 'deterministic:sole_holder' then -100.0 when 'deterministic:same_contact' then -200.0 else coalesce(e.match_weight, 0) end as strength
        from record_customers r join edges e
            on e.source_system_l = r.source_system and e.source_record_id_l = r.source_record_id
        where r.customer_id = customer and e.is_used
        union all
        -- A card that went may still join two that stayed.
        select d.source_system_l, d.source_record_id_l, d.source_system_r, d.source_record_id_r, 'steward', null, null,
            d.decision_id, 2000 from decisions d where d.verdict = 'same' and d.revoked_at is null
    ), cards as (
        select *, row_number() over (order by system, id)::integer as n
        from (select sl as system, il as id from used union select sr, ir from used) c
    ), numbered as (
        select u.*, l.n as ln, r.n as rn from used u
        join cards l on l.system = u.sl and l.id = u.il join cards r on r.system = u.sr and r.id = u.ir
    )
    select array_agg(to_jsonb(n) order by n.strength desc, n.ln, n.rn), array_agg(n.ln order by n.strength desc, n.ln, n.rn),
        array_agg(n.rn order by n.strength desc, n.ln, n.rn), array_agg(n.strength order by n.strength desc, n.ln, n.rn),
        max(greatest(n.ln, n.rn)),
        max(case when (n.sl, n.il) = (link_path.source_l, link_path.id_l) then n.ln
            when (n.sr, n.ir) = (link_path.source_l, link_path.id_l) then n.rn end),
        max(case when (n.sl, n.il) = (link_path.source_r, link_path.id_r) then n.ln
            when (n.sr, n.ir) = (link_path.source_r, link_path.id_r) then n.rn end)
    into links, a, b, strengths, nodes, start, goal from numbered n;
    if start is null or goal is null then
        return;
    end if;
    -- The weakest link of the strongest path: links join, strongest first, until both cards are one group.
    labels := array(select generate_series(1, nodes));
    while labels[start] <> labels[goal] loop
        usable := usable + 1;
        if usable > cardinality(links) then
            return;
        end if;
        merged := labels[b[usable]];
        if labels[a[usable]] <> merged then
            labels := array_replace(labels, merged, labels[a[usable]]);
        end if;
    end loop;
    while usable < cardinality(links) and strengths[usable + 1] = strengths[usable] loop
        usable := usable + 1;
    end loop;
    -- The shortest path over links no weaker than that.
    came := array_fill(0, array[nodes]);
    came[start] := -1;
    frontier := array[start];
    while came[goal] = 0 loop
        reached := '{}';
        for i in 1..usable loop
            if a[i] = any(frontier) and came[b[i]] = 0 then
                came[b[i]] := i; reached := reached || b[i];
            elsif b[i] = any(frontier) and came[a[i]] = 0 then
                came[a[i]] := i; reached := reached || a[i];
            end if;
        end loop;
        frontier := reached;
    end loop;
    reached := '{}';
    node := goal;
    while node <> start loop
        reached := came[node] || reached;
        node := a[came[node]] + b[came[node]] - node;
    end loop;
    foreach usable in array reached loop
        place := place + 1;
        step := place;
        linked_by := links[usable] ->> 'linked_by';
        match_weight := links[usable] ->> 'match_weight';
        match_probability := links[usable] ->> 'match_probability';
        decision_id := links[usable] ->> 'decision_id';
        if a[usable] = node then
            source_system_l := links[usable] ->> 'sl'; source_record_id_l := links[usable] ->> 'il';
            source_system_r := links[usable] ->> 'sr'; source_record_id_r := links[usable] ->> 'ir';
        else
            source_system_l := links[usable] ->> 'sr'; source_record_id_l := links[usable] ->> 'ir';
            source_system_r := links[usable] ->> 'sl'; source_record_id_r := links[usable] ->> 'il';
        end if;
        node := a[usable] + b[usable] - node;
        return next;
    end loop;
end $$;
comment on function identity.link_path is
    'The path of used links that joins two cards of one customer: of all paths the one whose weakest link is strongest,'
    ' of those the shortest. No rows: they are not one customer.';

-- identity/changes.py
create table if not exists identity.card_changes (
    change_id bigint generated always as identity primary key, source_system text, source_record_id text);
create table if not exists identity.card_changes_met (
    is_only boolean primary key default true check (is_only), mark text not null, tables text not null);
create or replace function identity.note_changed_cards() returns trigger language plpgsql as $$ begin
    if tg_op = 'TRUNCATE' then
        insert into identity.card_changes default values;
    end if;
    if tg_op in ('DELETE', 'UPDATE') then
        insert into identity.card_changes (source_system, source_record_id)
        select distinct source_system, source_record_id from then_rows;
    end if;
    if tg_op in ('INSERT', 'UPDATE') then
        insert into identity.card_changes (source_system, source_record_id)
        select distinct source_system, source_record_id from now_rows;
    end if;
    return null;
end $$;
