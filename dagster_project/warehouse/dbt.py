"""The environment in which dbt finds the warehouse: what dbt_project/profiles.yml reads.

Belongs here: the mapping from our settings to dbt's. Does not belong here: running dbt.
"""

from dagster_project.warehouse.connect import Warehouse


def dbt_environment(warehouse: Warehouse) -> dict[str, str]:
    url = warehouse.url
    return {
        "C360_DBT_HOST": url.host or "",
        "C360_DBT_PORT": str(url.port or 5432),
        "C360_DBT_USER": url.username or "",
        "C360_DBT_PASSWORD": str(url.password or ""),
        "C360_DBT_DATABASE": url.database or "",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
