"""The training of the linkage model as Dagster shows it: an op, when an operator asks, and a step of the refresh
that meets a new source.

Belongs here: what Dagster's UI shows of a training. Does not belong here: training and comparing, and when a new
source is reason enough (identity/training.py).
"""

from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_project.assets import OWNERS
from dagster_project.assets.failures import failing_clearly
from dagster_project.assets.identity import CONTRACTS, LAYER, MODELS, picture
from dagster_project.errors import IdentityError
from dagster_project.resources import Environment, RefreshLock

if TYPE_CHECKING:
    from dagster_project.identity import Training


@dg.asset(
    key=MODELS,
    deps=[dg.AssetKey(["intermediate", contract]) for contract in CONTRACTS],
    group_name=LAYER,
    description="Every linkage model and what it was trained on. The refresh that first meets a new source trains "
    "one here, before scoring, and promotes it if it is not worse; every other refresh does nothing. Grain: model.",
    kinds={"splink", "duckdb", "postgres"},
    owners=OWNERS,
    metadata={"dagster/table_name": ".".join(MODELS.path)},
    pool="identity",
)
def train_for_new_sources(
    context: dg.AssetExecutionContext, environment: Environment, refresh_lock: RefreshLock
) -> dg.MaterializeResult:
    from dagster_project import identity

    with failing_clearly():
        try:
            training, why = identity.train_for_new_sources(
                environment.warehouse,
                company=identity.Company.of(environment.settings),
                progress=context.log.info,
            )
        except IdentityError as error:
            # The model in use goes on: a training that fails is no reason to keep news from readers.
            context.log.warning(f"{error.problem} {error.remedy}")
            return dg.MaterializeResult(metadata={"why": f"{error.problem} {error.remedy}".strip()})
    (context.log.warning if training else context.log.info)(why)
    return dg.MaterializeResult(metadata={"why": why, **(_figures(training) if training else {})})


@dg.op(
    description="Trains a linkage model on the current cards, compares it with the one in use on the same cards, "
    "and promotes it if it is not worse. The next refresh scores with it.",
    pool="identity",
    out=dg.Out(dg.Nothing),
)
def train_linkage_model(
    context: dg.OpExecutionContext, environment: Environment, refresh_lock: RefreshLock
) -> None:
    from dagster_project import identity

    with failing_clearly():
        outcome = identity.train(
            environment.warehouse,
            company=identity.Company.of(environment.settings),
            progress=context.log.info,
        )
        context.log.info(outcome.why)
        context.add_output_metadata({"why": outcome.why, **_figures(outcome)})


def _figures(training: "Training") -> dict[str, Any]:
    from dagster_project import identity
    from dagster_project.identity.charts import match_weights

    figures = [
        dg.TableRecord({"figure": f.name, "in use": _shown(f.before), "new": _shown(f.after)})
        for f in training.figures
    ]
    return {
        "model": training.model.version,
        "promoted": training.is_promoted,
        "profiles": training.model.training["profiles"],
        "names_alone": identity.names_in_words(training.model),
        **({"comparison": dg.MetadataValue.table(figures)} if figures else {}),
        "match_weights": picture(match_weights(training.model)),
    }


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.4f}".rstrip("0").rstrip(".")
