"""A day in the life of each system, as SQL on its own database.

Belongs here: what happens in a day: people buy, call and write again, cards change, are merged and deleted, rows
arrive late and with a wrong clock. Does not belong here: connections, new people and the truth (advance.py).

A script may use pg_temp.draw(topic, key), 0 to 1, and pg_temp.at(topic, key), a moment of the day: both hang on
seed, day and key alone, so that the same day gives the same rows. It tells of cards in temporary tables:
card_copies (old, new: another card of the same person), cards_gone and cards_dead (id).
"""

PRELUDE = """
create function pg_temp.draw(topic text, key text) returns double precision language sql as $$
    select ('x' || substr(md5(concat_ws('/', current_setting('demo.seed'), current_setting('demo.day'), topic, key)), 1, 8)
        )::bit(32)::bigint / 4294967296.0 $$;
create function pg_temp.begun() returns timestamp language sql as $$
    select current_setting('demo.begun')::timestamp $$;
create function pg_temp.at(topic text, key text) returns timestamp language sql as $$
    select date_trunc('second', pg_temp.begun() + interval '12 hours' + pg_temp.draw(topic, key) * interval '10 hours') $$;
create function pg_temp.uid(key text) returns text language sql as $$
    select md5(concat_ws('/', current_setting('demo.seed'), current_setting('demo.day'), key))::uuid::text $$;
create temp table card_copies (old text, new text) on commit drop;
create temp table cards_gone (id text) on commit drop;
create temp table cards_dead (id text) on commit drop;
"""


def again(table: str, of: str, by: str, number: str = "", where: str = "true", **changes: str) -> str:
    """SQL: the rows of `table` whose `by` is an `of`.old once more, under `of`.new.

    `number`: the key column that gets the next numbers. changes: column → SQL, in which s.row is the row as it
    was, s.new and s.at those of `of`.
    """
    members = {by: "s.new", **changes}
    if number:
        members[number] = f"(select max({number}) from {table}) + s.place"
    pairs = ", ".join(f"'{column}', {expression}" for column, expression in members.items())
    return f"""
        insert into {table} select r.* from (
            select o as row, m.new, m.at, row_number() over (order by m.new, o.{number or by}) as place
            from {table} o join {of} m on o.{by} = m.old where {where}
        ) s cross join lateral jsonb_populate_record(s.row, jsonb_build_object({pairs})) r;
    """


def chosen(name: str, table: str, key: str, where: str, share: int, fewest: int = 2) -> str:
    """SQL: temporary table `name` (old, new, at) of one in `share` rows, `fewest` at least; new goes on from the last."""
    return f"""
        create temp table {name} on commit drop as
        select {key} as old, (select max({key}) from {table}) + row_number() over (order by {key}) as new,
            pg_temp.at('{name}', {key}::text) as at
        from (select {key} from {table} where {where} order by pg_temp.draw('{name}', {key}::text), {key}
            limit (select {fewest} + count(*) / {share} from {table})) t;
    """


def _late(table: str, changed: str, column: str, what: str) -> str:
    """SQL: two rows whose change comes to light after those of rows with a later time."""
    return f"""
        update {table} set {what}, {column} = (
            select max({column}) - interval '30 minutes' from {table} where {column} <= pg_temp.begun())
        where id in (select id from {table} where {changed} order by pg_temp.draw('late', id::text), id limit 2);
    """


