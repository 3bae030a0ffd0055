-- One invented customer, Anna, in all systems, and those around her: a colleague, a withheld number, a
-- deleted card. Loaded into the raw schemas by conftest.py.
insert into raw_suitecrm.users (id, first_name, last_name, date_modified) values ('u1', 'Олег', 'Лавров', '2026-01-01');
insert into raw_suitecrm.contacts (id, salutation, first_name, last_name, phone_mobile, date_entered, date_modified, deleted) values
('c1', 'Ms.', 'Анна', 'Орлова', '8 (916) 000-00-01', '2026-01-01 09:00', '2026-01-01 09:00', 0),
('c2', 'Mr.', 'Пётр', 'Снегов', '8 (916) 000-00-09', '2026-01-01 09:00', '2026-01-05 09:00', 1);
insert into raw_suitecrm.leads (id, first_name, last_name, status, converted, contact_id, date_entered, date_modified) values
('l1', 'Анна', 'Орлова', 'Converted', 1, 'c1', '2025-12-30 09:00', '2026-01-01 09:00');
insert into raw_suitecrm.email_addresses (id, email_address, date_modified, deleted) values
('e1', 'anna@mail.example', '2026-01-01', 0), ('e2', 'old@mail.example', '2026-01-01', 1);
insert into raw_suitecrm.email_addr_bean_rel (id, email_address_id, bean_id, bean_module, primary_address, date_modified, deleted) values
('r1', 'e1', 'c1', 'Contacts', 1, '2026-01-01', 0), ('r2', 'e2', 'c1', 'Contacts', 0, '2026-01-01', 0),
('r3', 'e1', 'c2', 'Contacts', 1, '2026-01-01', 1);
insert into raw_suitecrm.cases (id, case_number, type, state, status, priority, contact_created_by_id, assigned_user_id, date_entered, date_modified) values
('k1', 1, 'Product', 'Closed', 'Closed_Closed', 'P1', 'c1', 'u1', '2026-01-20 10:00', '2026-01-20 12:00'),
('k2', 2, 'Product', 'Open', 'Open_Escalated', 'P3', null, 'u1', '2026-01-21 10:00', '2026-01-21 10:00');
insert into raw_suitecrm.notes (id, name, description, parent_type, parent_id, created_by, date_entered, date_modified) values
('n1', 'Ответ', 'Перезвонить вечером', 'Cases', 'k1', 'u1', '2026-01-20 10:05', '2026-01-20 10:05');
insert into raw_suitecrm.calls (id, name, status, direction, parent_type, parent_id, assigned_user_id, date_start, date_end, date_modified) values
('p1', 'Звонок', 'Planned', 'Outbound', 'Contacts', 'c1', 'u1', '2026-05-01 10:00', '2026-05-01 10:10', '2026-01-20'),
('p2', 'Звонок', 'Held', 'Inbound', 'Contacts', 'c2', 'u1', '2026-01-04 10:00', '2026-01-04 10:10', '2026-01-04');

