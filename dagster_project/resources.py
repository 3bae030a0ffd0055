"""Dagster resources: the settings, the warehouse, and the lock that a run holds from its first step to its last.

Belongs here: handing pure objects to assets. Does not belong here: what they do.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dagster_project.config import Settings, load_settings
from dagster_project.warehouse import Warehouse, open_warehouse
from dagster_project.warehouse.lock import refresh_lock


class Environment(dg.ConfigurableResource):
    """The settings and the warehouse of this environment; read when a run begins, not when code loads."""

    @property
    def settings(self) -> Settings:
        return load_settings()

    @property
    def warehouse(self) -> Warehouse:
        return open_warehouse(self.settings)


class RefreshLock(dg.ConfigurableResource):
    """Held while a run writes: the executor makes resources once a run, so the lock spans all its steps."""

    environment: dg.ResourceDependency[Environment]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["RefreshLock"]:
        with refresh_lock(self.environment.warehouse, f"Seamless 360 run {context.run_id}"):
            yield self
