-- Why records are linked, as SQL; and what notes which records changed.
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
 where m.model_version in (select model_version from (
        select model_version from identity.runs where not is_skipped order by started_at desc, finished_at desc limit 1) v))
        select p.*, w.* from (
            select e.*, r.model_version from identity.edges e cross join (
                select model_version from identity.runs where not is_skipped
                order by started_at desc, finished_at desc limit 1) r
        ) p cross join lateral (
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
    -- Records get numbers; links are in arrays, the strongest first.
    with used as (
        select e.source_system_l as sl, e.source_record_id_l as il, e.source_system_r as sr, e.source_record_id_r as ir,
            e.linked_by, e.match_weight, e.match_probability, null as decision_id,
            case e.linked_by
                when 'deterministic:same_content' then 1000.0
                when 'deterministic:parent' then 900.0
                when 'deterministic:tax_id' then 800.0
                when 'deterministic:messenger' then 700.0
                when 'deterministic:login' then 690.0
                when 'deterministic:account' then 685.0
                when 'deterministic:loyalty_card' then 680.0
                when 'deterministic:email_and_phone' then 600.0
                when 'deterministic:email' then 500.0
                when 'deterministic:phone' then 450.0
                when 'deterministic:sole_holder' then -100.0
                when 'deterministic:same_contact' then -200.0
                else coalesce(e.match_weight, 0) end as strength
        from record_customers r join edges e
            on e.source_system_l = r.source_system and e.source_record_id_l = r.source_record_id
        where r.customer_id = customer and e.is_used
        union all
        -- A record that left may still join two that stayed.
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
    -- The weakest link of the strongest path: links join, strongest first, until both records are one group.
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
    'The path of used links that joins two records of one customer: of all paths the one whose weakest link is strongest,'
    ' of those the shortest. No rows: the two are not one customer.';

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
