-- How many sources a linkage run met for the first time: many customers merge then, and rightly.
alter table identity.runs add column if not exists new_sources bigint not null default 0;