# merges (loser, winner) and web_orders, finished (as woocommerce left them) are there already.
ODOO = [
    chosen("bought", "pos_order", "id", "amount_total >= 0 and state in ('paid', 'done', 'invoiced')", 300),
    # The first store's clock is a quarter of an hour ahead.
    """
    update bought set at = at + interval '15 minutes' where old in (
        select id from pos_order where config_id = (select min(id) from pos_config));
    """,
    again(
        "pos_order", "bought", "id", name="(s.row).name || '/' || s.new", pos_reference="'Order ' || s.new",
        uuid="pg_temp.uid('till' || s.new)", date_order="s.at", create_date="s.at", write_date="s.at",
    ),
    again("pos_order_line", "bought", "order_id", "id", create_date="s.at", write_date="s.at"),
    again(
        "pos_payment", "bought", "pos_order_id", "id",
        payment_date="s.at", create_date="s.at", write_date="s.at",
    ),
    again(
        "loyalty_history", "bought", "order_id", "id", "order_model = 'pos.order'",
        used="0", create_date="s.at", write_date="s.at",
    ),
    """
    update loyalty_card c set points = c.points + h.issued, write_date = h.at from (
        select card_id, sum(issued) as issued, max(b.at) as at from loyalty_history join bought b on order_id = b.new
        where order_model = 'pos.order' group by card_id) h
    where c.id = h.card_id;
    insert into card_copies select 'receipt:' || old, 'receipt:' || new from bought;

    create temp table mirrored on commit drop as
    select o.id as old, (select max(id) from sale_order) + row_number() over (order by w.new) as new, w.at, w.new as web
    from sale_order o join web_orders w on substring(o.client_order_ref from '[0-9]+$')::bigint = w.old
    where o.origin = 'WooCommerce';
    """,
    again(
        "sale_order", "mirrored", "id", name="'S' || lpad(s.new::text, 5, '0')", date_order="s.at", state="'sale'",
        client_order_ref="regexp_replace((s.row).client_order_ref, '[0-9]+$', "
        "(select web::text from mirrored where new = s.new))",
        create_date="s.at", write_date="s.at",
    ),
    again("sale_order_line", "mirrored", "order_id", "id", qty_delivered="0", create_date="s.at", write_date="s.at"),
    again(
        "stock_picking", "mirrored", "sale_id", "id", name="(s.row).name || '/' || s.new",
        state="'assigned'", date_done="null", scheduled_date="s.at + interval '1 day'", create_date="s.at",
        write_date="s.at",
    ),
    """
    create temp table handed_over on commit drop as
    select o.id, f.at from sale_order o join finished f on substring(o.client_order_ref from '[0-9]+$')::bigint = f.id
    where o.origin = 'WooCommerce';
    update stock_picking p set state = 'done', date_done = h.at, write_date = h.at from handed_over h
    where p.sale_id = h.id and p.state = 'assigned';
    update sale_order_line l set qty_delivered = product_uom_qty, write_date = h.at from handed_over h
    where l.order_id = h.id;

    -- A merge of partners deletes the loser for good and points everything of it to the winner.
    create temp table merged on commit drop as
    select loser::integer, winner::integer, pg_temp.at('merge', loser) as at from merges;
    update pos_order o set partner_id = winner, write_date = at from merged where o.partner_id = loser;
    update sale_order o set partner_id = winner, write_date = at from merged where o.partner_id = loser;
    update sale_order o set partner_invoice_id = winner, write_date = at from merged where o.partner_invoice_id = loser;
    update sale_order o set partner_shipping_id = winner, write_date = at from merged where o.partner_shipping_id = loser;
    update stock_picking p set partner_id = winner, write_date = at from merged where p.partner_id = loser;
    update loyalty_card c set partner_id = winner, write_date = at from merged where c.partner_id = loser;
    update res_partner p set parent_id = winner, write_date = at from merged where p.parent_id = loser;
    update res_partner p set write_date = at from merged where p.id = winner;
    delete from res_partner p using merged where p.id = loser;
    insert into cards_gone select 'partner:' || loser from merged;

    -- Somebody tidies up: a phone in another form, old cards archived, quotations that came to nothing deleted.
    update res_partner set phone = '8 ' || right(regexp_replace(phone, '\\D', '', 'g'), 10),
        write_date = pg_temp.at('tidy', id::text)
    where regexp_replace(phone, '\\D', '', 'g') ~ '^[78]9\\d{9}$' and pg_temp.draw('tidy', id::text) < 0.02;
    update res_partner set active = false, write_date = pg_temp.at('archive', id::text)
    where active and not is_company and type = 'contact' and pg_temp.draw('archive', id::text) < 0.002;
    create temp table dropped on commit drop as
    select id from sale_order where state in ('draft', 'cancel') and origin is distinct from 'WooCommerce'
    order by pg_temp.draw('drop', id::text), id limit 1;
    delete from sale_order_line where order_id in (select id from dropped);
    delete from stock_picking where sale_id in (select id from dropped);
    delete from sale_order where id in (select id from dropped);
    """,
    _late("res_partner", "not is_company and type = 'contact'", "write_date", "lang = 'ru_RU'"),
]  # fmt: skip

