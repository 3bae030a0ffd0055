"""Dagster resources: the settings, the warehouse, and the lock that a run holds from its first step to its last.

Belongs here: handing pure objects to assets. Does not belong here: what they do.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from dagster_project.config import Settings, load_settings, source_contracts
from dagster_project.private import keep_private
from dagster_project.sources import leftovers
from dagster_project.warehouse import Warehouse, open_warehouse, schema
from dagster_project.warehouse.connect import bring_up_to_date
from dagster_project.warehouse.lock import refresh_lock


class Environment(dg.ConfigurableResource):
    """The settings and the warehouse of this environment; read when a run begins, not when code loads.

    A step never starts the embedded server: one that went away in mid-run took the run's lock with it. The steps of a
    run share the warehouse's connections: opening one costs more than many a gate.
    """

    _warehouse: Warehouse | None = PrivateAttr(default=None)

    @property
    def settings(self) -> Settings:
        return load_settings()

    @property
    def warehouse(self) -> Warehouse:
        found = open_warehouse(self.settings, start=False)
        if self._warehouse is None or self._warehouse.url != found.url:
            self._warehouse = found
        return self._warehouse

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._warehouse is not None:
            self._warehouse.engine.dispose()


class RefreshLock(dg.ConfigurableResource):
    """Held while a run writes: the executor makes resources once a run, so the lock spans all its steps."""

    environment: dg.ResourceDependency[Environment]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["RefreshLock"]:
        settings = self.environment.settings
        keep_private(settings.home)
        warehouse = open_warehouse(settings)
        with refresh_lock(warehouse, f"Seamless 360 run {context.run_id}"):
            leftovers.remove(settings.home, [schema.raw_schema(source) for source in source_contracts()])
            bring_up_to_date(warehouse)
            yield self
