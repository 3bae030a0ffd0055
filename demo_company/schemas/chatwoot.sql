-- Chatwoot 4, the tables and columns that Seamless 360 reads. Times are naive UTC. A merge of contacts deletes
-- the loser for good and points its conversations and channels to the winner.

create table users (
    id integer primary key,
    provider varchar not null default 'email',
    encrypted_password varchar not null default '',
    name varchar not null,
    display_name varchar,
    email varchar,
    created_at timestamp not null,
    updated_at timestamp not null
);

create table inboxes (
    id integer primary key,
    account_id integer not null,
    channel_id integer not null,
    channel_type varchar,                -- Channel-Telegram and so on, with two colons for the hyphen
    name varchar not null,
    csat_survey_enabled boolean default false,
    created_at timestamp not null,
    updated_at timestamp not null
);

create table contacts (
    id integer primary key,
    account_id integer not null,
    name varchar default '',             -- a made-up one (icy-sea-123) where the visitor gave none
    middle_name varchar default '',
    last_name varchar default '',
    email varchar,
    phone_number varchar,                -- E.164
    identifier varchar,                  -- the user's ID in the shop, as its pages tell the widget
    contact_type integer default 0,      -- 0 visitor, 1 lead, 2 customer
    country_code varchar default '',
    blocked boolean not null default false,
    additional_attributes jsonb default '{}',
    custom_attributes jsonb default '{}',
    last_activity_at timestamp,
    created_at timestamp not null,
    updated_at timestamp not null
);

create table contact_inboxes (
    id bigint primary key,
    contact_id bigint,
    inbox_id bigint,
    source_id varchar not null,          -- the channel's own ID of the contact
    hmac_verified boolean default false,
    created_at timestamp not null,
    updated_at timestamp not null
);

create table conversations (
    id integer primary key,
    account_id integer not null,
    display_id integer not null,
    uuid uuid not null,
    inbox_id integer not null,
    contact_id bigint,
    contact_inbox_id bigint,
    status integer not null default 0,   -- 0 open, 1 resolved, 2 pending, 3 snoozed
    priority integer,                    -- 0 low, 1 medium, 2 high, 3 urgent
    assignee_id integer,
    team_id bigint,
    cached_label_list text,
    first_reply_created_at timestamp,
    waiting_since timestamp,
    last_activity_at timestamp not null,
    additional_attributes jsonb default '{}',
    created_at timestamp not null,
    updated_at timestamp not null
);

create table messages (
    id integer primary key,
    account_id integer not null,
    inbox_id integer not null,
    conversation_id integer not null,
    message_type integer not null,       -- 0 in, 1 out, 2 activity, 3 template
    content_type integer not null default 0, -- 0 text … 9 a CSAT question
    content text,
    private boolean not null default false,
    status integer default 0,            -- 0 sent, 1 delivered, 2 read, 3 failed
    sender_type varchar,                 -- Contact, User, AgentBot
    sender_id bigint,
    source_id varchar,
    created_at timestamp not null,
    updated_at timestamp not null
);

create table csat_survey_responses (
    id bigint primary key,
    account_id bigint not null,
    conversation_id bigint not null,
    message_id bigint not null unique,
    contact_id bigint not null,
    assigned_agent_id bigint,
    rating integer not null,             -- 1 to 5
    feedback_message text,
    created_at timestamp not null,
    updated_at timestamp not null
);

create table reporting_events (
    id bigint primary key,
    account_id integer,
    inbox_id integer,
    user_id integer,
    conversation_id integer,
    name varchar,                        -- conversation_resolved, first_response, reply_time …
    value double precision,              -- seconds
    event_start_time timestamp,
    event_end_time timestamp,
    created_at timestamp not null,
    updated_at timestamp not null
);

create index on contacts (updated_at);
create index on contact_inboxes (updated_at);
create index on conversations (updated_at);
create index on messages (updated_at);
create index on messages (conversation_id);
create index on csat_survey_responses (updated_at);
create index on reporting_events (updated_at);
