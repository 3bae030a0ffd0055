"""Jobs: what runs together.

Belongs here: selections of assets by name. Does not belong here: when they run (schedules.py).
"""

import dagster as dg

from dagster_project.assets.training import train_linkage_model

# One job over the whole chain: a gate that fails stops what is downstream in the same run.
REFRESH_TAG = "seamless360/writes"

daily_refresh_job = dg.define_asset_job(
    "daily_refresh_job",
    selection=dg.AssetSelection.all(),
    description="Extracts what changed, gates it, links it, builds and gates the marts, publishes them at once.",
    tags={REFRESH_TAG: "warehouse"},
    # One process: the steps share two cores, and a process a step would spend longer starting than working.
    executor_def=dg.in_process_executor,
)


@dg.job(
    description="Trains the linkage model anew and promotes it if it is not worse. Run it when the gate on "
    "identity.runs reports drift. A refresh that meets a new source trains by itself.",
    tags={REFRESH_TAG: "warehouse"},
    executor_def=dg.in_process_executor,
)
def model_training_job() -> None:
    train_linkage_model()
