"""The training of the linkage model as Dagster shows it: an op, for a model is made when somebody asks, not daily.

Belongs here: what Dagster's UI shows of a training. Does not belong here: training and comparing
(identity/training.py).
"""

import dagster as dg

from dagster_project.assets.failures import failing_clearly
from dagster_project.assets.identity import picture
from dagster_project.resources import Environment, RefreshLock


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
    from dagster_project.identity.charts import match_weights

    with failing_clearly():
        outcome = identity.train(
            environment.warehouse,
            company_phones=environment.settings.company_phone_list,
            progress=context.log.info,
        )
        context.log.info(outcome.why)
        figures = [
            dg.TableRecord({"figure": f.name, "in use": _shown(f.before), "new": _shown(f.after)})
            for f in outcome.figures
        ]
        context.add_output_metadata(
            {
                "model": outcome.model.version,
                "promoted": outcome.is_promoted,
                "why": outcome.why,
                "profiles": outcome.model.training["profiles"],
                "names_alone": identity.names_in_words(outcome.model),
                **({"comparison": dg.MetadataValue.table(figures)} if figures else {}),
                "match_weights": picture(match_weights(outcome.model)),
            }
        )


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.4f}".rstrip("0").rstrip(".")
