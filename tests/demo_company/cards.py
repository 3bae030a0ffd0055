"""The demo company's cards as a linker sees them, from generated tables, by SQL.

Belongs here: reading. Does not belong here: linking (linkers.py).
"""

import duckdb

from demo_company import Generated

_CARDS = """
create table cards as
with billing as (
    select o.id, o.customer_id, o.status, a.*
    from wp_wc_orders as o inner join wp_wc_order_addresses as a on a.order_id = o.id
    where o.type = 'shop_order' and a.address_type = 'billing'
),
account as (
    select customer_id, arg_max(address_1, order_id) as street, arg_max(city, order_id) as city,
        arg_max(postcode, order_id) as postcode
    from billing where customer_id <> 0 and address_1 is not null group by customer_id
)
select 'suitecrm' as source, 'contact:' || id as record, concat_ws(' ', first_name, last_name) as name,
    birthdate as birth, primary_address_street as street, primary_address_city as city,
    primary_address_postalcode as postcode, null as parent, deleted = 0 as is_live
from contacts
union all
select 'suitecrm', 'lead:' || id, concat_ws(' ', first_name, last_name), birthdate, primary_address_street,
    primary_address_city, primary_address_postalcode, 'contact:' || contact_id, deleted = 0
from leads
union all
select 'odoo', 'partner:' || p.id, p.name, p.birthdate_date, p.street, p.city, p.zip,
    case when not u.is_company then 'partner:' || p.parent_id end, not p.is_company
from res_partner as p left join res_partner as u on u.id = p.parent_id
union all
select 'odoo', 'receipt:' || id, null, null, null, null, null, null, state <> 'cancel'
from pos_order where partner_id is null and (email is not null or mobile is not null)
union all
select 'woocommerce', 'user:' || l.user_id, concat_ws(' ', l.first_name, l.last_name), null, a.street,
    coalesce(l.city, a.city), coalesce(l.postcode, a.postcode), null, true
from wp_wc_customer_lookup as l left join account as a on a.customer_id = l.user_id
where l.user_id is not null
union all
select 'woocommerce', 'order:' || order_id, concat_ws(' ', first_name, last_name), null, address_1, city,
    postcode, null, status <> 'trash'
from billing where customer_id = 0
union all
select distinct 'asterisk', 'number:' || n, null, null::date, null, null, null, null, true
from (
    select src as n from cdr where dcontext = 'from-trunk'
    union all
    select dst from cdr where dcontext = 'from-internal'
)
where length(n) > 5 and n <> 'anonymous'
union all
select 'chatwoot', 'contact:' || c.id, case when not regexp_full_match(c.name, '[a-z]+-[a-z]+-[0-9]+')
    then concat_ws(' ', c.name, c.last_name) end, null, null, null, null, null, true
from contacts_of_chatwoot as c
where not regexp_full_match(c.name, '[a-z]+-[a-z]+-[0-9]+') or coalesce(c.email, c.phone_number, c.identifier) is not null
    or c.id in (select contact_id from contact_inboxes where inbox_id in (1, 2, 3, 5))
union all
select 'matomo', 'visitor:' || visitor, null, null, null, null, null, null, true from visitors_of_matomo
union all
select source, record, max(name), null, null, null, null, null, true from respondents group by source, record;
"""

# Files name a person by the contact that a row carries: the same three texts are one card.
_RESPONDENTS = """
create table respondents as
select *, 'respondent:' || md5(concat_ws('|', coalesce(phone, '~'), coalesce(email, '~'), coalesce(loyalty_card, '~')))
    as record
from (
    select 'ads' as source, name, phone, email, loyalty_card from touches_of_ads
    union all select 'surveys', name, phone, email, loyalty_card from nps_of_surveys
    union all select 'marketing', name, phone, email, loyalty_card from consents_of_marketing
    union all select 'marketing', name, phone, email, loyalty_card from offers_of_marketing
    union all select 'events', null, phone, email, loyalty_card from events_of_events
)
where coalesce(phone, email, loyalty_card) is not null;
"""


# Visitors by all that their visits showed: whoever logged in or ordered, if no more than one user did.
_VISITORS = """
create table seen_by_matomo as
select idvisit, lower(hex(idvisitor)) as visitor from matomo_log_visit
union select idvisit, lower(hex(idvisitor)) from matomo_log_link_visit_action
union select idvisit, lower(hex(idvisitor)) from matomo_log_conversion;

create table visitors_of_matomo as
select visitor, min(user_id) as user_id,
    list(distinct idorder) filter (idorder is not null and (v.user_id is not null or no_user)) as orders
from seen_by_matomo inner join matomo_log_visit as v using (idvisit) left join matomo_log_conversion as c using (idvisit)
inner join (
    select visitor, count(user_id) = 0 as no_user from seen_by_matomo inner join matomo_log_visit using (idvisit) group by 1
) using (visitor)
group by visitor having count(distinct user_id) <= 1 and (min(user_id) is not null or count(idorder) > 0);
"""

