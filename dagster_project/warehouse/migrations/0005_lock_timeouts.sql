-- No session of the warehouse's owner waits for a lock without end: extraction, dbt, gates, identity, publishing.
-- An administrator who has set another limit keeps it.
do $$ begin
    if current_setting('lock_timeout') = '0' then
        execute format('alter role %I in database %I set lock_timeout = %L', current_user, current_database(), '10s');
    end if;
end $$;

-- Locks `relation` against every other session if that is possible at once; false where somebody uses it.
create or replace function ops.lock_at_once(relation regclass) returns boolean language plpgsql as $$ begin
    execute format('lock table %s in access exclusive mode nowait', relation);
    return true;
exception when lock_not_available then
    return false;
end $$;
