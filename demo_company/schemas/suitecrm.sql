-- SuiteCRM 7.14, the tables and columns that Seamless 360 reads. Datetimes are naive UTC, flags smallint.

create table users (
    id varchar(36) primary key,
    user_name varchar(60),
    first_name varchar(255),
    last_name varchar(255),
    title varchar(50),
    department varchar(50),
    phone_work varchar(50),
    status varchar(100),
    is_admin smallint not null default 0,
    date_entered timestamp,
    date_modified timestamp,
    deleted smallint not null default 0
);

create table accounts (
    id varchar(36) primary key,
    name varchar(150),
    account_type varchar(50),
    industry varchar(50),
    phone_office varchar(100),
    phone_alternate varchar(100),
    website varchar(255),
    billing_address_street varchar(150),
    billing_address_city varchar(100),
    billing_address_state varchar(100),
    billing_address_postalcode varchar(20),
    billing_address_country varchar(255),
    assigned_user_id varchar(36),
    date_entered timestamp,
    date_modified timestamp,
    deleted smallint not null default 0
);

create table contacts (
    id varchar(36) primary key,
    salutation varchar(255),
    first_name varchar(100),
    last_name varchar(100),
    title varchar(100),
    department varchar(255),
    phone_home varchar(100),
    phone_mobile varchar(100),
    phone_work varchar(100),
    phone_other varchar(100),
    phone_fax varchar(100),
    primary_address_street varchar(150),
    primary_address_city varchar(100),
    primary_address_state varchar(100),
    primary_address_postalcode varchar(20),
    primary_address_country varchar(255),
    alt_address_street varchar(150),
    alt_address_city varchar(100),
    alt_address_state varchar(100),
    alt_address_postalcode varchar(20),
    alt_address_country varchar(255),
    birthdate date,
    lead_source varchar(255),
    campaign_id varchar(36),
    do_not_call smallint not null default 0,
    lawful_basis text,
    date_reviewed date,
    description text,
    assigned_user_id varchar(36),
    created_by varchar(36),
    date_entered timestamp,
    date_modified timestamp,
    deleted smallint not null default 0
);

create table leads (
    id varchar(36) primary key,
    salutation varchar(255),
    first_name varchar(100),
    last_name varchar(100),
    title varchar(100),
    phone_home varchar(100),
    phone_mobile varchar(100),
    phone_work varchar(100),
    phone_other varchar(100),
    phone_fax varchar(100),
    primary_address_street varchar(150),
    primary_address_city varchar(100),
    primary_address_state varchar(100),
    primary_address_postalcode varchar(20),
    primary_address_country varchar(255),
    alt_address_street varchar(150),
    alt_address_city varchar(100),
    alt_address_state varchar(100),
    alt_address_postalcode varchar(20),
    alt_address_country varchar(255),
    birthdate date,
    lead_source varchar(100),
    status varchar(100),
    campaign_id varchar(36),
    account_name varchar(255),
    account_id varchar(36),
    contact_id varchar(36),
    converted smallint not null default 0,
    do_not_call smallint not null default 0,
    lawful_basis text,
    date_reviewed date,
    description text,
    assigned_user_id varchar(36),
    created_by varchar(36),
    date_entered timestamp,
    date_modified timestamp,
    deleted smallint not null default 0
);

create table email_addresses (
    id varchar(36) primary key,
    email_address varchar(255),
    email_address_caps varchar(255),
    invalid_email smallint not null default 0,
    opt_out smallint not null default 0,
    confirm_opt_in varchar(255),
    date_created timestamp,
    date_modified timestamp,
    deleted smallint not null default 0
);

create table email_addr_bean_rel (
    id varchar(36) primary key,
    email_address_id varchar(36) not null,
    bean_id varchar(36) not null,
    bean_module varchar(100),            -- 'Contacts', 'Leads', 'Accounts'
    primary_address smallint not null default 0,
    date_created timestamp,
    date_modified timestamp,
    deleted smallint not null default 0
);

create table calls (
    id varchar(36) primary key,
    name varchar(255),
    description text,
    date_start timestamp,
    date_end timestamp,
    duration_hours integer,
    duration_minutes integer,
    status varchar(100),                 -- 'Planned', 'Held', 'Not Held'
    direction varchar(100),              -- 'Inbound', 'Outbound'
    parent_type varchar(255),            -- 'Contacts', 'Leads', 'Accounts', 'Cases'
    parent_id varchar(36),
    assigned_user_id varchar(36),
    created_by varchar(36),
    date_entered timestamp,
    date_modified timestamp,
    deleted smallint not null default 0
);

create table calls_contacts (
    id varchar(36) primary key,
    call_id varchar(36) not null,
    contact_id varchar(36) not null,
    required varchar(1),
    accept_status varchar(25),
    date_modified timestamp,
    deleted smallint not null default 0
);

create table cases (
    id varchar(36) primary key,
    case_number integer not null unique,
    name varchar(255),
    description text,
    type varchar(255),
    state varchar(100),                  -- 'Open', 'Closed'
    status varchar(100),                 -- 'Open_New', 'Open_Assigned', 'Open_Pending Input', 'Closed_Closed', 'Closed_Rejected', 'Closed_Duplicate'
    priority varchar(100),               -- 'P1' high, 'P2' medium, 'P3' low
    resolution text,
    account_id varchar(36),
    contact_created_by_id varchar(36),
    assigned_user_id varchar(36),
    created_by varchar(36),
    date_entered timestamp,
    date_modified timestamp,
    deleted smallint not null default 0
);

create table contacts_cases (
    id varchar(36) primary key,
    contact_id varchar(36) not null,
    case_id varchar(36) not null,
    contact_role varchar(50),
    date_modified timestamp,
    deleted smallint not null default 0
);

create table notes (
    id varchar(36) primary key,
    name varchar(255),
    description text,
    parent_type varchar(255),            -- 'Contacts', 'Leads', 'Accounts', 'Cases'
    parent_id varchar(36),
    contact_id varchar(36),
    assigned_user_id varchar(36),
    created_by varchar(36),
    date_entered timestamp,
    date_modified timestamp,
    deleted smallint not null default 0
);

create index on users (date_modified);
create index on accounts (date_modified);
create index on contacts (date_modified);
create index on leads (date_modified);
create index on email_addresses (date_modified);
create index on email_addr_bean_rel (date_modified);
create index on calls (date_modified);
create index on calls_contacts (date_modified);
create index on cases (date_modified);
create index on contacts_cases (date_modified);
create index on notes (date_modified);
