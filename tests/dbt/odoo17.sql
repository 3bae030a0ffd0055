-- Odoo 17 as its ORM makes it (modules sale_stock, website_sale_picking, pos_sale, loyalty), the columns that the declaration
-- names and a few beside them. Types by field: Char and Selection varchar, Monetary and Float with digits numeric
-- without scale, Float without digits double precision, translated Char jsonb. Costs are rows of ir_property.
-- Invented people; checked against addons of Odoo 16.0, 17.0 and 18.0.
create table res_currency (id serial primary key, name varchar not null, symbol varchar not null, active boolean,
    create_date timestamp, write_date timestamp);
create table res_country (id serial primary key, name jsonb not null, code varchar not null, currency_id int,
    create_date timestamp, write_date timestamp);
create table res_company (id serial primary key, name varchar not null, partner_id int not null, currency_id int not null,
    parent_id int, create_date timestamp, write_date timestamp);
create table res_partner (id serial primary key, company_id int, name varchar, complete_name varchar, title int, parent_id int,
    commercial_partner_id int, country_id int, lang varchar, tz varchar, vat varchar, ref varchar, type varchar,
    street varchar, street2 varchar, zip varchar, city varchar, email varchar, phone varchar, mobile varchar,
    is_company boolean, active boolean, partner_share boolean, create_date timestamp, write_date timestamp);
create table res_users (id serial primary key, company_id int not null, partner_id int not null, login varchar not null,
    password varchar, share boolean, active boolean, create_date timestamp, write_date timestamp);
create table product_template (id serial primary key, name jsonb not null, categ_id int not null, detailed_type varchar,
    list_price numeric, active boolean, create_date timestamp, write_date timestamp);
create table product_product (id serial primary key, product_tmpl_id int not null, default_code varchar, barcode varchar,
    active boolean, create_date timestamp, write_date timestamp);
create table ir_property (id serial primary key, name varchar, res_id varchar, company_id int, fields_id int not null,
    type varchar not null, value_float double precision, value_text text, create_date timestamp, write_date timestamp);
create table sale_order (id serial primary key, name varchar not null, company_id int not null, partner_id int not null,
    partner_invoice_id int not null, partner_shipping_id int not null, currency_id int, currency_rate numeric, user_id int,
    team_id int, campaign_id int, medium_id int, source_id int, state varchar, client_order_ref varchar, origin varchar,
    amount_untaxed numeric, amount_tax numeric, amount_total numeric, carrier_id int, warehouse_id int, website_id int,
    date_order timestamp not null, create_date timestamp, write_date timestamp);
create table sale_order_line (id serial primary key, order_id int not null, product_id int, display_type varchar,
    name text not null, product_uom_qty numeric not null, price_unit numeric not null, discount numeric,
    price_subtotal numeric, price_tax double precision, price_total numeric, is_downpayment boolean, is_delivery boolean,
    create_date timestamp, write_date timestamp);
create table stock_warehouse (id serial primary key, name varchar not null, code varchar not null, company_id int not null,
    active boolean, create_date timestamp, write_date timestamp);
create table stock_picking_type (id serial primary key, name jsonb not null, code varchar not null, warehouse_id int,
    sequence_code varchar not null, active boolean, create_date timestamp, write_date timestamp);
create table stock_picking (id serial primary key, name varchar, origin varchar, state varchar, picking_type_id int not null,
    location_id int not null, location_dest_id int not null, partner_id int, sale_id int, pos_order_id int, carrier_id int,
    scheduled_date timestamp, date_done timestamp, create_date timestamp, write_date timestamp);
create table delivery_carrier (id serial primary key, name jsonb not null, delivery_type varchar not null, warehouse_id int,
    product_id int not null, active boolean, create_date timestamp, write_date timestamp);
create table account_journal (id serial primary key, name jsonb not null, code varchar, type varchar not null,
    currency_id int, company_id int not null, create_date timestamp, write_date timestamp);
create table pos_config (id serial primary key, name varchar not null, picking_type_id int not null, journal_id int,
    company_id int not null, active boolean, create_date timestamp, write_date timestamp);