insert into raw_odoo.res_partner (id, name, is_company, type, email, phone, parent_id, active, create_date, write_date) values
(1, 'Интернет-магазин', true, 'contact', null, null, null, true, '2020-01-01', '2020-01-01'),
(2, 'Лавров Олег', false, 'contact', null, null, null, true, '2020-01-01', '2020-01-01'),
(3, 'Орлова Анна Павловна', false, 'contact', 'ANNA@mail.example', '+79160000001', null, true, '2025-01-01', '2025-01-01'),
(4, 'Анна', false, 'delivery', null, '+79160000001', 3, true, '2025-01-01', '2025-01-01'),
(5, 'Склад магазина', false, 'delivery', null, null, 1, true, '2025-01-01', '2025-01-01');
insert into raw_odoo.res_users (id, login, partner_id, share, active) values (7, 'oleg', 2, false, true);
insert into raw_odoo.res_company (id, name, partner_id, currency_id) values (1, 'Магазин', 9, 34);
insert into raw_odoo.res_currency (id, name) values (34, 'RUB');
insert into raw_odoo.stock_warehouse (id, name, code) values (5, 'Склад Арбат', 'A');
insert into raw_odoo.stock_picking_type (id, name, code, warehouse_id) values (8, '{"en_US": "Out"}', 'outgoing', 5), (9, '{"en_US": "Till"}', 'outgoing', 5);
insert into raw_odoo.delivery_carrier (id, name, delivery_type) values (2, '{"en_US": "Pick up"}', 'in_store');
insert into raw_odoo.pos_config (id, name, picking_type_id, company_id) values (3, 'Арбат', 9, 1);
insert into raw_odoo.pos_session (id, config_id) values (30, 3);
insert into raw_odoo.product_template (id, name) values (50, '{"ru_RU": "Чайник"}');
insert into raw_odoo.product_product (id, product_tmpl_id, default_code, standard_price) values (60, 50, 'SKU-1', '{"1": 400}');
insert into raw_odoo.sale_order (id, name, company_id, currency_id, carrier_id, warehouse_id, partner_id, date_order, state, amount_total, amount_tax, client_order_ref, origin, write_date) values
(100, 'S00100', 1, 34, 2, 5, 1, '2026-01-10 10:01', 'sale', 1200, 200, '500', 'WooCommerce', '2026-01-12 09:00');
insert into raw_odoo.sale_order_line (id, order_id, product_id, name, product_uom_qty, price_unit, price_subtotal, price_tax, price_total, write_date) values
(1000, 100, 60, 'Чайник', 1, 1200, 1000, 200, 1200, '2026-01-12');
insert into raw_odoo.stock_picking (id, name, sale_id, state, scheduled_date, date_done, picking_type_id, write_date) values
(200, 'OUT/1', 100, 'done', '2026-01-11 09:00', '2026-01-12 09:00', 8, '2026-01-12 09:00');
insert into raw_odoo.pos_order (company_id, id, name, pos_reference, partner_id, session_id, user_id, date_order, amount_total, amount_tax, state, email, is_refund, refunded_order_id, write_date) values
(1, 300, 'P/1', 'R-300', 3, 30, 7, '2026-01-15 10:00', 2400, 400, 'done', null, false, null, '2026-01-15'),
(1, 301, 'P/2', 'R-301', null, 30, 7, '2026-01-16 10:00', -1200, -200, 'done', null, true, null, '2026-01-16'),
(1, 302, 'P/3', 'R-302', null, 30, 7, '2026-01-17 10:00', 600, 100, 'done', 'anna@mail.example', false, null, '2026-01-17'),
(1, 303, 'P/4', 'R-303', 2, 30, 7, '2026-01-17 11:00', 500, 80, 'done', null, false, null, '2026-01-17'),
(1, 304, 'P/5', 'R-304', null, 30, 7, '2026-01-17 12:00', 500, 80, 'done', null, false, null, '2026-01-17'),
(1, 305, 'P/6', 'R-305', 3, 30, 7, '2026-01-18 10:00', -700, -100, 'done', null, false, 300, '2026-01-18');
insert into raw_odoo.pos_order_line (id, order_id, product_id, qty, price_unit, price_subtotal, price_subtotal_incl, refunded_orderline_id, sale_order_origin_id, sale_order_line_id, write_date) values
(400, 300, 60, 2, 1200, 2000, 2400, null, null, null, '2026-01-15'),
(401, 301, 60, -1, 1200, -1000, -1200, null, 100, 1000, '2026-01-16'),
(402, 302, 60, 1, 600, 500, 600, null, null, null, '2026-01-17'),
(403, 303, 60, 1, 500, 420, 500, null, null, null, '2026-01-17'),
(404, 304, 60, 1, 500, 420, 500, null, null, null, '2026-01-17'),
-- An exchange: one receipt takes back and sells.
(405, 305, 60, -1, 1200, -1000, -1200, 400, null, null, '2026-01-18'),
(406, 305, 60, 1, 500, 400, 500, null, null, null, '2026-01-18');

