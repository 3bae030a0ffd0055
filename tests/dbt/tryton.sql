-- Tryton 8.2's own tables, as it made them (columns and types; keys only) and as examples/tryton/fill.py filled them.
-- Invented people. test_your_company.py compares it with a living Tryton where there is one.
create table party_party (
    id integer primary key,
    active boolean,
    code character varying,
    code_alnum character varying,
    code_digit bigint,
    create_date timestamp(6) without time zone,
    create_uid integer,
    name character varying,
    replaced_by integer,
    write_date timestamp(6) without time zone,
    write_uid integer
);
insert into party_party (id, active, code, code_alnum, code_digit, create_date, create_uid, name, write_date, write_uid) values
    (2, true, '2', '2', 2, '2026-11-22 13:36:54.388171', 3, 'Чайная лавка', '2026-11-22 13:36:54.388171', 3),
    (3, true, '3', '3', 3, '2026-11-22 13:36:55.157252', 3, 'Белова Анна Сергеевна', '2026-11-22 13:36:55.157252', 3),
    (4, true, '4', '4', 4, '2026-11-22 13:36:55.300610', 3, 'Белова А.', '2026-11-22 13:36:55.300610', 3),
    (5, true, '5', '5', 5, '2026-11-22 13:36:55.581046', 3, 'Орлов Игорь Петрович', '2026-11-22 13:36:55.581046', 3),
    (6, true, '6', '6', 6, '2026-11-22 13:36:55.744012', 3, 'Зимина Ольга', '2026-11-22 13:36:55.744012', 3),
    (7, true, '7', '7', 7, '2026-11-22 13:36:55.899171', 3, 'ООО «Ромашка»', '2026-11-22 13:36:55.899171', 3),
    (8, true, '8', '8', 8, '2026-11-22 13:36:56.076621', 3, 'Покупатель без имени', '2026-11-22 13:36:56.076621', 3);
create table party_contact_mechanism (
    id integer primary key,
    active boolean,
    address integer,
    comment text,
    create_date timestamp(6) without time zone,
    create_uid integer,
    name character varying,
    party integer,
    sequence integer,
    type character varying,
    value character varying,
    value_compact character varying,
    write_date timestamp(6) without time zone,
    write_uid integer,
    delivery boolean,
    invoice boolean
);
insert into party_contact_mechanism (id, active, create_date, create_uid, party, type, value, value_compact, write_date, write_uid, delivery, invoice) values
    (1, true, '2026-11-22 13:36:55.157252', 3, 3, 'mobile', '+7 916 555-01-01', '+7 916 555-01-01', '2026-11-22 13:36:55.157252', 3, false, false),
    (2, true, '2026-11-22 13:36:55.157252', 3, 3, 'email', 'anna.belova@example.ru', 'anna.belova@example.ru', '2026-11-22 13:36:55.157252', 3, false, false),
    (3, true, '2026-11-22 13:36:55.300610', 3, 4, 'mobile', '8 (916) 555 01 01', '8 (916) 555 01 01', '2026-11-22 13:36:55.300610', 3, false, false),
    (4, true, '2026-11-22 13:36:55.581046', 3, 5, 'mobile', '+7 903 555-02-02', '+7 903 555-02-02', '2026-11-22 13:36:55.581046', 3, false, false),
    (5, true, '2026-11-22 13:36:55.581046', 3, 5, 'mobile', '+7 495 555-02-02', '+7 495 555-02-02', '2026-11-22 13:36:55.581046', 3, false, false),
    (6, true, '2026-11-22 13:36:55.581046', 3, 5, 'email', 'i.orlov@example.ru', 'i.orlov@example.ru', '2026-11-22 13:36:55.581046', 3, false, false),
    (7, true, '2026-11-22 13:36:55.744012', 3, 6, 'email', 'zimina@example.com', 'zimina@example.com', '2026-11-22 13:36:55.744012', 3, false, false),
    (8, true, '2026-11-22 13:36:55.899171', 3, 7, 'mobile', '+7 831 555-03-03', '+7 831 555-03-03', '2026-11-22 13:36:55.899171', 3, false, false),
    (9, true, '2026-11-22 13:36:55.899171', 3, 7, 'email', 'info@romashka.example', 'info@romashka.example', '2026-11-22 13:36:55.899171', 3, false, false);
