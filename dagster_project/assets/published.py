"""Layer published: the one step after which readers see a new state.

Belongs here: the asset that stands for what readers see. Does not belong here: publishing (warehouse/).
"""

from collections.abc import Iterable
from datetime import timedelta

import dagster as dg

from dagster_project.assets import OWNERS
from dagster_project.assets.dbt import asset_key, mart_nodes, marts
from dagster_project.assets.failures import failing_clearly
from dagster_project.resources import Environment, RefreshLock
from dagster_project.warehouse import ledger
from dagster_project.warehouse.publish import publish

KEY = dg.AssetKey(["published", "customer_360"])


def build_published_asset(gated: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """Waits for every mart and for every gate; then all marts appear at once.

    gated: the assets that carry a gate (checks.gated_assets), whether or not a mart reads them.
    """
    marts_built = {asset_key(node) for node in mart_nodes().values()}

    @dg.asset(
        key=KEY,
        deps=sorted(marts_built | set(gated)),
        group_name=KEY.path[0],
        description="The Customer 360 as readers see it: schemas `marts` and `bi`, exchanged in one commit "
        "after every gate has passed.",
        kinds={"postgres"},
        owners=OWNERS,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36)),
    )
    def customer_360(
        context: dg.AssetExecutionContext, environment: Environment, refresh_lock: RefreshLock
    ) -> dg.MaterializeResult:
        with failing_clearly():
            warehouse = environment.warehouse
            done = publish(warehouse, marts(), progress=context.log.info)
            ledger.record_publication(warehouse, context.run_id, done)
        table = dg.TableRecord
        return dg.MaterializeResult(
            metadata={
                "rows": sum(mart.rows for mart in done),
                "rows_written": sum(mart.written for mart in done),
                "rows_removed": sum(mart.removed for mart in done),
                "marts": dg.MetadataValue.table(records=[table(vars(mart)) for mart in done]),
            }
        )

    return customer_360