insert into raw_woocommerce.wp_wc_orders (id, status, currency, type, tax_amount, total_amount, customer_id, billing_email, date_created_gmt, date_updated_gmt, parent_order_id, customer_note) values
(499, 'wc-checkout-draft', 'RUB', 'shop_order', 0, 900, 0, '', '2026-01-09 10:00', '2026-01-09 10:00', 0, null),
(500, 'wc-completed', 'RUB', 'shop_order', 200, 1200, 0, 'anna@mail.example', '2026-01-10 10:00', '2026-01-12 09:30', 0, null),
(501, 'wc-backorder', 'RUB', 'shop_order', 0, 300, 12, 'anna@mail.example', '2026-01-25 10:00', '2026-01-25 10:00', 0, null),
(502, 'wc-completed', 'RUB', 'shop_order_refund', 0, -200, 0, null, '2026-01-13 10:00', '2026-01-13 10:00', 500, 'Скол'),
-- Of nobody known: an order given back whole with its shipping, one of which a fee was kept, one given back by amount,
-- by a fee and by the price of goods that stay; statuses of other forms; an order that an employee began.
(510, 'wc-refunded', 'RUB', 'shop_order', 0, 1300, 0, null, '2026-01-20 10:00', '2026-01-20 10:00', 0, null),
(511, 'wc-completed', 'RUB', 'shop_order_refund', 0, -1300, 0, null, '2026-01-21 10:00', '2026-01-21 10:00', 510, null),
(512, 'processing', 'RUB', 'shop_order', 0, 1000, 0, null, '2026-01-20 10:00', '2026-01-20 10:00', 0, null),
(513, 'wc-completed', 'RUB', 'shop_order_refund', 0, -900, 0, null, '2026-01-21 10:00', '2026-01-21 10:00', 512, null),
(514, 'wc-processing', 'RUB', 'shop_order', 0, 2000, 0, null, '2026-01-20 10:00', '2026-01-20 10:00', 0, null),
(515, 'wc-completed', 'RUB', 'shop_order_refund', 0, -150, 0, null, '2026-01-21 10:00', '2026-01-21 10:00', 514, null),
(516, 'wc-completed', 'RUB', 'shop_order_refund', 0, -50, 0, null, '2026-01-21 10:00', '2026-01-21 10:00', 514, null),
(517, 'wc-completed', 'RUB', 'shop_order_refund', -20, -120, 0, null, '2026-01-21 10:00', '2026-01-21 10:00', 514, null),
(520, 'auto-draft', 'RUB', 'shop_order', 0, 0, 0, null, '2026-01-20 10:00', '2026-01-20 10:00', 0, null),
(521, 'checkout-draft', 'RUB', 'shop_order', 0, 70, 0, null, '2026-01-20 10:00', '2026-01-20 10:00', 0, null);
insert into raw_woocommerce.wp_wc_order_addresses (id, order_id, address_type, first_name, last_name, email, phone) values
(1, 500, 'billing', 'Anna', 'Orlova', 'anna@mail.example', '89160000001'),
(2, 501, 'billing', 'Anna', 'Orlova', 'anna@mail.example', '89160000001');
insert into raw_woocommerce.wp_wc_order_operational_data (id, order_id, date_paid_gmt, date_completed_gmt) values
(1, 500, '2026-01-10 10:05', '2026-01-12 09:30');
insert into raw_woocommerce.wp_wc_orders_meta (id, order_id, meta_key, meta_value) values
(1, 500, '_pickup_location', 'Арбат'), (2, 500, '_wc_order_attribution_utm_source', 'vk');
insert into raw_woocommerce.wp_woocommerce_order_items (order_item_id, order_item_name, order_item_type, order_id) values
(900, 'Чайник', 'line_item', 500), (901, 'Чайник', 'line_item', 501),
(910, 'Стул', 'line_item', 510), (911, 'Курьер', 'shipping', 510), (912, 'Стул', 'line_item', 511), (913, 'Курьер', 'shipping', 511),
(914, 'Стул', 'line_item', 512), (915, 'Стул', 'line_item', 513), (916, 'Удержано', 'fee', 513),
(917, 'Стул', 'line_item', 514), (918, 'Сборка', 'fee', 516), (919, 'Стул', 'line_item', 517);
insert into raw_woocommerce.wp_woocommerce_order_itemmeta (meta_id, order_item_id, meta_key, meta_value) values
(1, 900, '_sku', 'SKU-1'), (2, 900, '_qty', '1'), (3, 900, '_line_subtotal', '1 100,00'), (4, 900, '_line_total', '1000'), (5, 900, '_line_tax', '200'),
(6, 901, '_sku', 'SKU-9'), (7, 901, '_qty', '1'), (8, 901, '_line_subtotal', '300'), (9, 901, '_line_total', '300'),
(10, 910, '_sku', 'SKU-7'), (11, 910, '_qty', '1'), (12, 910, '_line_total', '1000'), (13, 911, 'cost', '300'),
(14, 912, '_sku', 'SKU-7'), (15, 912, '_qty', '-1'), (16, 912, '_line_total', '-1000'), (17, 912, '_refunded_item_id', '910'),
(18, 913, 'cost', '-250'), (19, 913, 'total_tax', '-50'), (20, 913, '_refunded_item_id', '911'),
(21, 914, '_qty', '1'), (22, 914, '_line_total', '1000'), (23, 915, '_qty', '-1'), (24, 915, '_line_total', '-1000'),
(25, 916, '_line_total', '100'), (26, 917, '_qty', '1'), (27, 917, '_line_total', '2000'), (28, 918, '_line_total', '-50'),
(29, 919, '_qty', '0'), (30, 919, '_line_total', '-100'), (31, 919, '_line_tax', '-20'), (32, 919, '_refunded_item_id', '917');
insert into raw_woocommerce.wp_wc_customer_lookup (customer_id, user_id, username, first_name, last_name, email, date_registered, date_last_active) values
(1, 12, 'anna', 'Anna', 'Orlova', 'anna@mail.example', '2025-05-01', '2026-01-25');

