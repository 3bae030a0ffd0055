-- Odoo 18 with sale, stock, delivery, website_sale_collect, point_of_sale, pos_sale, loyalty and the community's
-- partner_contact_birthdate: the tables and columns that Seamless 360 reads, in the types that Odoo's ORM makes.
-- Datetimes are naive UTC, numbers with decimals have no scale, translated texts are JSON by language.

create table res_partner (
    id integer primary key,
    name varchar,
    complete_name varchar,
    parent_id integer,
    is_company boolean,
    type varchar,                        -- contact, invoice, delivery, other
    email varchar,
    email_normalized varchar,
    phone varchar,
    mobile varchar,
    phone_sanitized varchar,
    vat varchar,
    ref varchar,
    street varchar,
    street2 varchar,
    zip varchar,
    city varchar,
    country_id integer,                  -- res_country's own numbers: 188 is Russia
    lang varchar,
    birthdate_date date,                 -- OCA partner_contact_birthdate; loyalty forms ask for it
    company_id integer,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table res_users (
    id integer primary key,
    login varchar not null,
    partner_id integer not null,
    share boolean,                       -- a portal user: a customer
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table res_company (
    id integer primary key,
    name varchar not null,
    partner_id integer not null,
    currency_id integer not null,
    create_date timestamp,
    write_date timestamp
);

create table res_currency (
    id integer primary key,
    name varchar not null,               -- ISO 4217
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table res_country (
    id integer primary key,
    code varchar,                        -- ISO 3166 alpha-2
    name jsonb not null,
    create_date timestamp,
    write_date timestamp
);

create table product_template (
    id integer primary key,
    name jsonb not null,                 -- {"en_US": …, "ru_RU": …}
    type varchar,
    categ_id integer,
    list_price numeric,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table product_product (
    id integer primary key,
    product_tmpl_id integer not null,
    default_code varchar,                -- the SKU; the shop's itemmeta has it as _sku
    barcode varchar,
    standard_price jsonb,                -- the cost, by company: {"1": 600.0}
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table sale_order (
    id integer primary key,
    name varchar,
    partner_id integer,
    partner_invoice_id integer,
    partner_shipping_id integer,
    date_order timestamp,                -- drafts: when created; confirmed orders: when confirmed
    state varchar,                       -- draft, sent, sale, cancel
    amount_untaxed numeric,
    amount_tax numeric,
    amount_total numeric,
    currency_id integer,
    currency_rate numeric,               -- of the order's currency, in the company's 1
    company_id integer not null,
    client_order_ref varchar,            -- the shop's order number on mirrored web orders
    origin varchar,                      -- 'WooCommerce' on mirrored web orders
    user_id integer,
    team_id integer,
    campaign_id integer,
    medium_id integer,
    source_id integer,
    invoice_status varchar,              -- no, to invoice, invoiced
    carrier_id integer,
    warehouse_id integer,                -- of a pick-up: the store's
    create_date timestamp,
    write_date timestamp
);

create table sale_order_line (
    id integer primary key,
    order_id integer not null,
    product_id integer,
    name text not null,
    display_type varchar,                -- line_section, line_note; null: a product
    is_downpayment boolean,
    is_delivery boolean,
    product_uom_qty numeric,
    qty_delivered numeric,
    price_unit numeric,
    discount numeric,              -- per cent
    price_subtotal numeric,
    price_tax double precision,
    price_total numeric,
    create_date timestamp,
    write_date timestamp
);

create table stock_picking (
    id integer primary key,
    name varchar,
    sale_id integer,
    origin varchar,
    partner_id integer,
    state varchar,                       -- assigned (ready), done, cancel
    scheduled_date timestamp,
    date_done timestamp,
    picking_type_id integer not null,
    company_id integer,
    carrier_id integer,
    create_date timestamp,
    write_date timestamp
);

create table stock_picking_type (
    id integer primary key,
    name jsonb not null,
    code varchar not null,               -- outgoing, incoming, internal
    warehouse_id integer,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table stock_warehouse (
    id integer primary key,
    name varchar not null,
    code varchar not null,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table delivery_carrier (
    id integer primary key,
    name jsonb not null,
    delivery_type varchar not null,      -- fixed, base_on_rule, in_store
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table pos_config (
    id integer primary key,
    name varchar not null,
    picking_type_id integer not null,    -- whose warehouse is the store's
    company_id integer not null,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table pos_session (
    id integer primary key,
    name varchar,
    config_id integer not null,
    user_id integer,
    start_at timestamp,
    stop_at timestamp,
    state varchar,
    create_date timestamp,
    write_date timestamp
);

create table pos_order (
    id integer primary key,
    name varchar,
    pos_reference varchar,
    uuid varchar,
    partner_id integer,
    session_id integer,
    config_id integer,
    user_id integer,
    date_order timestamp,
    amount_tax numeric,
    amount_total numeric,
    amount_paid numeric,
    currency_rate numeric,
    company_id integer not null,
    state varchar,                       -- draft, cancel, paid, done
    email varchar,
    mobile varchar,
    shipping_date date,                  -- of goods that are sent later
    create_date timestamp,
    write_date timestamp
);

create table pos_order_line (
    id integer primary key,
    order_id integer not null,
    product_id integer,
    full_product_name varchar,
    qty numeric,                  -- negative in a return
    price_unit numeric,
    discount numeric,
    price_subtotal numeric,
    price_subtotal_incl numeric,
    refunded_orderline_id integer,       -- the line of the till order that is returned
    sale_order_origin_id integer,        -- pos_sale: the sale order (so the mirrored web order) that is returned
    sale_order_line_id integer,
    create_date timestamp,
    write_date timestamp
);

create table pos_payment_method (
    id integer primary key,
    name jsonb not null,
    is_cash_count boolean,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table pos_payment (
    id integer primary key,
    pos_order_id integer not null,
    amount numeric,
    payment_method_id integer,
    payment_date timestamp,
    card_type varchar,
    transaction_id varchar,
    is_change boolean,
    create_date timestamp,
    write_date timestamp
);

create table loyalty_program (
    id integer primary key,
    name jsonb not null,
    program_type varchar,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table loyalty_card (
    id integer primary key,
    program_id integer not null,
    partner_id integer,
    points double precision,
    code varchar not null unique,
    expiration_date date,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table loyalty_history (
    id integer primary key,
    card_id integer not null,
    description varchar,
    issued double precision,
    used double precision,
    order_model varchar,                 -- 'pos.order' or 'sale.order'
    order_id integer,
    create_date timestamp,
    write_date timestamp
);

create index on res_partner (write_date, id);
create index on res_users (write_date, id);
create index on res_company (write_date, id);
create index on res_currency (write_date, id);
create index on res_country (write_date, id);
create index on product_template (write_date, id);
create index on product_product (write_date, id);
create index on sale_order (write_date, id);
create index on sale_order_line (write_date, id);
create index on stock_picking (write_date, id);
create index on stock_picking_type (write_date, id);
create index on stock_warehouse (write_date, id);
create index on delivery_carrier (write_date, id);
create index on pos_config (write_date, id);
create index on pos_session (write_date, id);
create index on pos_order (write_date, id);
create index on pos_order_line (write_date, id);
create index on pos_payment_method (write_date, id);
create index on pos_payment (write_date, id);
create index on loyalty_program (write_date, id);
create index on loyalty_card (write_date, id);
create index on loyalty_history (write_date, id);
