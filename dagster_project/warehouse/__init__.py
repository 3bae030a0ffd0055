"""The warehouse: connections, the embedded server, schemas, migrations and roles,
the refresh lock, publishing.

Belongs here: everything that is true of PostgreSQL and not of one table. Does not belong here:
what a table means (dbt_project/, identity/), and Dagster.
"""

from dagster_project.warehouse.connect import Warehouse, open_current, open_warehouse

__all__ = ["Warehouse", "open_current", "open_warehouse"]