insert into raw_asterisk.cdr (src, dst, dcontext, clid, channel, dstchannel, lastapp, start, answer, "end", duration, billsec, disposition, uniqueid, linkedid, sequence) values
('+79160000001', '600', 'from-trunk', '"Anna" <+79160000001>', 'PJSIP/trunk-1', 'PJSIP/201-1', 'Queue', '2026-01-23 13:00', '2026-01-23 13:00:02', '2026-01-23 13:03', 180, 170, 'ANSWERED', 'a', 'a', 1),
('anonymous', '600', 'from-trunk', '"Anonymous" <anonymous>', 'PJSIP/trunk-2', '', 'Queue', '2026-01-23 14:00', '2026-01-23 14:00:02', '2026-01-23 14:01', 60, 50, 'ANSWERED', 'b', 'b', 2),
('201', '202', 'from-internal', '"201" <201>', 'PJSIP/201-3', 'PJSIP/202-3', 'Dial', '2026-01-23 15:00', '2026-01-23 15:00:02', '2026-01-23 15:01', 60, 50, 'ANSWERED', 'd', 'd', 3);
insert into raw_asterisk.queue_log (id, time, callid, queuename, agent, event, data1, data2, data3) values
(1, '2026-01-23 13:00', 'a', 'support', 'PJSIP/201', 'CONNECT', '15', null, null),
(2, '2026-01-23 14:01', 'b', 'support', 'NONE', 'ABANDON', '1', '1', '44');

