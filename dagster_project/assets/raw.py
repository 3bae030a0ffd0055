"""Layer raw: one asset a table of each source, one extraction a source.

Belongs here: what Dagster's UI shows of an extraction. Does not belong here: extracting (sources/).
"""

from collections.abc import Iterator

import dagster as dg

from dagster_project.assets import OWNERS
from dagster_project.assets.failures import failing_clearly, try_again
from dagster_project.config import Settings
from dagster_project.errors import C360Error, SourceError, SourceUnavailable
from dagster_project.quality import Reconciliation, forget, holding, reconcile
from dagster_project.resources import Environment, RefreshLock
from dagster_project.sources import Source, Table
from dagster_project.sources.arrival import TableLoad
from dagster_project.sources.extract import extract
from dagster_project.warehouse import Warehouse, ledger, schema

LAYER = "raw"
RECONCILED = "reconciled"

CHANGES = {
    "soft": "deleted rows are marked by the source",
    "compared": "key sets are compared: what left the source gets a tombstone",
    "kept": "rows that leave the source stay here",
}


def raw_key(source: str, table: str) -> dg.AssetKey:
    return dg.AssetKey([LAYER, source, table])


def source_url(settings: Settings, source: Source, warehouse: Warehouse) -> str:
    """The configured URL; in the demo profile without one, the demo company's database or folder.

    Raises SourceError where the demo company has neither: of an API, or on a server that is not ours to administer.
    """
    configured = settings.source_url(source.name)
    if configured:
        return configured
    if source.medium == "files":
        return (settings.demo_files / source.name).as_uri()
    if source.medium == "api" or warehouse.admin_url is None:
        raise SourceError(
            f"{source.name}: C360_SOURCE_{source.name.upper()}_URL is not set, and there is no demo company's "
            f"{'API' if source.medium == 'api' else 'database'} to read instead.",
            f"Set it, or take {source.name} out of vars.sources in dbt_project/dbt_project.yml.",
        )
    url = warehouse.admin_url.set(username="c360_demo", database=f"demo_{source.name}")
    return url.render_as_string(hide_password=False)


def build_raw_assets(source: Source) -> dg.AssetsDefinition:
    """The extraction of one source: every table of it in one step, for they are read as one state."""

    @dg.multi_asset(
        name=f"extract_{source.name}",
        specs=[_spec(source, table) for table in source.tables],
        check_specs=[
            dg.AssetCheckSpec(
                RECONCILED,
                asset=raw_key(source.name, table.name),
                description="Every row that the source counted is in raw or in quarantine, and all that was read arrived.",
            )
            for table in source.tables
        ],
        pool=f"source_{source.name}",
    )
    def extraction(
        context: dg.AssetExecutionContext, environment: Environment, refresh_lock: RefreshLock
    ) -> Iterator[dg.MaterializeResult]:
        with failing_clearly():
            settings, warehouse = environment.settings, environment.warehouse
            url = None
            try:
                url = source_url(settings, source, warehouse)
                done = extract(
                    source,
                    url,
                    warehouse,
                    settings.home,
                    progress=context.log.info,
                    may_be_emptied=settings.tables_that_may_be_emptied,
                    on_keys=forget,  # quarantined rows that left the source leave the quarantine
                    secrets=settings.source_secrets(source.name),
                )
            except (SourceError, SourceUnavailable) as error:
                if url is not None and settings.source_url(source.name) is None:
                    error.remedy = _of_the_demo(source, error.remedy)
                if isinstance(error, SourceUnavailable) and (again := try_again(error, context.retry_number)):
                    raise again from again.__cause__
                holding.hold(warehouse, source.name, holding.EXTRACTION, _words(error), context.run_id)
                context.log.error(f"{source.name} is on hold: {_words(error)}")
                yield from (_not_read(source, table, error) for table in source.tables)
                return
            holding.release(warehouse, source.name, holding.EXTRACTION)
            lost = []
            for load in done.tables:
                found = reconcile(
                    warehouse,
                    schema.raw_schema(source.name),
                    load.table,
                    source.table(load.table).key,
                    load.rows_at_source,
                    load.rows_unfit,
                )
                load.rows_missing = found.rows_missing
                lost += [f"{load.table}: {line}" for line in _losses(load, found)]
                for reason, count in load.unfit_reasons.items():
                    context.log.warning(f"{source.name}.{load.table}: {count:,} rows in quarantine: {reason}")
                if load.rows_repeated:
                    context.log.warning(
                        f"{source.name}.{load.table} has no key at the source, and {load.rows_repeated:,} of its "
                        "rows are equal to another one: both are counted as one."
                    )
                for refused in load.refused:
                    context.log.warning(f"{source.name}.{load.table}: refused {refused}")
                yield dg.MaterializeResult(
                    asset_key=raw_key(source.name, load.table),
                    metadata=_metadata(load),
                    check_results=[reconciled(source, load, found)],
                )
            ledger.record_extraction(warehouse, context.run_id, done.source, done.load_id, done.tables)
            _settle(warehouse, source, lost, context.run_id)

    return extraction