create table party_address (
    id integer primary key,
    active boolean,
    attn character varying,
    building_name character varying,
    building_number character varying,
    city character varying,
    country integer,
    create_date timestamp(6) without time zone,
    create_uid integer,
    floor_number character varying,
    party integer,
    party_name character varying,
    post_box character varying,
    post_office character varying,
    postal_code character varying,
    private_bag character varying,
    room_number character varying,
    sequence integer,
    street_name character varying,
    street_unstructured text,
    subdivision integer,
    unit_number character varying,
    write_date timestamp(6) without time zone,
    write_uid integer,
    delivery boolean,
    invoice boolean
);
insert into party_address (id, active, city, country, create_date, create_uid, party, postal_code, street_unstructured, delivery, invoice) values
    (2, true, null, null, '2026-11-22 13:36:54.388171', 3, 2, null, null, false, false),
    (3, true, 'Москва', 1, '2026-11-22 13:36:55.157252', 3, 3, '127006', 'ул. Садовая, д. 3, кв. 8', false, false),
    (4, true, 'Москва', 1, '2026-11-22 13:36:55.300610', 3, 4, '127006', 'Садовая 3-8', false, false),
    (5, true, 'Москва', 1, '2026-11-22 13:36:55.581046', 3, 5, '129090', 'пр. Мира, д. 12, кв. 40', false, false),
    (6, true, 'Нижний Новгород', 1, '2026-11-22 13:36:55.744012', 3, 6, '603005', 'ул. Ленина, д. 5', false, false),
    (7, true, 'Нижний Новгород', 1, '2026-11-22 13:36:55.899171', 3, 7, '603000', 'ул. Горького, д. 1', false, false),
    (8, true, null, null, '2026-11-22 13:36:56.076621', 3, 8, null, null, false, false);
create table party_identifier (
    id integer primary key,
    active boolean,
    address integer,
    code character varying,
    code_compact character varying,
    create_date timestamp(6) without time zone,
    create_uid integer,
    eu_vat_valid boolean,
    eu_vat_validated_at timestamp(0) without time zone,
    party integer,
    sequence integer,
    type character varying,
    write_date timestamp(6) without time zone,
    write_uid integer
);
insert into party_identifier (id, active, code, code_compact, create_date, create_uid, eu_vat_valid, party, type) values
    (1, true, '7707083893', '7707083893', '2026-11-22 13:36:55.899171', 3, false, 7, 'ru_vat');
create table company_company (
    id integer primary key,
    create_date timestamp(6) without time zone,
    create_uid integer,
    currency integer,
    footer text,
    header text,
    logo bytea,
    party integer,
    timezone character varying,
    write_date timestamp(6) without time zone,
    write_uid integer,
    cancel_invoice_out boolean,
    purchase_taxes_expense boolean
);
insert into company_company (id, create_date, create_uid, currency, party, cancel_invoice_out, purchase_taxes_expense) values
    (2, '2026-11-22 13:36:54.717758', 3, 2, 2, false, false);
create table company_employee (
    id integer primary key,
    company integer,
    create_date timestamp(6) without time zone,
    create_uid integer,
    end_date date,
    party integer,
    start_date date,
    supervisor integer,
    write_date timestamp(6) without time zone,
    write_uid integer
);
create table country_country (
    id integer primary key,
    active boolean,
    code character varying(2),
    code3 character varying(3),
    code_numeric character varying,
    create_date timestamp(6) without time zone,
    create_uid integer,
    name character varying,
    region integer,
    write_date timestamp(6) without time zone,
    write_uid integer
);
insert into country_country (id, active, code, code3, code_numeric, create_date, create_uid, name) values
    (1, true, 'RU', 'RUS', '643', '2026-11-22 13:36:54.853811', 3, 'Россия');
create table currency_currency (
    id integer primary key,
    active boolean,
    code character varying(3),
    create_date timestamp(6) without time zone,
    create_uid integer,
    digits integer,
    name character varying,
    numeric_code character varying(3),
    rounding numeric,
    symbol character varying(10),
    write_date timestamp(6) without time zone,
    write_uid integer
);
insert into currency_currency (id, active, code, create_date, create_uid, digits, name, numeric_code, rounding, symbol) values
    (2, true, 'RUB', '2026-11-22 13:36:54.091142', 3, 2, 'Российский рубль', '643', 0.01, '₽');
