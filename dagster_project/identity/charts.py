"""Pictures of a linkage run, for people who look before they read.

Belongs here: charts as PNG, made of counts that PostgreSQL has summed up. Does not belong here: showing
them (assets/identity.py), and anything that names a person.
"""

import pandas as pd
import sqlalchemy as sa

from dagster_project.warehouse import Warehouse

LARGEST_SHOWN = 15

SIZES = """
    select least(cards, :largest) as cards, count(*) as customers
    from (select count(*) as cards from identity.record_customers group by customer_id) c group by 1
"""
WEIGHTS = """
    select width_bucket(match_weight, -20, 40, 30) * 2 - 21 as match_weight,
        case when is_used then 'used' else 'not used' end as link, count(*) as pairs
    from identity.edges where match_weight is not null group by 1, 2
"""
RULES = """
    select linked_by, case when is_used then 'used' else 'not used' end as link, count(*) as pairs
    from identity.edges group by 1, 2
"""


def overview(warehouse: Warehouse) -> bytes:
    """A PNG: how many cards customers have, how heavy the links are, which rule found them."""
    import altair as alt

    with warehouse.begin() as connection:
        sizes, weights, rules = (
            pd.DataFrame(connection.execute(sa.text(query), parameters).mappings())
            for query, parameters in ((SIZES, {"largest": LARGEST_SHOWN}), (WEIGHTS, {}), (RULES, {}))
        )
    used = alt.Color(
        "link:N", title=None, scale=alt.Scale(domain=["used", "not used"], range=["#4c78a8", "#d6d6d6"])
    )
    by_size = (
        alt.Chart(sizes, title="Cards per customer", width=260, height=200)
        .mark_bar(color="#4c78a8")
        .encode(alt.X("cards:O", title=f"cards ({LARGEST_SHOWN} and more together)"), alt.Y("customers:Q"))
    )
    by_weight = (
        alt.Chart(weights, title="Match weights of candidate pairs", width=320, height=200)
        .mark_bar()
        .encode(alt.X("match_weight:Q", title="match weight (log2 odds)"), alt.Y("pairs:Q"), used)
    )
    by_rule = (
        alt.Chart(rules, title="Links by rule", width=260, height=200)
        .mark_bar()
        .encode(alt.Y("linked_by:N", title=None, sort="-x"), alt.X("pairs:Q"), used)
    )
    picture = alt.hconcat(by_size, by_weight, by_rule).configure_view(strokeWidth=0)
    import vl_convert

    return vl_convert.vegalite_to_png(picture.to_json(), scale=1.5)