WOOCOMMERCE = [
    chosen("web_orders", "wp_wc_orders", "id", "type = 'shop_order' and status = 'wc-completed'", 300),
    again(
        "wp_wc_orders", "web_orders", "id", status="'wc-processing'", date_created_gmt="s.at", date_updated_gmt="s.at",
    ),
    again("wp_wc_order_addresses", "web_orders", "order_id", "id"),
    again(
        "wp_wc_order_operational_data", "web_orders", "order_id", "id", date_completed_gmt="null",
        date_paid_gmt="case when (s.row).date_paid_gmt is not null then s.at end",
        order_key="'wc_order_' || left(md5(pg_temp.uid(s.new::text)), 13)",
    ),
    again("wp_wc_orders_meta", "web_orders", "order_id", "id"),
    """
    create temp table web_items on commit drop as
    select i.order_item_id as old, w.at, w.new as web,
        (select max(order_item_id) from wp_woocommerce_order_items) + row_number() over (order by i.order_item_id) as new
    from wp_woocommerce_order_items i join web_orders w on i.order_id = w.old;
    """,
    again(
        "wp_woocommerce_order_items", "web_items", "order_item_id",
        order_id="(select web from web_items where new = s.new)",
    ),
    again("wp_woocommerce_order_itemmeta", "web_items", "order_item_id", "meta_id"),
    """
    insert into card_copies select 'order:' || old, 'order:' || new from web_orders;
    update wp_wc_customer_lookup c set date_last_active = w.at from (
        select customer_id, max(at) as at from wp_wc_orders join web_orders on id = new where customer_id > 0
        group by customer_id) w
    where c.user_id = w.customer_id;

    -- Yesterday's orders arrive.
    create temp table finished on commit drop as
    select id, pg_temp.at('finish', id::text) as at from wp_wc_orders
    where type = 'shop_order' and status = 'wc-processing' and date_created_gmt < pg_temp.begun()
    and pg_temp.draw('finish', id::text) < 0.5;
    update wp_wc_orders o set status = 'wc-completed', date_updated_gmt = f.at from finished f where o.id = f.id;
    update wp_wc_order_operational_data d set date_completed_gmt = f.at, date_paid_gmt = coalesce(date_paid_gmt, f.at)
    from finished f where d.order_id = f.id;

    -- Carts left behind and orders in the bin are deleted for good.
    create temp table dropped on commit drop as
    select id from wp_wc_orders where type = 'shop_order' and status in ('wc-checkout-draft', 'trash')
    order by pg_temp.draw('drop', id::text), id limit 2;
    delete from wp_woocommerce_order_itemmeta where order_item_id in (
        select order_item_id from wp_woocommerce_order_items where order_id in (select id from dropped));
    delete from wp_woocommerce_order_items where order_id in (select id from dropped);
    delete from wp_wc_orders_meta where order_id in (select id from dropped);
    delete from wp_wc_order_operational_data where order_id in (select id from dropped);
    delete from wp_wc_order_addresses where order_id in (select id from dropped);
    delete from wp_wc_orders where id in (select id from dropped);
    insert into cards_gone select 'order:' || id from dropped;
    """,
    """
    update wp_wc_orders set date_updated_gmt = (
        select max(date_updated_gmt) - interval '30 minutes' from wp_wc_orders where date_updated_gmt <= pg_temp.begun()),
        customer_note = 'Позвонить заранее'
    where id in (select id from wp_wc_orders where type = 'shop_order' and status = 'wc-completed'
        order by pg_temp.draw('late', id::text), id limit 2);
    """,
]  # fmt: skip