create table product_product (
    id integer primary key,
    active boolean,
    code character varying,
    create_date timestamp(6) without time zone,
    create_uid integer,
    description text,
    position integer,
    replaced_by integer,
    suffix_code character varying,
    template integer,
    write_date timestamp(6) without time zone,
    write_uid integer
);
insert into product_product (id, active, code, create_date, create_uid, suffix_code, template, write_date, write_uid) values
    (1, true, 'TEA-01', '2026-11-22 13:36:56.363181', 3, 'TEA-01', 1, '2026-11-22 13:36:56.363181', 3),
    (2, true, 'CUP-02', '2026-11-22 13:36:56.505775', 3, 'CUP-02', 2, '2026-11-22 13:36:56.505775', 3),
    (3, true, 'POT-03', '2026-11-22 13:36:56.588275', 3, 'POT-03', 3, '2026-11-22 13:36:56.588275', 3);
create table product_template (
    id integer primary key,
    active boolean,
    code character varying,
    consumable boolean,
    create_date timestamp(6) without time zone,
    create_uid integer,
    default_uom integer,
    name character varying,
    type character varying,
    write_date timestamp(6) without time zone,
    write_uid integer,
    account_category integer,
    salable boolean,
    sale_uom integer
);
insert into product_template (id, active, consumable, create_date, create_uid, default_uom, name, type, salable, sale_uom) values
    (1, true, false, '2026-11-22 13:36:56.363181', 3, 1, 'Чай чёрный, 100 г', 'goods', true, 1),
    (2, true, false, '2026-11-22 13:36:56.505775', 3, 1, 'Кружка, 300 мл', 'goods', true, 1),
    (3, true, false, '2026-11-22 13:36:56.588275', 3, 1, 'Чайник заварочный', 'goods', true, 1);
create table sale_sale (
    id integer primary key,
    comment text,
    company integer,
    confirmed_by integer,
    contact integer,
    create_date timestamp(6) without time zone,
    create_uid integer,
    currency integer,
    description character varying,
    invoice_address integer,
    invoice_method character varying,
    invoice_party integer,
    invoice_state character varying,
    number character varying,
    origin character varying,
    party integer,
    payment_term integer,
    quotation_date date,
    quotation_validity interval,
    quoted_by integer,
    reference character varying,
    sale_date date,
    shipment_address integer,
    shipment_method character varying,
    shipment_party integer,
    shipment_state character varying,
    shipping_date date,
    state character varying,
    tax_amount_cache numeric,
    to_invoice boolean,
    to_ship boolean,
    total_amount_cache numeric,
    untaxed_amount_cache numeric,
    warehouse integer,
    write_date timestamp(6) without time zone,
    write_uid integer
);
insert into sale_sale (id, company, create_date, create_uid, currency, invoice_address, invoice_method, invoice_state, number, origin, party, quotation_date, sale_date, shipment_address, shipment_method, shipment_state, state, tax_amount_cache, to_invoice, to_ship, total_amount_cache, untaxed_amount_cache, warehouse, write_date, write_uid) values
    (1, 2, '2026-11-22 13:36:57.383475', 3, 2, 3, 'manual', 'none', '1', null, 3, '2026-11-22', '2026-10-23', 3, 'manual', 'none', 'processing', 0, true, true, 1530.50, 1530.50, 5, '2026-11-22 13:36:57.652083', 3),
    (2, 2, '2026-11-22 13:36:57.975701', 3, 2, 3, 'manual', 'none', '2', null, 3, '2026-11-22', '2026-11-20', 3, 'manual', 'none', 'processing', 0, true, true, 2150.00, 2150.00, 5, '2026-11-22 13:36:58.147270', 3),
    (3, 2, '2026-11-22 13:36:58.356381', 3, 2, 4, 'manual', 'none', '3', null, 4, '2026-11-22', '2026-11-10', 4, 'manual', 'none', 'processing', 0, true, true, 3562.00, 3562.00, 5, '2026-11-22 13:36:58.519611', 3),
    (4, 2, '2026-11-22 13:36:58.730039', 3, 2, 5, 'manual', 'none', '4', null, 5, '2026-11-22', '2026-11-13', 5, 'manual', 'none', 'cancelled', 0, false, false, 320.00, 320.00, 5, '2026-11-22 13:36:58.817258', 3),
    (5, 2, '2026-11-22 13:36:59.032869', 3, 2, 6, 'manual', 'none', '5', null, 6, '2026-11-22', '2026-11-17', 6, 'manual', 'none', 'processing', 0, true, true, 3110.00, 3110.00, 5, '2026-11-22 13:36:59.178810', 3),
    (6, 2, '2026-11-22 13:36:59.369860', 3, 2, 7, 'manual', 'none', '6', null, 7, '2026-11-22', '2026-11-19', 7, 'manual', 'none', 'quotation', null, false, false, null, null, 5, '2026-11-22 13:36:59.401623', 3),
    (7, 2, '2026-11-22 13:36:59.539392', 3, 2, 5, 'manual', 'none', null, null, 5, null, '2026-11-21', 5, 'manual', 'none', 'draft', null, false, false, null, null, 5, null, null),
    (8, 2, '2026-11-22 13:36:59.657445', 3, 2, 7, 'manual', 'none', '7', null, 7, '2026-11-22', '2026-11-02', 7, 'manual', 'none', 'processing', 0, true, true, 4300.00, 4300.00, 5, '2026-11-22 13:36:59.791347', 3),
    (9, 2, '2026-11-22 13:36:59.907726', 3, 2, 7, 'manual', 'none', '8', 'sale.sale,8', 7, '2026-11-22', '2026-11-22', 7, 'manual', 'none', 'processing', 0, true, true, -2150.00, -2150.00, 5, '2026-11-22 13:37:00.221706', 3);
