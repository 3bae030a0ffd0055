"""What the demo company's tables promise: the same every time, coherent, hard and yet solvable."""

from collections.abc import Callable
from functools import lru_cache

import duckdb
import pyarrow as pa
import pytest

from dagster_project.errors import C360Error
from demo_company import AS_OF, SOURCES, Generated, generate
from tests.demo_company import cards, linkers


@lru_cache
def company(customers: int) -> Generated:
    return generate(customers)


@pytest.fixture(scope="module")
def query() -> Callable[[str], list[tuple]]:
    """Runs SQL on the tables of 1,500 customers, with views cards, identifiers and truth."""
    connection = cards.read(company(1500))
    return lambda statement: connection.execute(statement).fetchall()


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = generate(300, seed=7), generate(300, seed=7), generate(300, seed=8)
    assert first.drops == again.drops
    for source in SOURCES:
        for name, table in first.tables[source].items():
            assert table.equals(again.tables[source][name]), f"{source}.{name} differs"
    assert first.record_entities.equals(again.record_entities)
    assert not first.tables["odoo"]["res_partner"].equals(other.tables["odoo"]["res_partner"])


@pytest.mark.parametrize("customers", [1500, 5000])
def test_exact_identifiers_are_not_enough(customers: int) -> None:
    connection = cards.read(company(customers))
    precision, recall = linkers.score(connection, linkers.careless(connection))
    assert precision <= 0.85
    assert recall <= 0.75


@pytest.mark.parametrize("customers", [1500, 5000])
def test_the_evidence_for_a_good_linker_is_there(customers: int) -> None:
    connection = cards.read(company(customers))
    precision, recall = linkers.score(connection, linkers.careful(connection))
    assert precision >= 0.98
    assert recall >= 0.95


def test_a_company_too_small_is_refused() -> None:
    with pytest.raises(C360Error, match="at least 50"):
        generate(49)


def test_noise_makes_it_harder() -> None:
    recalls = []
    for noise in (0.0, 1.0, 2.0):
        connection = cards.read(generate(800, noise=noise))
        recalls.append(linkers.score(connection, linkers.careless(connection))[1])
    assert recalls == sorted(recalls, reverse=True)
    assert recalls[0] - recalls[2] > 0.06


def test_the_scale_is_as_described() -> None:
    made = company(5000)
    records = made.record_entities.to_pandas()
    persons = records[records["entity_id"].str.startswith("person:")]
    assert 25_000 <= len(records) <= 34_000
    assert 4 <= len(persons) / persons["entity_id"].nunique() <= 6
    assert persons["entity_id"].nunique() == 5000
    assert 9_000 <= len(made.tables["woocommerce"]["wp_wc_orders"]) <= 14_000
    assert 17_000 <= len(made.tables["odoo"]["pos_order"]) <= 23_000
    assert 11_000 <= len(set(made.tables["asterisk"]["cdr"]["linkedid"].to_pylist())) <= 17_000
    assert 0.6 < records["is_linkable"].mean() < 0.9


