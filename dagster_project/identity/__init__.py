"""Who is who: standardise, link, guard, cluster, registry.

Belongs here: everything from a card to a stable customer ID. Never imports Dagster. Does not belong here:
what is told of a customer (dbt_project/).

`refresh` is the daily step, `train` makes a new model, `resolve` is the same without a database; `canonical` is
the one spelling of an identifier, as identity.record_identifiers has it.
"""

from dagster_project.identity.calibration import in_words as names_in_words
from dagster_project.identity.company import Company
from dagster_project.identity.evaluate import Score, b_cubed, pairwise
from dagster_project.identity.identifiers import canonical, readings
from dagster_project.identity.pipeline import refresh
from dagster_project.identity.registry import Previous
from dagster_project.identity.resolution import Resolution, resolve
from dagster_project.identity.store import RunSummary
from dagster_project.identity.training import Training, train, train_for_new_sources

__all__ = [
    "Company",
    "Previous",
    "Resolution",
    "RunSummary",
    "Score",
    "Training",
    "b_cubed",
    "canonical",
    "names_in_words",
    "pairwise",
    "readings",
    "refresh",
    "resolve",
    "train",
    "train_for_new_sources",
]
