-- Odoo (17 and later), the tables and columns that Seamless 360 reads. Datetimes are naive UTC.

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
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table product_template (
    id integer primary key,
    name varchar,
    type varchar,
    categ_id integer,
    list_price numeric(16, 2),
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table product_product (
    id integer primary key,
    product_tmpl_id integer not null,
    default_code varchar,                -- the SKU; the shop's itemmeta has it as _sku
    barcode varchar,
    standard_price numeric(16, 2),
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
    amount_untaxed numeric(16, 2),
    amount_tax numeric(16, 2),
    amount_total numeric(16, 2),
    currency_id integer,
    client_order_ref varchar,            -- the shop's order number on mirrored web orders
    origin varchar,                      -- 'WooCommerce' on mirrored web orders
    user_id integer,
    team_id integer,
    campaign_id integer,
    medium_id integer,
    source_id integer,
    invoice_status varchar,              -- no, to invoice, invoiced
    create_date timestamp,
    write_date timestamp
);

create table sale_order_line (
    id integer primary key,
    order_id integer not null,
    product_id integer,
    name text,
    product_uom_qty numeric(16, 3),
    qty_delivered numeric(16, 3),
    price_unit numeric(16, 2),
    discount numeric(6, 2),              -- per cent
    price_subtotal numeric(16, 2),
    price_tax numeric(16, 2),
    price_total numeric(16, 2),
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
    picking_type_code varchar,           -- outgoing, incoming
    location_name varchar,               -- where the goods leave: 'Центральный склад' (delivery) or the store (pickup)
    warehouse_id integer,
    pos_config_id integer,               -- the store of a pickup; null for deliveries
    create_date timestamp,
    write_date timestamp
);

create table pos_config (
    id integer primary key,
    name varchar,
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
    amount_tax numeric(16, 2),
    amount_total numeric(16, 2),
    amount_paid numeric(16, 2),
    state varchar,                       -- draft, cancel, paid, done
    email varchar,
    mobile varchar,
    is_refund boolean,
    refunded_order_id integer,           -- the till order that is returned; null where a web order is
    create_date timestamp,
    write_date timestamp
);

create table pos_order_line (
    id integer primary key,
    order_id integer not null,
    product_id integer,
    full_product_name varchar,
    qty numeric(16, 3),                  -- negative in a return
    price_unit numeric(16, 2),
    discount numeric(6, 2),
    price_subtotal numeric(16, 2),
    price_subtotal_incl numeric(16, 2),
    refunded_orderline_id integer,       -- the line of the till order that is returned
    sale_order_origin_id integer,        -- pos_sale: the sale order (so the mirrored web order) that is returned
    sale_order_line_id integer,
    create_date timestamp,
    write_date timestamp
);

create table pos_payment_method (
    id integer primary key,
    name varchar,
    is_cash_count boolean,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table pos_payment (
    id integer primary key,
    pos_order_id integer not null,
    amount numeric(16, 2),
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
    name varchar,
    program_type varchar,
    active boolean,
    create_date timestamp,
    write_date timestamp
);

create table loyalty_card (
    id integer primary key,
    program_id integer not null,
    partner_id integer,
    points numeric(16, 2),
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
    issued numeric(16, 2),
    used numeric(16, 2),
    order_model varchar,                 -- 'pos.order' or 'sale.order'
    order_id integer,
    create_date timestamp,
    write_date timestamp
);

create index on res_partner (write_date, id);
create index on res_users (write_date, id);
create index on product_template (write_date, id);
create index on product_product (write_date, id);
create index on sale_order (write_date, id);
create index on sale_order_line (write_date, id);
create index on stock_picking (write_date, id);
create index on pos_config (write_date, id);
create index on pos_session (write_date, id);
create index on pos_order (write_date, id);
create index on pos_order_line (write_date, id);
create index on pos_payment_method (write_date, id);
create index on pos_payment (write_date, id);
create index on loyalty_program (write_date, id);
create index on loyalty_card (write_date, id);
create index on loyalty_history (write_date, id);