create table pos_session (id serial primary key, config_id int not null, name varchar not null, user_id int not null,
    state varchar not null, start_at timestamp, stop_at timestamp, create_date timestamp, write_date timestamp);
create table pos_order (id serial primary key, name varchar not null, company_id int not null, partner_id int, user_id int,
    session_id int not null, config_id int, pos_reference varchar, state varchar, date_order timestamp,
    amount_tax numeric not null, amount_total numeric not null, amount_paid numeric not null, amount_return numeric not null,
    currency_rate numeric, tip_amount numeric, shipping_date date, create_date timestamp, write_date timestamp);
create table pos_order_line (id serial primary key, name varchar not null, order_id int not null, product_id int not null,
    full_product_name varchar, qty numeric, price_unit numeric, discount numeric, price_subtotal numeric not null,
    price_subtotal_incl numeric not null, total_cost numeric, is_total_cost_computed boolean, refunded_orderline_id int,
    sale_order_origin_id int, sale_order_line_id int, create_date timestamp, write_date timestamp);
create table pos_payment_method (id serial primary key, name jsonb not null, journal_id int, active boolean,
    create_date timestamp, write_date timestamp);
create table pos_payment (id serial primary key, pos_order_id int not null, payment_method_id int not null,
    amount numeric not null, is_change boolean, payment_date timestamp not null, create_date timestamp, write_date timestamp);
create table loyalty_program (id serial primary key, name jsonb not null, program_type varchar not null, active boolean,
    create_date timestamp, write_date timestamp);
create table loyalty_card (id serial primary key, program_id int, partner_id int, code varchar not null,
    points double precision, expiration_date date, create_date timestamp, write_date timestamp);

-- Two companies in roubles and tenge; the main one speaks Russian.
insert into res_currency (id, name, symbol, active) values (1, 'USD', '$', true), (30, 'RUB', '₽', true), (31, 'KZT', '₸', true);
insert into res_country (id, name, code) values (189, '{"en_US": "Russian Federation"}', 'RU');
insert into res_company (id, name, partner_id, currency_id) values (1, 'ООО Уют', 1, 30), (2, 'ТОО Уют', 3, 31);
insert into res_partner (id, name, parent_id, type, is_company, lang, email, phone, mobile, country_id, active) values
    (1, 'ООО Уют', null, 'contact', true, 'ru_RU', 'info@uyut.example', null, null, 189, true),
    (2, 'Администратор', 1, 'contact', false, 'en_US', 'admin@uyut.example', null, null, null, true),
    (3, 'ТОО Уют', null, 'contact', true, 'kk_KZ', null, null, null, null, true),
    (4, 'Public user', null, 'contact', false, 'en_US', null, null, null, null, false),
    (10, 'Петров Пётр', null, 'contact', false, 'ru_RU', 'petrov@example.ru', '+7 916 111-22-33', null, 189, true),
    (12, 'ООО Ромашка', null, 'contact', true, 'ru_RU', 'zakaz@romashka.example', '+7 495 100-20-30', null, 189, true),
    (13, 'Сидорова Анна', 12, 'contact', false, 'ru_RU', null, null, '+7 916 222-33-44', null, true),
    (14, 'Портнова Ирина', null, 'contact', false, 'ru_RU', 'portal@example.ru', null, null, null, false);
insert into res_users (id, company_id, partner_id, login, password, share, active) values
    (2, 1, 2, 'admin', 'secret', false, true), (3, 1, 4, 'public', null, true, false), (7, 1, 14, 'portal@example.ru', 'secret', true, true);
insert into product_template (id, name, categ_id, list_price, active) values
    (1, '{"en_US": "Chair", "ru_RU": "Стул"}', 1, 1000, true), (2, '{"en_US": "Table"}', 1, 5000, true),
    (3, '{"kk_KZ": "Шам"}', 1, 100, true);
insert into product_product (id, product_tmpl_id, default_code, active) values (1, 1, 'CH-1', true), (2, 2, 'TB-1', true), (3, 3, 'LM-1', true);
insert into ir_property (name, res_id, company_id, fields_id, type, value_float, value_text) values
    ('standard_price', 'product.product,1', 1, 9, 'float', 600, null), ('standard_price', 'product.product,2', null, 9, 'float', 3000, null),
    ('standard_price', 'product.product,2', 2, 9, 'float', 15000.5, null), ('secret_token', 'res.users,2', null, 8, 'char', null, 'x');
