-- Dates that identity takes for no date of birth: the marts show none of them.
create table if not exists identity.placeholder_dates (
    birth_date date primary key, reason text not null, cards bigint not null);
