-- A key of any length fits a hash index; a row of a longer one than a B-tree takes could not be quarantined.
do $$ declare found record; begin
    for found in
        select c.relname as name, i.indrelid::regclass as relation
        from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
        join pg_attribute k on k.attrelid = i.indrelid and k.attnum = i.indkey[0]
        where c.relnamespace = to_regnamespace('quarantine') and a.amname = 'btree' and i.indnatts = 1
            and k.attname = 'row_key' and not i.indisunique
    loop
        execute format('drop index quarantine.%I', found.name);
        execute format('create index %I on %s using hash (row_key)', found.name, found.relation);
    end loop;
end $$;
