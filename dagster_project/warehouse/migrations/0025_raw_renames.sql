-- Tables and columns of raw that one naming rule gave another name, and when: SQL of one's own is adapted by it.
create table ops.raw_renames (
    source text not null,
    table_name text not null,
    column_name text,  -- null: the table itself
    renamed_to text not null,
    renamed_at timestamptz not null default now()
);
