-- Locks that wait for a short time only, and who holds what they wait for.

-- A line for each other session that holds a lock on one of `relations`, the oldest transaction first.
-- State and time of another role's session are null unless the caller may read them (pg_read_all_stats).
create or replace function ops.lock_holders(relations oid[]) returns setof text
language sql stable set search_path = pg_catalog, pg_temp as $$
    select format('session %s (user %s, application %s%s%s)', a.pid, a.usename,
        coalesce(nullif(a.application_name, ''), 'unknown'), ', ' || a.state,
        ' since ' || to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC')
    from pg_stat_activity a
    where a.pid <> pg_backend_pid() and a.pid in (
        select l.pid from pg_locks l join pg_database d on d.oid = l.database
        where l.locktype = 'relation' and l.granted and d.datname = current_database()
            and l.relation = any(relations))
    order by a.xact_start nulls last, a.pid
$$;

-- Runs `statements` one after another as soon as nobody holds `relations` against them. Sessions that queue behind
-- an attempt wait for `at_once` at most; attempts go on for `patience`. Then the error lock_not_available names the
-- relation and the sessions that hold it, and nothing was done.
create or replace function ops.run_briefly(statements text[], relations text[],
    patience interval default '1 minute', at_once interval default '0.8 seconds') returns void
language plpgsql as $$
declare
    before text := current_setting('lock_timeout');
    give_up timestamptz := clock_timestamp() + patience;
    begun timestamptz;
    statement text;
    left_ms numeric;
    blocked oid[];
    holders text;
begin
    loop
        begun := clock_timestamp();
        begin
            foreach statement in array statements loop
                left_ms := extract(epoch from begun + at_once - clock_timestamp()) * 1000;
                perform set_config('lock_timeout', greatest(1, round(left_ms))::integer || 'ms', true);
                execute statement;
            end loop;
            perform set_config('lock_timeout', before, true);
            return;
        exception when lock_not_available or deadlock_detected then
            if clock_timestamp() >= give_up then
                blocked := array(select to_regclass(r)::oid from unnest(relations) r);
                holders := coalesce((select string_agg(h, '; ' order by n)
                    from ops.lock_holders(blocked) with ordinality as x (h, n) where n <= 3), 'a session that has ended');
                raise exception using errcode = 'lock_not_available',
                    message = format('%s cannot be changed: locked by %s.', array_to_string(relations, ', '), holders),
                    hint = 'End that transaction, or the session: select pg_terminate_backend(its number).';
            end if;
        end;
        perform pg_sleep(least(1, greatest(0, extract(epoch from give_up - clock_timestamp()))));
    end loop;
end $$;