insert into raw_chatwoot.users (id, name, created_at, updated_at) values (1, 'Дина Колосова', '2025-01-01', '2025-01-01');
insert into raw_chatwoot.inboxes (id, account_id, channel_id, channel_type, name, created_at, updated_at)
select id, 1, id, replace(kind, '-', chr(58) || chr(58)), kind, '2025-01-01', '2025-01-01'
from (values (1, 'Channel-Telegram'), (2, 'Channel-WebWidget'), (3, 'Channel-Whatsapp')) as kinds (id, kind);
-- Anna in two messengers, merged; a visitor who left nothing; one whose card was merged into Anna's.
insert into raw_chatwoot.contacts (id, account_id, name, last_name, identifier, created_at, updated_at, _deleted_at) values
(1, 1, 'Аня', 'Орлова', '12', '2026-01-24 09:00', '2026-01-24 09:00', null),
(2, 1, 'icy-sea-123', '', null, '2026-01-24 09:00', '2026-01-24 09:00', null),
(3, 1, '+79160000001', '', null, '2026-01-24 09:00', '2026-01-24 09:00', '2026-01-25 09:00');
insert into raw_chatwoot.contact_inboxes (id, contact_id, inbox_id, source_id, created_at, updated_at) values
(1, 1, 1, '555000111', '2026-01-24', '2026-01-24'), (2, 2, 2, '6f1c', '2026-01-24', '2026-01-24'),
(3, 1, 3, '79160000001', '2026-01-24', '2026-01-24');
insert into raw_chatwoot.conversations (id, account_id, display_id, uuid, inbox_id, contact_id, status, priority, assignee_id, first_reply_created_at, last_activity_at, created_at, updated_at) values
(1, 1, 71, '00000000-0000-0000-0000-000000000001', 1, 1, 1, 3, 1, null, '2026-01-24 09:21', '2026-01-24 09:00', '2026-01-25 09:00'),
(2, 1, 72, '00000000-0000-0000-0000-000000000002', 2, 2, 0, null, null, null, '2026-01-24 09:00', '2026-01-24 09:00', '2026-01-24 09:00');
insert into raw_chatwoot.messages (id, account_id, inbox_id, conversation_id, message_type, content_type, content, private, status, sender_type, sender_id, created_at, updated_at) values
(1, 1, 1, 1, 0, 0, 'Где заказ?', false, 0, 'Contact', 1, '2026-01-24 09:00:00', '2026-01-24 09:00'),
(2, 1, 1, 1, 1, 0, 'Секунду', false, 0, 'AgentBot', 9, '2026-01-24 09:00:01', '2026-01-24 09:00'),
(3, 1, 1, 1, 0, 0, 'Ау', false, 0, 'Contact', 1, '2026-01-24 09:00:20', '2026-01-24 09:00'),
(4, 1, 1, 1, 0, 0, 'Ау!', false, 0, 'Contact', 1, '2026-01-24 09:00:30', '2026-01-24 09:00'),
(5, 1, 1, 1, 1, 0, 'Спросить склад', true, 0, 'User', 1, '2026-01-24 09:00:35', '2026-01-24 09:00'),
(6, 1, 1, 1, 1, 0, 'Завтра будет', false, 2, 'User', 1, '2026-01-24 09:00:40', '2026-01-24 09:00'),
(7, 1, 1, 1, 2, 0, 'Разговор закрыт', false, 0, null, null, '2026-01-24 09:20', '2026-01-24 09:20'),
(8, 1, 1, 1, 3, 9, 'Оцените', false, 0, null, null, '2026-01-24 09:20', '2026-01-24 09:20'),
(9, 1, 1, 1, 3, 9, 'Оцените', false, 0, null, null, '2026-01-24 09:21', '2026-01-24 09:21'),
(10, 1, 2, 2, 3, 0, 'Чем помочь?', false, 0, null, null, '2026-01-24 09:00', '2026-01-24 09:00'),
(11, 1, 2, 2, 0, 0, 'Есть чайник?', false, 0, 'Contact', 2, '2026-01-24 09:00', '2026-01-24 09:00');
insert into raw_chatwoot.csat_survey_responses (id, account_id, conversation_id, message_id, contact_id, rating, feedback_message, created_at, updated_at) values
(1, 1, 1, 8, 1, 4, 'Спасибо', '2026-01-24 09:30', '2026-01-24 09:30');
insert into raw_chatwoot.reporting_events (id, conversation_id, name, event_end_time, created_at, updated_at) values
(1, 1, 'conversation_resolved', '2026-01-24 09:20', '2026-01-24 09:20', '2026-01-24 09:20');

-- Anna's browser before she logged in and ordered, and after; a browser of two users; a stranger's.
insert into raw_matomo.matomo_site (idsite, name, type) values (1, 'Сайт', 'website'), (2, 'Приложение', 'mobileapp');
insert into raw_matomo.matomo_log_action (idaction, name, hash, type, url_prefix) values (1, 'shop.example/chajnik', 1, 1, 2);
insert into raw_matomo.matomo_log_visit (idvisit, idsite, idvisitor, user_id, visit_first_action_time, visit_last_action_time, visit_entry_idaction_url, visit_goal_buyer, visit_total_actions, referer_type, referer_name, config_device_type) values
(1, 1, decode('00000000000000a1', 'hex'), null, '2026-01-24 08:00', '2026-01-24 08:05', 1, 2, 3, 6, 'osen', 1),
(2, 1, decode('00000000000000b2', 'hex'), '12', '2026-01-24 08:30', '2026-01-24 08:40', 1, 1, 5, 1, null, 0),
(3, 2, decode('00000000000000c3', 'hex'), '12', '2026-01-24 08:50', '2026-01-24 08:51', null, 0, 2, 1, null, 1),
(4, 1, decode('00000000000000c3', 'hex'), '77', '2026-01-24 08:55', '2026-01-24 08:56', null, 0, 1, 1, null, 1),
(5, 1, decode('00000000000000d4', 'hex'), null, '2026-01-24 08:57', '2026-01-24 08:58', 1, 1, 2, 2, 'Yandex', 0),
-- A guest's order in Anna's browser.
(6, 1, decode('00000000000000a1', 'hex'), null, '2026-01-24 08:59', '2026-01-24 08:59', 1, 1, 2, 1, null, 1);
insert into raw_matomo.matomo_log_link_visit_action (idlink_va, idsite, idvisitor, server_time, idvisit) values
(1, 1, decode('00000000000000a1', 'hex'), '2026-01-24 08:30', 2), (2, 1, decode('00000000000000b2', 'hex'), '2026-01-24 08:31', 2);
insert into raw_matomo.matomo_log_conversion (idvisit, idsite, idvisitor, server_time, idgoal, buster, idorder, items, revenue) values
(1, 1, decode('00000000000000a1', 'hex'), '2026-01-24 08:05', -1, 0, null, 1, 1200),
(2, 1, decode('00000000000000b2', 'hex'), '2026-01-24 08:40', 0, 77, '501', 1, 300),
(2, 1, decode('00000000000000b2', 'hex'), '2026-01-24 08:39', -1, 0, null, 1, 300), -- the cart, as read before it was bought
(5, 1, decode('00000000000000d4', 'hex'), '2026-01-24 08:58', 2, 0, null, null, 0),
(6, 1, decode('00000000000000a1', 'hex'), '2026-01-24 08:59', 0, 78, '500', 1, 1200),
(9, 1, decode('00000000000000d4', 'hex'), '2026-01-24 08:58', 2, 0, null, null, 0);
insert into raw_matomo.matomo_log_conversion_item (idvisit, idorder, idaction_sku, idsite, idvisitor, server_time, price, quantity, deleted) values
(1, '0', 7, 1, decode('00000000000000a1', 'hex'), '2026-01-24 08:05', 1200, 2, 0), (1, '0', 8, 1, decode('00000000000000a1', 'hex'), '2026-01-24 08:05', 9, 1, 1),
(2, '501', 7, 1, decode('00000000000000b2', 'hex'), '2026-01-24 08:40', 300, 1, 0);

