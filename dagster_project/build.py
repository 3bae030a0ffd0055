"""The one assembly: what tests, the command line, the code server and production all load.

Belongs here: putting the layers together. Does not belong here: any layer.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

# Freshness policies and a few arguments are in beta; their warnings would hide real ones.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

from dagster_project.assets.dbt import LAYERS, build_dbt_assets  # noqa: E402
from dagster_project.assets.identity import resolve_identities  # noqa: E402
from dagster_project.assets.published import build_published_asset  # noqa: E402
from dagster_project.assets.raw import build_raw_assets  # noqa: E402
from dagster_project.assets.training import train_for_new_sources  # noqa: E402
from dagster_project.checks import build_gates, gated_assets  # noqa: E402
from dagster_project.config import load_settings  # noqa: E402
from dagster_project.jobs import daily_refresh_job, model_training_job  # noqa: E402
from dagster_project.resources import Environment, RefreshLock  # noqa: E402
from dagster_project.schedules import build_schedules  # noqa: E402
from dagster_project.sources import load_sources  # noqa: E402


def build_defs(overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The whole project. `overrides` replaces resources by name, as tests do.

    Raises ConfigError for settings, declarations, suites or models that are wrong.
    """
    environment = Environment()
    resources = {
        "environment": environment,
        "refresh_lock": RefreshLock(environment=environment),
        **(overrides or {}),
    }
    assets = [
        *map(build_raw_assets, load_sources()),
        *map(build_dbt_assets, LAYERS),
        train_for_new_sources,
        resolve_identities,
    ]
    gates = build_gates(assets)
    return dg.Definitions(
        assets=[*assets, build_published_asset(gated_assets(gates))],
        asset_checks=gates,
        jobs=[daily_refresh_job, model_training_job],
        schedules=build_schedules(load_settings()),
        resources=resources,
        executor=dg.in_process_executor,
    )
