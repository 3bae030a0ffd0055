"""Sources that are held back: what broke one stays out of the contracts, the others go on.

Belongs here: ops.source_holds (why a source is held back), ops.source_states (up to when the contracts have read
each source). Does not belong here: noticing that a source is broken (sources/, gate.py), and what the contracts
do meanwhile: they keep the rows they had (dbt_project/macros/union_sources.sql).
"""

import sqlalchemy as sa

from dagster_project.warehouse import Warehouse

EXTRACTION = "extraction"
RECONCILIATION = "reconciliation"
EVERY_SOURCE = "every_source"  # the check that says, after publishing, which sources are held back


def can_be_held(warehouse: Warehouse, source: str) -> bool:
    """Whether the contracts have rows of `source` to keep: a source that never came through stops the refresh."""
    with warehouse.begin() as connection:
        return bool(
            connection.scalar(
                sa.text("select exists (select from ops.source_reads where source = :source)"),
                {"source": source},
            )
        )


def hold(warehouse: Warehouse, source: str, cause: str, reason: str, run_id: str) -> None:
    """Holds `source` back until `release` of the same cause; `since` stays that of the first time.

    reason: a line for a person that names what to mend, without a value of a row.
    """
    with warehouse.begin() as connection:
        connection.execute(
            sa.text(
                "insert into ops.source_holds (source, cause, reason, run_id) "
                "values (:source, :cause, :reason, :run_id) "
                "on conflict (source, cause) do update set reason = excluded.reason, run_id = excluded.run_id"
            ),
            {"source": source, "cause": cause, "reason": reason, "run_id": run_id},
        )


def release(warehouse: Warehouse, source: str, cause: str) -> None:
    """Takes a cause back; the source is read again once it has none."""
    with warehouse.begin() as connection:
        connection.execute(
            sa.text("delete from ops.source_holds where source = :source and cause = :cause"),
            {"source": source, "cause": cause},
        )


def accept(warehouse: Warehouse) -> None:
    """Says that the contracts, just built, hold each source as it was last extracted, but those held back."""
    with warehouse.begin() as connection:
        connection.execute(
            sa.text(
                "insert into ops.source_reads (source, refreshed_at) "
                "select source, max(finished_at) from ops.extractions "
                "where source not in (select source from ops.source_holds) group by source "
                "on conflict (source) do update set refreshed_at = excluded.refreshed_at"
            )
        )


def held(warehouse: Warehouse, sources: list[str]) -> list[str]:
    """A line for each of `sources` that is held back: since when the readers have no news of it, and why."""
    with warehouse.begin() as connection:
        return [
            f"{source} is kept as it was read on {at:%Y-%m-%d %H:%M} UTC: {reason}"
            for source, at, reason in connection.execute(
                sa.text(
                    "select source_system, refreshed_at at time zone 'UTC', held_reason from ops.source_states "
                    "where held_since is not null and source_system = any(:sources) order by 1"
                ),
                {"sources": sources},
            )
        ]