-- Identity as it would be: everything that is Anna's is Anna; one ID was merged into hers.
insert into identity.record_customers (source_system, source_record_id, customer_id, linked_by, match_probability, since_run_id)
select source_system, source_record_id, customer_id, 'splink', 0.99, 'run-1'
from (values
    ('suitecrm', 'contact:c1', 'C-ANNA'), ('suitecrm', 'lead:l1', 'C-ANNA'), ('odoo', 'partner:3', 'C-ANNA'),
    ('odoo', 'partner:4', 'C-ANNA'), ('odoo', 'receipt:302', 'C-ANNA'), ('woocommerce', 'order:500', 'C-ANNA'),
    ('woocommerce', 'user:12', 'C-ANNA'), ('asterisk', 'number:+79160000001', 'C-ANNA'),
    ('chatwoot', 'contact:1', 'C-ANNA'), ('matomo', 'visitor:00000000000000a1', 'C-ANNA'),
    ('matomo', 'visitor:00000000000000b2', 'C-ANNA'), ('odoo', 'partner:1', 'C-SHOP'), ('odoo', 'partner:5', 'C-DEPOT')
) as links (source_system, source_record_id, customer_id);
insert into identity.record_identifiers (source_system, source_record_id, kind, value, is_main, is_canonical)
select source_system, source_record_id, kind, value, true, true
from (values
    ('suitecrm', 'contact:c1', 'phone', '+79160000001'), ('suitecrm', 'contact:c1', 'email', 'anna@mail.example'),
    ('asterisk', 'number:+79160000001', 'phone', '+79160000001'),
    ('woocommerce', 'order:500', 'phone', '+79160000001'), ('woocommerce', 'order:500', 'email', 'anna@mail.example'),
    ('woocommerce', 'user:12', 'email', 'anna@mail.example'), ('woocommerce', 'user:12', 'login', 'anna')
) as held (source_system, source_record_id, kind, value);
insert into identity.customers (customer_id, created_at, created_run_id, retired_at, retired_run_id, surviving_customer_id) values
('C-ANNA', '2026-01-01', 'run-0', null, null, null), ('C-SHOP', '2026-01-01', 'run-0', null, null, null),
('C-DEPOT', '2026-01-01', 'run-0', null, null, null), ('C-OLD', '2026-01-01', 'run-0', '2026-01-30', 'run-1', 'C-ANNA');
insert into identity.edges (source_system_l, source_record_id_l, source_system_r, source_record_id_r, linked_by, match_probability, is_used, run_id) values
('suitecrm', 'contact:c1', 'odoo', 'partner:3', 'splink', 0.93, true, 'run-1');
