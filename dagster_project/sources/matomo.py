"""Matomo (MySQL, MariaDB): visits of site and app, what was looked at, orders, carts and goals.

Times are naive UTC. A visit grows while it lasts, and so do its conversions. Matomo deletes old raw data by its
own calendar: what leaves the source stays here. Only what staging reads is read: no IP address.
"""

from datetime import timedelta

from dagster_project.sources.declaration import Follows, Source, Table, columns

# A visit ends after 30 minutes without an action; trackers send late what they kept while offline.
LAST_WORDS = timedelta(hours=6)


def _of_visit(name: str, key: str, needs: str) -> Table:
    follows = Follows("matomo_log_visit", "idvisit", "idvisit")
    return Table(name, columns(key), columns(needs), follows=follows, deletes="kept", is_narrow=True)


SOURCE = Source(
    name="matomo",
    kind="web",
    description="Matomo: visits to the site and the app, and the orders and carts in them",
    tables=(
        Table("matomo_site", key=("idsite",), needs=columns("name type"), deletes="kept", is_narrow=True),
        Table(
            "matomo_log_visit",
            key=("idvisit",),
            watermark="visit_last_action_time",
            look_back=LAST_WORDS,
            needs=columns(
                "idsite idvisitor user_id visit_first_action_time visit_entry_idaction_url visit_goal_buyer "
                "visit_total_actions referer_type referer_name referer_keyword config_device_type"
            ),
            deletes="kept",
            is_narrow=True,
        ),
        _of_visit(
            "matomo_log_conversion", "idvisit idgoal buster", "idvisitor server_time idorder items revenue"
        ),
        _of_visit("matomo_log_conversion_item", "idvisit idorder idaction_sku", "quantity deleted"),
        Table(
            "matomo_log_link_visit_action",
            key=("idlink_va",),
            watermark="server_time",
            look_back=LAST_WORDS,
            needs=columns("idvisit idvisitor"),
            deletes="kept",
            is_narrow=True,
        ),
        Table(
            "matomo_log_action",
            key=("idaction",),
            watermark="idaction",
            # Numbers are given before their transactions commit.
            look_back_numbers=10_000,
            needs=columns("name type url_prefix"),
            deletes="kept",
            is_narrow=True,
        ),
    ),
)