insert into stock_warehouse (id, name, code, company_id) values (1, 'Склад', 'WH', 1), (2, 'Тверская', 'TV', 1);
insert into stock_picking_type (id, name, code, warehouse_id, sequence_code) values
    (1, '{"en_US": "Delivery"}', 'outgoing', 1, 'OUT'), (2, '{"en_US": "Receipts"}', 'incoming', 1, 'IN'),
    (3, '{"en_US": "Delivery"}', 'outgoing', 2, 'OUT'), (4, '{"en_US": "PoS"}', 'outgoing', 2, 'POS');
insert into delivery_carrier (id, name, delivery_type, warehouse_id, product_id) values
    (1, '{"en_US": "Courier"}', 'fixed', null, 9), (2, '{"en_US": "Pick up"}', 'onsite', 2, 9);
-- Two companies have the number S00001; one order is in dollars; one has a section, delivery and a down payment; one is a
-- cart of the site's visitor; one is picked up; the last two give back: with the freight, and beside what is sold.
insert into sale_order (id, name, company_id, partner_id, partner_invoice_id, partner_shipping_id, currency_id, currency_rate,
    user_id, state, amount_untaxed, amount_tax, amount_total, carrier_id, website_id, date_order) values
    (1, 'S00001', 1, 10, 10, 10, 30, 1, 2, 'sale', 1250, 250, 1500, 1, null, '2026-10-01 09:00'),
    (2, 'S00002', 1, 10, 10, 10, 1, 0.01, 2, 'sale', 100, 20, 120, null, null, '2026-10-02 09:00'),
    (3, 'S00001', 2, 12, 12, 12, 31, 1, 2, 'sale', 50000, 0, 50000, null, null, '2026-10-03 09:00'),
    (4, 'S00004', 1, 14, 14, 14, 30, 1, 2, 'sale', 1000, 200, 1200, 2, 1, '2026-10-03 10:00'),
    (5, 'S00005', 1, 4, 4, 4, 30, 1, null, 'draft', 10, 2, 12, null, 1, '2026-10-04 10:00'),
    (6, 'S00006', 1, 12, 12, 12, 30, 1, 2, 'sale', -1100, -220, -1320, null, null, '2026-10-05 10:00'),
    (7, 'S00007', 1, 12, 12, 12, 30, 1, 2, 'sale', 4000, 800, 4800, null, null, '2026-10-05 11:00');
insert into sale_order_line (id, order_id, product_id, display_type, name, product_uom_qty, price_unit, discount,
    price_subtotal, price_tax, price_total, is_downpayment, is_delivery) values
    (1, 1, null, 'line_section', 'Мебель', 0, 0, 0, 0, 0, 0, null, false), (2, 1, 1, null, 'Стул', 1, 1000, 0, 1000, 200, 1200, false, false),
    (3, 1, 9, null, 'Доставка', 1, 250, 0, 250, 50, 300, false, true), (4, 1, 8, null, 'Аванс', 0, 500, 0, 0, 0, 0, true, false),
    (5, 2, 1, null, 'Chair', 1, 100, 0, 100, 20, 120, false, false), (6, 3, 2, null, 'Стол', 2, 25000, 0, 50000, 0, 50000, false, false),
    (7, 4, 1, null, 'Стул', 1, 1000, 0, 1000, 200, 1200, false, false), (8, 5, 3, null, 'Лампа', 1, 10, 0, 10, 2, 12, false, false),
    (9, 6, 1, null, 'Стул', -1, 1000, 0, -1000, -200, -1200, false, false),
    (10, 7, 2, null, 'Стол', 1, 5000, 0, 5000, 1000, 6000, false, false), (11, 7, 1, null, 'Стул', -1, 1000, 0, -1000, -200, -1200, false, false);
