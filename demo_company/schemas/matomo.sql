-- Matomo 5 with its usual prefix, the tables and columns that Seamless 360 reads. Times are naive UTC. Visits grow
-- while they last; a cart's row becomes the order's when the customer buys in the same visit.

create table matomo_site (
    idsite integer primary key,
    name varchar(90) not null,
    type varchar(255) not null           -- website, mobileapp
);

create table matomo_log_visit (
    idvisit bigint primary key,
    idsite integer not null,
    idvisitor bytea not null,            -- 8 bytes; at log-in the user's hash takes the cookie's place
    user_id varchar(200),                -- as the shop's pages tell it: the WordPress user
    visit_first_action_time timestamp not null,
    visit_last_action_time timestamp not null,
    visit_entry_idaction_url integer,
    visitor_returning smallint,
    visitor_count_visits integer,
    visit_goal_buyer smallint,           -- 0 nothing, 1 ordered, 2 open cart, 3 both
    visit_total_actions integer,
    visit_total_time integer,
    referer_type smallint,               -- 1 direct, 2 search, 3 site, 6 campaign, 7 social network
    referer_name varchar(255),
    referer_keyword varchar(255),
    config_device_type smallint,         -- 0 desktop, 1 smartphone, 2 tablet
    config_id bytea,
    location_ip bytea
);

create table matomo_log_conversion (
    idvisit bigint not null,
    idsite integer not null,
    idvisitor bytea not null,
    server_time timestamp not null,
    idgoal integer not null,             -- 0 order, -1 cart, above: the company's goals
    buster bigint not null,
    idorder varchar(100),                -- the shop's order number
    items integer,
    revenue double precision,
    primary key (idvisit, idgoal, buster)
);

create table matomo_log_conversion_item (
    idvisit bigint not null,
    idorder varchar(100) not null,       -- '0' in a cart
    idaction_sku integer not null,
    idsite integer not null,
    idvisitor bytea not null,
    server_time timestamp not null,
    price double precision not null,
    quantity integer not null,
    deleted smallint not null default 0,
    primary key (idvisit, idorder, idaction_sku)
);

create table matomo_log_link_visit_action (
    idlink_va bigint primary key,
    idsite integer not null,
    idvisitor bytea not null,            -- as it was at that moment: before log-in the cookie's
    server_time timestamp not null,
    idvisit bigint not null,
    idaction_url integer
);

create table matomo_log_action (
    idaction integer primary key,
    name varchar(4096),
    hash bigint not null,
    type smallint,                       -- 1 address, 4 title, 5 SKU
    url_prefix smallint                  -- 0 http, 1 http with www, 2 https, 3 https with www
);

create index on matomo_log_visit (visit_last_action_time);
create index on matomo_log_link_visit_action (server_time);
create index on matomo_log_link_visit_action (idvisit);