def _of_the_demo(source: Source, remedy: str) -> str:
    """`remedy` where no setting names the source: nobody can fix that one, and the demo company can be built anew."""
    place = "folder" if source.medium == "files" else "database"
    own = f"The demo company's own {place} is read: `c360 demo create` builds it anew."
    return own if f"C360_SOURCE_{source.name.upper()}_URL" in remedy else f"{remedy} {own}".strip()


def reconciled(source: Source, load: TableLoad, found: Reconciliation) -> dg.AssetCheckResult:
    """Whether the table holds what the source counted, and each load what it read."""
    losses = _losses(load, found)
    return dg.AssetCheckResult(
        check_name=RECONCILED,
        asset_key=raw_key(source.name, load.table),
        passed=not losses,
        severity=dg.AssetCheckSeverity.ERROR,
        description="\n".join(losses) or None,
        metadata={**vars(found), "rows_missing": found.rows_missing},
    )


def _losses(load: TableLoad, found: Reconciliation) -> list[str]:
    missing = f"{found.rows_missing:,} rows of the source are neither in raw nor in quarantine"
    return [*([missing] if found.rows_missing else []), *load.lost]


def _settle(warehouse: Warehouse, source: Source, lost: list[str], run_id: str) -> None:
    """A load that lost rows puts its source on hold."""
    if not lost:
        holding.release(warehouse, source.name, holding.RECONCILIATION)
        return
    error = SourceError(
        f"{source.name}: not all arrived: {'; '.join(lost)}.",
        f"Run the refresh again. If it stays so, delete {source.name}'s rows from ops.extraction_watermarks "
        "(of files: ops.delivered_files): the next one reads it whole.",
    )
    holding.hold(warehouse, source.name, holding.RECONCILIATION, _words(error), run_id)


def _not_read(source: Source, table: Table, error: C360Error) -> dg.MaterializeResult:
    """What Dagster shows of a table that stays as it was, for its source could not be read."""
    key = raw_key(source.name, table.name)
    return dg.MaterializeResult(
        asset_key=key,
        metadata={"on_hold": dg.MetadataValue.text(_words(error))},
        check_results=[
            dg.AssetCheckResult(
                check_name=RECONCILED,
                asset_key=key,
                passed=False,
                severity=dg.AssetCheckSeverity.ERROR,
                description=f"The source is on hold. {_words(error)}",
            )
        ],
    )


def _words(error: C360Error) -> str:
    return f"{error.problem} {error.remedy}".strip()


def _spec(source: Source, table: Table) -> dg.AssetSpec:
    if table.endpoint and not table.watermark:
        moves = "nothing: read whole"
    elif table.files:
        moves = f"the files `{table.files.pattern}`"
    elif table.watermark:
        moves = f"`{table.watermark}`"
    else:
        moves = f"its row of `{table.follows.parent}`" if table.follows else "nothing: read whole"
    return dg.AssetSpec(
        key=raw_key(source.name, table.name),
        group_name=LAYER,
        description=(
            f"`{table.name}` of {source.description}.\n\nGrain: {', '.join(table.key)}. "
            f"Changes move {moves}; {CHANGES[table.deletes]}."
        ),
        kinds={"dlt", "postgres"},
        owners=OWNERS,
        tags={"source": source.name, "class": source.kind},
        metadata={"dagster/table_name": f"{schema.raw_schema(source.name)}.{table.name}"},
    )


def _metadata(load: TableLoad) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(load.rows_at_source),
        "rows_loaded": dg.MetadataValue.int(load.rows_loaded),
        "tombstones": dg.MetadataValue.int(load.tombstones),
    }
    if load.is_absent:
        metadata["is_absent"] = dg.MetadataValue.text("the source has no such table: it is empty here")
    if load.rows_rejected:
        metadata["rows_rejected"] = dg.MetadataValue.int(load.rows_rejected)
    if load.rows_unfit:
        metadata["rows_unfit"] = dg.MetadataValue.int(load.rows_unfit)
    if load.unfit_reasons:
        reasons = "\n".join(f"{count:,}: {reason}" for reason, count in load.unfit_reasons.items())
        metadata["why_unfit"] = dg.MetadataValue.text(reasons)
    if load.rows_repeated:
        metadata["rows_equal_to_another"] = dg.MetadataValue.int(load.rows_repeated)
    if load.refused:
        metadata["refused"] = dg.MetadataValue.text("\n".join(load.refused))
    if load.watermark_to:
        metadata["watermark"] = dg.MetadataValue.text(load.watermark_to)
    if load.watermark_from:
        metadata["read_from"] = dg.MetadataValue.text(load.watermark_from)
    if load.new_columns:
        metadata["new_columns"] = dg.MetadataValue.text(", ".join(load.new_columns))
    return metadata