insert into stock_picking (id, name, state, picking_type_id, location_id, location_dest_id, sale_id, scheduled_date, date_done, write_date) values
    (1, 'TV/OUT/1', 'done', 3, 1, 2, 4, '2026-10-04 09:00', '2026-10-05 15:00', '2026-10-05 15:00'),
    (2, 'WH/IN/1', 'done', 2, 2, 1, 1, '2026-10-09 09:00', '2026-10-09 09:00', '2026-10-09 09:00');
insert into account_journal (id, name, code, type, currency_id, company_id) values (1, '{"en_US": "POS"}', 'POS', 'general', null, 1), (2, '{"en_US": "POS $"}', 'POSD', 'general', 1, 1);
insert into pos_config (id, name, picking_type_id, journal_id, company_id, active) values (1, 'Касса Тверская', 4, 1, 1, true), (2, 'Касса дьюти-фри', 4, 2, 1, true);
insert into pos_session (id, config_id, name, user_id, state) values (1, 1, 'POS/1', 2, 'closed'), (2, 2, 'POS/2', 2, 'closed');
-- A receipt with a discount and a tip; it comes back but for the tip, rounded; one in dollars; one that settles S00001.
-- Floats as Odoo writes them.
insert into pos_order (id, name, company_id, partner_id, user_id, session_id, config_id, pos_reference, state, date_order, amount_tax,
    amount_total, amount_paid, amount_return, currency_rate, tip_amount) values
    (1, 'T/1', 1, 10, 2, 1, 1, 'Order 1', 'done', '2026-10-05 12:00', 183.333333333, 1149.999999998, 1150, 0, 1, 50),
    (2, 'T/1 REFUND', 1, 10, 2, 1, 1, 'Order 1', 'done', '2026-10-06 12:00', -183.333333333, -1100.5, -1100.5, 0, 1, 0),
    (3, 'D/1', 1, null, 2, 2, 2, 'Order 3', 'done', '2026-10-06 13:00', 0, 120, 120, 0, 0.01, 0),
    (4, 'T/4', 1, 10, 2, 1, 1, 'Order 4', 'done', '2026-10-07 12:00', 200, 1200, 1200, 0, 1, 0);
insert into pos_order_line (id, name, order_id, product_id, full_product_name, qty, price_unit, discount, price_subtotal, price_subtotal_incl,
    total_cost, is_total_cost_computed, refunded_orderline_id, sale_order_origin_id, sale_order_line_id) values
    (1, 'L1', 1, 1, 'Стул', 1, 1200, 0, 999.999999999, 1199.999999998, 610, true, null, null, null),
    (2, 'L2', 1, 7, 'Скидка', 1, -100, 0, -83.333333333, -100, null, false, null, null, null),
    (3, 'L3', 1, 6, 'Чаевые', 1, 50, 0, 50, 50, null, false, null, null, null),
    (4, 'L4', 2, 1, 'Стул', -1, 1200, 0, -999.999999999, -1199.999999998, -610, true, 1, null, null),
    (5, 'L5', 2, 7, 'Скидка', -1, -100, 0, 83.333333333, 100, null, false, 2, null, null),
    (6, 'L6', 3, 1, 'Chair', 1, 120, 0, 120, 120, null, false, null, null, null),
    (7, 'L7', 4, 1, 'Стул', 1, 1200, 0, 1000, 1200, 600, true, null, 1, 2);
insert into pos_payment_method (id, name, journal_id, active) values (1, '{"en_US": "Cash", "ru_RU": "Наличные"}', 1, true);
insert into pos_payment (id, pos_order_id, payment_method_id, amount, is_change, payment_date) values
    (1, 1, 1, 1150, false, '2026-10-05 12:00'), (2, 2, 1, -1100.5, false, '2026-10-06 12:00');
insert into loyalty_program (id, name, program_type, active) values (1, '{"en_US": "Club"}', 'loyalty', true), (2, '{"en_US": "Coupons"}', 'coupons', true), (3, '{"en_US": "Gift cards"}', 'gift_card', true);
insert into loyalty_card (id, program_id, partner_id, code, points) values (1, 1, 10, '0440-aaaa', 120.5), (2, 2, 10, '044c-bbbb', 1), (3, 3, 10, '044g-cccc', 500);