SUITECRM = [
    """
    create temp table calls_again on commit drop as
    select id as old, pg_temp.uid('call' || id) as new, pg_temp.at('call', id) as at from (
        select id from calls where deleted = 0 and status = 'Held' order by pg_temp.draw('call', id), id
        limit (select 1 + count(*) / 300 from calls)) t;
    """,
    again(
        "calls", "calls_again", "id", date_start="s.at", date_end="s.at + ((s.row).date_end - (s.row).date_start)",
        date_entered="s.at", date_modified="s.at + interval '20 minutes'",
    ),
    again(
        "calls_contacts", "calls_again", "call_id", id="pg_temp.uid('with' || (s.row).id)", date_modified="s.at",
    ),
    """
    -- A merge marks the loser as deleted and points everything of it to the winner.
    create temp table merged on commit drop as select loser, winner, pg_temp.at('merge', loser) as at from merges;
    update calls_contacts r set contact_id = winner, date_modified = at from merged where r.contact_id = loser;
    update contacts_cases r set contact_id = winner, date_modified = at from merged where r.contact_id = loser;
    update cases c set contact_created_by_id = winner, date_modified = at from merged
    where c.contact_created_by_id = loser;
    update notes n set contact_id = winner, date_modified = at from merged where n.contact_id = loser;
    update notes n set parent_id = winner, date_modified = at from merged where n.parent_id = loser;
    update calls c set parent_id = winner, date_modified = at from merged where c.parent_id = loser;
    update leads l set contact_id = winner, date_modified = at from merged where l.contact_id = loser;
    update email_addr_bean_rel r set bean_id = winner, primary_address = 0, date_modified = at from merged
    where r.bean_id = loser;
    update contacts c set deleted = 1, date_modified = at from merged where c.id = loser;
    insert into cards_dead select 'contact:' || loser from merged;

    -- A lead that came to nothing goes, others get a word. The server's clock is 20 minutes ahead.
    create temp table dropped on commit drop as
    select id from leads where deleted = 0 and converted = 0 order by pg_temp.draw('drop', id), id limit 1;
    update leads set deleted = 1, date_modified = pg_temp.at('drop', id) where id in (select id from dropped);
    insert into cards_dead select 'lead:' || id from dropped;
    update contacts set description = 'Говорили ' || pg_temp.begun()::date,
        date_modified = pg_temp.at('word', id) + interval '20 minutes'
    where deleted = 0 and pg_temp.draw('word', id) < 0.03;
    update contacts set phone_mobile = '+7' || right(regexp_replace(phone_mobile, '\\D', '', 'g'), 10),
        date_modified = pg_temp.at('tidy', id)
    where deleted = 0 and regexp_replace(phone_mobile, '\\D', '', 'g') ~ '^[78]9\\d{9}$'
    and pg_temp.draw('tidy', id) < 0.02;
    """,
    _late("contacts", "deleted = 0", "date_modified", "description = 'Перезвонить'"),
]  # fmt: skip

# Times are Moscow's. A row lands at hang-up: the first of the day's calls began the day before.
ASTERISK = [
    """
    create temp table calls on commit drop as
    select linkedid, case when row_number() over (order by linkedid) = 1
            then (select max("end") - interval '3 hours' from cdr)
            else pg_temp.at('call', linkedid) + interval '3 hours' end - min(start) as shift
    from cdr where linkedid in (
        select linkedid from (select distinct linkedid from cdr where start < pg_temp.begun() - interval '1 day') t
        order by pg_temp.draw('call', linkedid), linkedid limit (select 2 + count(*) / 350 from cdr))
    group by linkedid having max("end") - min(start) < interval '2 hours';
    create temp table legs on commit drop as
    select distinct on (uniqueid) uniqueid as old, shift,
        extract(epoch from start + shift - interval '3 hours')::bigint || '.'
        || 1000000 + 1000 * current_setting('demo.day')::integer + dense_rank() over (order by uniqueid) as new
    from cdr join calls using (linkedid);
    insert into cdr select r.* from cdr o join legs l on o.uniqueid = l.old
    left join legs f on o.linkedid = f.old
    cross join lateral jsonb_populate_record(o, jsonb_build_object('uniqueid', l.new, 'linkedid', coalesce(f.new, l.new),
        'start', o.start + l.shift, 'answer', o.answer + l.shift, 'end', o."end" + l.shift)) r;
    insert into queue_log select r.* from (
        select q as row, l.new, l.shift, row_number() over (order by q.id) as place
        from queue_log q join legs l on q.callid = l.old
    ) s cross join lateral jsonb_populate_record(s.row, jsonb_build_object(
        'id', (select max(id) from queue_log) + s.place, 'time', (s.row).time + s.shift, 'callid', s.new)) r;
    """,
]

