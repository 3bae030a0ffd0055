"""dbt's environment: the settings that its models read, and the warehouse as dbt_project/profiles.yml reads it.

Belongs here: the mapping from our settings to dbt's. Does not belong here: running dbt.
"""

from dagster_project.config import Settings
from dagster_project.warehouse.connect import Warehouse


def dbt_environment(warehouse: Warehouse | None, settings: Settings) -> dict[str, str]:
    """dbt's variables. Without a warehouse: enough to parse the project."""
    environment = {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_TARGET_PATH": str(settings.home / "dbt"),
        "DBT_LOG_PATH": str(settings.home / "dbt" / "logs"),
        **settings.dbt_settings,
    }
    if warehouse is not None:
        url = warehouse.url
        environment |= {
            "C360_DBT_HOST": url.host or "",
            "C360_DBT_PORT": str(url.port or 5432),
            "C360_DBT_USER": url.username or "",
            "C360_DBT_PASSWORD": str(url.password or ""),
            "C360_DBT_DATABASE": url.database or "",
        }
    return environment