create table sale_line (
    id integer primary key,
    actual_quantity double precision,
    create_date timestamp(6) without time zone,
    create_uid integer,
    description text,
    note text,
    product integer,
    quantity double precision,
    quantity_to_invoice double precision,
    quantity_to_ship double precision,
    sale integer,
    sequence integer,
    type character varying,
    unit integer,
    unit_price numeric,
    write_date timestamp(6) without time zone,
    write_uid integer
);
insert into sale_line (id, actual_quantity, create_date, create_uid, product, quantity, quantity_to_invoice, quantity_to_ship, sale, type, unit, unit_price, write_date, write_uid) values
    (1, 0.0, '2026-11-22 13:36:57.383475', 3, 1, 2.0, 2.0, 2.0, 1, 'line', 1, 320.00, '2026-11-22 13:36:57.652083', 3),
    (2, 0.0, '2026-11-22 13:36:57.383475', 3, 2, 1.0, 1.0, 1.0, 1, 'line', 1, 890.50, '2026-11-22 13:36:57.652083', 3),
    (3, 0.0, '2026-11-22 13:36:57.975701', 3, 3, 1.0, 1.0, 1.0, 2, 'line', 1, 2150.00, '2026-11-22 13:36:58.147270', 3),
    (4, 0.0, '2026-11-22 13:36:58.356381', 3, 2, 4.0, 4.0, 4.0, 3, 'line', 1, 890.50, '2026-11-22 13:36:58.519611', 3),
    (5, null, '2026-11-22 13:36:58.730039', 3, 1, 1.0, null, null, 4, 'line', 1, 320.00, null, null),
    (6, 0.0, '2026-11-22 13:36:59.032869', 3, 1, 3.0, 3.0, 3.0, 5, 'line', 1, 320.00, '2026-11-22 13:36:59.178810', 3),
    (7, 0.0, '2026-11-22 13:36:59.032869', 3, 3, 1.0, 1.0, 1.0, 5, 'line', 1, 2150.00, '2026-11-22 13:36:59.178810', 3),
    (8, null, '2026-11-22 13:36:59.369860', 3, 2, 24.0, null, null, 6, 'line', 1, 890.50, null, null),
    (9, null, '2026-11-22 13:36:59.539392', 3, 2, 1.0, null, null, 7, 'line', 1, 890.50, null, null),
    (10, 0.0, '2026-11-22 13:36:59.657445', 3, 3, 2.0, 2.0, 2.0, 8, 'line', 1, 2150.00, '2026-11-22 13:36:59.791347', 3),
    (11, 0.0, '2026-11-22 13:36:59.907726', 3, 3, -1.0, -1.0, 1.0, 9, 'line', 1, 2150.00, '2026-11-22 13:37:00.221706', 3);