@pytest.mark.parametrize(
    ("claim", "violations"),
    [
        ("every card has its truth", "select * from cards anti join truth using (source, record)"),
        ("every truth has its card", "select * from truth anti join cards using (source, record)"),
        ("a card is one", "select source, record from cards group by all having count(*) > 1"),
        ("dead cards are not linkable", "select * from cards inner join truth using (source, record) "
         "where not is_live and is_linkable"),
        ("companies are not linkable", "select * from res_partner as p inner join truth as t "
         "on t.record = 'partner:' || p.id where p.is_company and t.is_linkable"),
        ("each address has its order", "select * from wp_wc_order_addresses as a "
         "anti join wp_wc_orders as o on o.id = a.order_id"),
        ("each order has its billing address", "select * from wp_wc_orders as o anti join wp_wc_order_addresses as a "
         "on a.order_id = o.id and a.address_type = 'billing' where o.type = 'shop_order'"),
        ("each refund has its order", "select * from wp_wc_orders as r "
         "anti join wp_wc_orders as o on o.id = r.parent_order_id and r.date_created_gmt >= o.date_created_gmt "
         "where r.type = 'shop_order_refund'"),
        ("refunds are no more than their order", "select o.id from wp_wc_orders as o inner join wp_wc_orders as r "
         "on r.parent_order_id = o.id group by o.id, o.total_amount having o.total_amount + sum(r.total_amount) < 0"),
        ("an order is the sum of its items", "select o.id from wp_wc_orders as o "
         "inner join wp_woocommerce_order_items as i on i.order_id = o.id "
         "inner join wp_woocommerce_order_itemmeta as m on m.order_item_id = i.order_item_id "
         "where m.meta_key in ('_line_total', '_line_tax', 'cost') "
         "group by o.id, o.total_amount having o.total_amount <> sum(m.meta_value::decimal(16, 2))"),
        ("each mirrored order exists", "select * from sale_order as s anti join wp_wc_orders as o "
         "on o.id::varchar = s.client_order_ref and o.total_amount = s.amount_total where s.origin = 'WooCommerce'"),
        ("each completed order is mirrored", "select * from wp_wc_orders as o "
         "anti join sale_order as s on o.id::varchar = s.client_order_ref "
         "where o.type = 'shop_order' and o.status in ('wc-completed', 'wc-refunded')"),
        ("a mirrored order is once", "select client_order_ref from sale_order where client_order_ref is not null "
         "group by 1 having count(*) > 1"),
        ("an ERP order is the sum of its lines", "select s.id from sale_order as s inner join sale_order_line as l "
         "on l.order_id = s.id group by s.id, s.amount_total having s.amount_total <> sum(l.price_total)"),
        ("a picked-up order was handed over after it was placed", "select * from wp_wc_orders as o "
         "inner join wp_wc_orders_meta as m on m.order_id = o.id and m.meta_key = '_pickup_location' "
         "inner join sale_order as s on s.client_order_ref = o.id::varchar "
         "left join stock_picking as p on p.sale_id = s.id left join stock_picking_type as y on y.id = p.picking_type_id "
         "left join stock_warehouse as w on w.id = y.warehouse_id "
         "where o.status = 'wc-completed' and (p.state is distinct from 'done' or w.name <> m.meta_value "
         "or p.date_done <= o.date_created_gmt)"),
        ("a till order is the sum of its lines", "select o.id from pos_order as o inner join pos_order_line as l "
         "on l.order_id = o.id group by o.id, o.amount_total having o.amount_total <> sum(l.price_subtotal_incl)"),
        ("a till return names what was bought", "select * from pos_order as o inner join pos_order_line as l "
         "on l.order_id = o.id where o.amount_total < 0 "
         "and (l.refunded_orderline_id is null) = (l.sale_order_origin_id is null)"),
        ("a return comes after the purchase", "select * from pos_order as r inner join pos_order_line as b on b.order_id = r.id "
         "inner join pos_order_line as s on s.id = b.refunded_orderline_id inner join pos_order as o on o.id = s.order_id "
         "where r.date_order <= o.date_order or o.amount_total < 0"),
        ("a till order's customer was known then", "select * from pos_order as o inner join res_partner as p "
         "on p.id = o.partner_id where p.create_date > o.date_order and o.amount_total >= 0"),
        ("payments pay", "select o.id from pos_order as o left join pos_payment as p on p.pos_order_id = o.id "
         "where o.state <> 'cancel' group by o.id, o.amount_paid having o.amount_paid is distinct from sum(p.amount)"),
        ("points are what was issued and not used", "select c.id from loyalty_card as c "
         "left join loyalty_history as h on h.card_id = c.id group by c.id, c.points "
         "having c.points <> coalesce(sum(h.issued - h.used), 0) or c.points < 0"),
        ("a loyalty card at the checkout exists", "select * from wp_wc_orders_meta as m "
         "anti join loyalty_card as c on c.code = m.meta_value where m.meta_key = '_loyalty_card'"),
        ("a converted lead is of the contact's person", "select * from leads as l inner join truth as t "
         "on t.record = 'lead:' || l.id inner join truth as u on u.record = 'contact:' || l.contact_id "
         "where t.entity <> u.entity"),
        ("a queue event belongs to a call", "select * from queue_log as q anti join cdr as c on c.uniqueid = q.callid"),
        ("who enters a queue leaves it once", "select callid from queue_log where event in ('ENTERQUEUE', 'ABANDON', "
         "'EXITWITHTIMEOUT', 'COMPLETEAGENT', 'COMPLETECALLER', 'BLINDTRANSFER') group by 1 having count(*) <> 2"),
        ("a call detail row is one", "select uniqueid, sequence from cdr group by all having count(*) > 1"),
        ("CRM calls are of contacts", "select * from calls as c anti join contacts as p on p.id = c.parent_id"),
        ("each conversation has its contact", "select * from conversations as c "
         "anti join contacts_of_chatwoot as p on p.id = c.contact_id"),
        ("each channel has its contact", "select * from contact_inboxes as c "
         "anti join contacts_of_chatwoot as p on p.id = c.contact_id"),
        ("each message has its conversation", "select * from messages as m anti join conversations as c "
         "on c.id = m.conversation_id and c.created_at <= m.created_at and c.last_activity_at >= m.created_at"),
        ("the first reply is a person's first words", "select c.id from conversations as c left join messages as m "
         "on m.conversation_id = c.id and m.sender_type = 'User' and not m.private "
         "group by c.id, c.first_reply_created_at having c.first_reply_created_at is distinct from min(m.created_at)"),
        ("an answer to CSAT has its question", "select * from csat_survey_responses as r anti join messages as m "
         "on m.id = r.message_id and m.content_type = 9 and m.conversation_id = r.conversation_id "
         "and m.created_at < r.created_at"),
        ("a resolved conversation says when", "select * from conversations as c anti join reporting_events as e "
         "on e.conversation_id = c.id where c.status = 1"),
        ("a mailbox is one contact's", "select lower(email) from contacts_of_chatwoot where email is not null "
         "group by 1 having count(*) > 1"),
        ("an account of a chat is its person's", "select * from contacts_of_chatwoot as c "
         "inner join truth as t on t.record = 'contact:' || c.id and t.source = 'chatwoot' "
         "inner join truth as u on u.record = 'user:' || c.identifier where t.entity <> u.entity"),
        ("an order in a visit is the shop's", "select * from matomo_log_conversion as c anti join wp_wc_orders as o "
         "on o.id::varchar = c.idorder and abs(o.total_amount - c.revenue) < 0.01 where c.idgoal = 0"),
        ("an order's visit ends after it", "select * from matomo_log_conversion as c inner join matomo_log_visit as v "
         "on v.idvisit = c.idvisit where c.server_time > v.visit_last_action_time or c.server_time < v.visit_first_action_time"),
        ("who is logged in orders as that user", "select * from matomo_log_visit as v "
         "inner join matomo_log_conversion as c on c.idvisit = v.idvisit and c.idgoal = 0 "
         "inner join wp_wc_orders as o on o.id::varchar = c.idorder "
         "where o.customer_id <> coalesce(v.user_id, '0')::bigint"),
        ("an action lies in its visit", "select * from matomo_log_link_visit_action as a anti join matomo_log_visit as v "
         "on v.idvisit = a.idvisit and a.server_time between v.visit_first_action_time and v.visit_last_action_time"),
        ("a click is counted in the spend", "select s.day, s.campaign_id from spend_of_ads as s inner join touches_of_ads as t "
         "on t.campaign_id = s.campaign_id and t.clicked_at[1:10] = s.day "
         "group by s.day, s.campaign_id, clicks having count(*) > clicks::int"),
        ("each survey asks about an order", "select * from nps_of_surveys as n anti join wp_wc_orders as o "
         "on o.id::varchar = n.order_number and o.status in ('wc-completed', 'wc-refunded')"),
        ("an answer comes after its question", "select * from nps_of_surveys where answered_at < sent_at "
         "or (answered_at is null) <> (score is null)"),
        ("who withdraws had agreed", "select * from consents_of_marketing as w anti join consents_of_marketing as g "
         "on g.status = 'granted' and g.phone is not distinct from w.phone and g.email is not distinct from w.email "
         "and g.channel = w.channel and g.occurred_at <= w.occurred_at where w.status = 'withdrawn'"),
        ("an offer is redeemed with an order", "select * from offers_of_marketing as f anti join wp_wc_orders as o "
         "on o.id::varchar = f.shop_order and o.status = 'wc-completed' where f.kind = 'redeemed'"),
        ("a relation's address exists", "select * from email_addr_bean_rel as r "
         "anti join email_addresses as e on e.id = r.email_address_id"),
    ],
)  # fmt: skip
def test_the_systems_tell_one_story(query: Callable[[str], list[tuple]], claim: str, violations: str) -> None:
    assert query(violations)[:3] == [], claim


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("guests", "select 1 from wp_wc_orders where customer_id = 0 and type = 'shop_order'"),
        ("carts", "select 1 from wp_wc_orders where status = 'wc-checkout-draft'"),
        ("trash", "select 1 from wp_wc_orders where status = 'trash'"),
        ("merged contacts", "select 1 from contacts where deleted = 1"),
        ("archived partners", "select 1 from res_partner where not active"),
        ("delivery addresses", "select 1 from res_partner where type = 'delivery' and parent_id is not null"),
        ("placeholder phones", "select 1 from identifiers where value = '+7 999 999-99-99'"),
        ("placeholder dates", "select 1 from contacts where birthdate = date '1900-01-01'"),
        ("Latin names", "select 1 from cards where regexp_matches(name, '^[A-Za-z .-]+$')"),
        ("diminutives", "select 1 from cards where regexp_matches(name, '(^| )Саша( |$)')"),
        ("recycled or shared phones", "select value from identifiers inner join truth using (source, record) "
         "where kind = 'phone' and source = 'suitecrm' group by value having count(distinct entity) > 1"),
        ("one mailbox in two domains", "select 1 from identifiers as a inner join identifiers as b "
         "on a.value like '%@ya.ru' and b.value = replace(a.value, '@ya.ru', '@yandex.ru')"),
        ("anonymous callers", "select 1 from cdr where src = 'anonymous'"),
        ("internal calls", "select 1 from cdr where dcontext = 'from-internal' and length(dst) <= 5"),
        ("transfers", "select 1 from queue_log where event = 'BLINDTRANSFER'"),
        ("returns elsewhere", "select 1 from pos_order as r inner join pos_order_line as b on b.order_id = r.id "
         "inner join pos_order_line as s on s.id = b.refunded_orderline_id inner join pos_order as o on o.id = s.order_id "
         "where o.config_id <> r.config_id"),
        ("carts left in a visit", "select 1 from matomo_log_conversion where idgoal = -1"),
        ("a browser that becomes a user", "select 1 from matomo_log_visit as v "
         "inner join matomo_log_link_visit_action as a on a.idvisit = v.idvisit and a.idvisitor <> v.idvisitor"),
        ("a browser of several users", "select visitor from seen_by_matomo inner join matomo_log_visit using (idvisit) "
         "group by visitor having count(distinct user_id) > 1"),
        ("app visits", "select 1 from matomo_log_visit where idsite = 2"),
        ("a visit before the chat", "select 1 from conversations as c inner join contacts_of_chatwoot as p "
         "on p.id = c.contact_id inner join matomo_log_visit as v on v.user_id = p.identifier "
         "and c.inbox_id = 4 and c.created_at between v.visit_first_action_time and v.visit_last_action_time"),
        ("merged chat contacts", "select 1 from contact_inboxes group by contact_id having count(*) > 1"),
        ("one Telegram account in two contacts", "select 1 from contact_inboxes where inbox_id in (1, 2) "
         "group by source_id having count(distinct contact_id) > 1"),
        ("names that the widget made up", "select 1 from contacts_of_chatwoot where name like '%-%-%'"),
        ("questions that nobody answered", "select 1 from messages as m anti join csat_survey_responses as r "
         "on r.message_id = m.id where m.content_type = 9"),
        ("remarks among colleagues", "select 1 from messages where private"),
        ("web orders returned in a store", "select 1 from pos_order_line where sale_order_origin_id is not null"),
    ],
)  # fmt: skip
def test_what_goes_wrong_in_life_is_in_it(query: Callable[[str], list[tuple]], what: str, found: str) -> None:
    assert query(found), what


def test_nothing_happens_after_today() -> None:
    for source, tables in company(1500).tables.items():
        for name, table in tables.items():
            for column in table.column_names:
                if pa.types.is_timestamp(table[column].type) and column != "scheduled_date":
                    connection = duckdb.connect()
                    connection.register("t", table)
                    latest = connection.execute(f'select max("{column}") from t').fetchall()[0][0]
                    # Asterisk writes Moscow time, three hours ahead.
                    limit = AS_OF.item().replace(hour=AS_OF.item().hour + (3 if source == "asterisk" else 0))
                    assert latest is None or latest <= limit, f"{source}.{name}.{column}"