_IDENTIFIERS = """
create table identifiers as
with billing as (
    select o.id, o.customer_id, a.email, a.phone, m.meta_value as card
    from wp_wc_orders as o
    inner join wp_wc_order_addresses as a on a.order_id = o.id and a.address_type = 'billing'
    left join wp_wc_orders_meta as m on m.order_id = o.id and m.meta_key = '_loyalty_card'
    where o.type = 'shop_order'
),
shop as (
    select case when customer_id = 0 then 'order:' || id else 'user:' || customer_id end as record,
        email, phone, card
    from billing
),
people as (
    select 'contact:' || id as record, phone_home, phone_mobile, phone_work, phone_other from contacts
    union all
    select 'lead:' || id, phone_home, phone_mobile, phone_work, phone_other from leads
)
select distinct * from (
    select 'suitecrm' as source, record, 'phone' as kind,
        unnest([phone_home, phone_mobile, phone_work, phone_other]) as value
    from people
    union all
    select 'suitecrm', case r.bean_module when 'Contacts' then 'contact:' else 'lead:' end || r.bean_id,
        'email', e.email_address
    from email_addr_bean_rel as r inner join email_addresses as e on e.id = r.email_address_id
    where r.bean_module in ('Contacts', 'Leads') and r.deleted = 0
    union all
    select 'odoo', 'partner:' || id, 'phone', unnest([phone, mobile]) from res_partner
    union all
    select 'odoo', 'partner:' || id, 'email', email from res_partner
    union all
    select 'odoo', 'partner:' || partner_id, 'card', code from loyalty_card
    union all
    select 'odoo', 'receipt:' || id, 'phone', mobile from pos_order where partner_id is null
    union all
    select 'odoo', 'receipt:' || id, 'email', email from pos_order where partner_id is null
    union all
    select 'woocommerce', record, 'email', email from shop
    union all
    select 'woocommerce', record, 'phone', phone from shop
    union all
    select 'woocommerce', record, 'card', card from shop
    union all
    select 'woocommerce', 'user:' || user_id, 'email', email from wp_wc_customer_lookup where user_id is not null
    union all
    select 'asterisk', record, 'phone', substr(record, 8) from cards where source = 'asterisk'
    union all
    select 'woocommerce', record, 'account', 'woocommerce:' || record from cards where source = 'woocommerce'
    union all
    select 'woocommerce', 'user:' || customer_id, 'account', 'woocommerce:order:' || id from billing where customer_id <> 0
    union all
    select 'chatwoot', 'contact:' || id, 'phone', phone_number from contacts_of_chatwoot
    union all
    select 'chatwoot', 'contact:' || id, 'email', email from contacts_of_chatwoot
    union all
    select 'chatwoot', 'contact:' || id, 'account', 'woocommerce:user:' || identifier from contacts_of_chatwoot
    union all
    select 'chatwoot', 'contact:' || contact_id, case inbox_id when 5 then 'email' else 'messenger' end,
        case inbox_id when 5 then '' when 3 then 'whatsapp:' else 'telegram:' end || source_id
    from contact_inboxes where inbox_id in (1, 2, 3, 5)
    union all
    select 'matomo', 'visitor:' || visitor, 'account', 'woocommerce:user:' || user_id from visitors_of_matomo
    union all
    select 'matomo', 'visitor:' || visitor, 'account', 'woocommerce:order:' || unnest(orders) from visitors_of_matomo
    union all
    select source, record, 'phone', phone from respondents
    union all
    select source, record, 'email', email from respondents
    union all
    select source, record, 'card', loyalty_card from respondents
)
where value is not null;
"""


def read(generated: Generated) -> duckdb.DuckDBPyConnection:
    """A connection with tables cards, identifiers (source, record, kind, value) and truth."""
    connection = duckdb.connect()
    taken: set[str] = set()
    for source, tables in generated.tables.items():
        for name, table in tables.items():
            # Two systems have contacts and users.
            connection.register(f"{name}_of_{source}" if name in taken else name, table)
            taken.add(name)
    for source, tables in generated.drops.items():
        for name, table in tables.items():
            connection.register(f"{name}_of_{source}", table)
    connection.register("record_entities", generated.record_entities)
    connection.execute(_VISITORS)
    connection.execute(_RESPONDENTS)
    connection.execute(_CARDS)
    connection.execute(_IDENTIFIERS)
    connection.execute(
        "create table truth as select source_system as source, source_record_id as record, "
        "entity_id as entity, is_linkable from record_entities"
    )
    return connection
