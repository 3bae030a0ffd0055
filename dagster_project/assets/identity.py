"""Layer identity: which cards are one person, in one step, written in one transaction.

Belongs here: what Dagster's UI shows of a linkage run. Does not belong here: linking (identity/).
"""

import base64
from collections.abc import Iterator
from typing import Any

import dagster as dg

from dagster_project.assets import OWNERS
from dagster_project.assets.failures import failing_clearly
from dagster_project.resources import Environment, RefreshLock

LAYER = "identity"

TABLES = {
    "record_customers": "The customer of every live card. Grain: source_system × source_record_id.",
    "record_identifiers": "Every phone, e-mail, loyalty card and login of a live card, in its one spelling. "
    "Grain: source_system × source_record_id × kind × value.",
    "edges": "Every link that was considered, its weights by comparison, and why it was or was not used. "
    "Grain: pair of cards.",
    "customers": "Every customer ID ever given, and where a retired one leads. Grain: customer_id.",
    "customer_id_events": "What happened to customer IDs: created, merged, split, retired, returned. "
    "Grain: event.",
    "households": "Customers who live together, never merged: a shared home, or a contact and a surname. "
    "Grain: customer_id.",
    "placeholder_dates": "Dates that no card's date of birth is taken from, each with the reason. Grain: birth_date.",
    "review_queue": "Pairs that a steward should look at, the most useful first. Grain: pair of cards.",
    "runs": "Every linkage run and its figures. Grain: run.",
}
CONTRACTS = ("customer_records", "customer_record_identifiers")
# Trained, if at all, before scoring (training.py).
MODELS = dg.AssetKey([LAYER, "models"])


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG as Dagster's UI shows it."""
    return dg.MetadataValue.md(f"![chart](data:image/png;base64,{base64.b64encode(png).decode()})")


def identity_key(table: str) -> dg.AssetKey:
    return dg.AssetKey([LAYER, table])


@dg.multi_asset(
    name="resolve_identities",
    specs=[
        dg.AssetSpec(
            identity_key(table),
            deps=[*(dg.AssetKey(["intermediate", contract]) for contract in CONTRACTS), MODELS],
            group_name=LAYER,
            description=description,
            kinds={"splink", "duckdb", "postgres"},
            owners=OWNERS,
            metadata={"dagster/table_name": f"{LAYER}.{table}"},
        )
        for table, description in TABLES.items()
    ],
    pool="identity",
)
def resolve_identities(
    context: dg.AssetExecutionContext, environment: Environment, refresh_lock: RefreshLock
) -> Iterator[dg.MaterializeResult]:
    from dagster_project import identity
    from dagster_project.identity import charts

    with failing_clearly():
        summary = identity.refresh(
            environment.warehouse,
            context.run_id,
            company=identity.Company.of(environment.settings),
            progress=context.log.info,
            state_folder=environment.settings.home / "identity",
        )
    figures: dict[str, Any] = {
        name: value
        for name, value in vars(summary).items()
        if isinstance(value, (int, float, str)) and name != "run_id"
    }
    if not summary.is_skipped:
        for draw in (charts.overview, charts.thresholds, charts.example):
            if png := draw(environment.warehouse):
                figures[draw.__name__] = picture(png)
    for table in TABLES:
        yield dg.MaterializeResult(
            asset_key=identity_key(table), metadata=figures if table == "record_customers" else {}
        )