CHATWOOT = [
    chosen(
        "talks", "conversations", "id",
        "status = 1 and greatest(updated_at, last_activity_at) - created_at < interval '2 hours'", 300,
    ),
    again(
        "conversations", "talks", "id", display_id="(select max(display_id) from conversations) + s.place",
        uuid="pg_temp.uid('talk' || s.new)", created_at="s.at",
        **{column: f"(s.row).{column} + (s.at - (s.row).created_at)"
           for column in ("updated_at", "last_activity_at", "first_reply_created_at")},
    ),
    """
    create temp table lines on commit drop as
    select m.id as old, t.new as talk, t.at, m.created_at + (t.at - c.created_at) as said,
        (select max(id) from messages) + row_number() over (order by m.id) as new
    from messages m join talks t on m.conversation_id = t.old join conversations c on c.id = t.old;
    """,
    again(
        "messages", "lines", "id", conversation_id="(select talk from lines where new = s.new)",
        created_at="(select said from lines where new = s.new)", updated_at="(select said from lines where new = s.new)",
    ),
    """
    insert into csat_survey_responses select r.* from (
        select a as row, l.new, l.talk, a.created_at + (l.at - c.created_at) as said, row_number() over (order by a.id) as place
        from csat_survey_responses a join lines l on a.message_id = l.old join conversations c on c.id = a.conversation_id
    ) s cross join lateral jsonb_populate_record(s.row, jsonb_build_object(
        'id', (select max(id) from csat_survey_responses) + s.place, 'message_id', s.new, 'conversation_id', s.talk,
        'created_at', s.said, 'updated_at', s.said)) r;
    insert into reporting_events select r.* from (
        select e as row, t.new, t.at - c.created_at as shift, row_number() over (order by e.id) as place
        from reporting_events e join talks t on e.conversation_id = t.old join conversations c on c.id = t.old
    ) s cross join lateral jsonb_populate_record(s.row, jsonb_build_object(
        'id', (select max(id) from reporting_events) + s.place, 'conversation_id', s.new,
        'event_start_time', (s.row).event_start_time + s.shift, 'event_end_time', (s.row).event_end_time + s.shift,
        'created_at', (s.row).created_at + s.shift, 'updated_at', (s.row).updated_at + s.shift)) r;
    update contacts c set last_activity_at = v.at, updated_at = v.at from (
        select contact_id, max(updated_at) as at from conversations where id in (select new from talks) group by contact_id) v
    where c.id = v.contact_id;

    -- A merge deletes the loser for good and points its conversations and channels to the winner.
    create temp table merged on commit drop as
    select loser::integer, winner::integer, pg_temp.at('merge', loser) as at from merges;
    update conversations v set contact_id = winner, updated_at = at from merged where v.contact_id = loser;
    update contact_inboxes i set contact_id = winner, updated_at = at from merged where i.contact_id = loser;
    update csat_survey_responses a set contact_id = winner, updated_at = at from merged where a.contact_id = loser;
    update messages m set sender_id = winner, updated_at = at from merged
    where m.sender_type = 'Contact' and m.sender_id = loser;
    update contacts c set updated_at = at from merged where c.id = winner;
    delete from contacts c using merged where c.id = loser;
    insert into cards_gone select 'contact:' || loser from merged;
    """,
]  # fmt: skip

MATOMO = [
    chosen(
        "visits", "matomo_log_visit", "idvisit",
        "visit_last_action_time - visit_first_action_time < interval '1 hour' "
        "and idvisit not in (select idvisit from matomo_log_conversion)", 300,
    ),
    again(
        "matomo_log_link_visit_action", "visits", "idvisit", "idlink_va",
        server_time="(s.row).server_time + (s.at - ("
        "select visit_first_action_time from matomo_log_visit v where v.idvisit = (s.row).idvisit))",
    ),
    again(
        "matomo_log_visit", "visits", "idvisit", visitor_returning="1", visit_first_action_time="s.at",
        visit_last_action_time="s.at + ((s.row).visit_last_action_time - (s.row).visit_first_action_time)",
    ),
    """
    -- The last visit of the day before was not over: it grows.
    create temp table growing on commit drop as
    select idvisit, visit_last_action_time + interval '5 minutes' as at from matomo_log_visit
    where visit_last_action_time <= pg_temp.begun() order by visit_last_action_time desc, idvisit limit 1;
    update matomo_log_visit v set visit_last_action_time = g.at, visit_total_actions = visit_total_actions + 1,
        visit_total_time = visit_total_time + 300
    from growing g where v.idvisit = g.idvisit;
    insert into matomo_log_link_visit_action select r.* from (
        select l as row, g.at from matomo_log_link_visit_action l join growing g using (idvisit)
        order by l.idlink_va desc limit 1
    ) s cross join lateral jsonb_populate_record(s.row, jsonb_build_object(
        'idlink_va', (select max(idlink_va) + 1 from matomo_log_link_visit_action), 'server_time', s.at)) r;
    """,
]  # fmt: skip

# Of the shop the ERP hears, so the shop comes first.
DAYS = {
    "woocommerce": WOOCOMMERCE,
    "odoo": ODOO,
    "suitecrm": SUITECRM,
    "asterisk": ASTERISK,
    "chatwoot": CHATWOOT,
    "matomo": MATOMO,
}
