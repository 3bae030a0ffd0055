"""Sources on hold: what is wrong with one stays out of the conformed tables, the others go on.

Belongs here: ops.source_holds (why a source is on hold), ops.source_states (when the conformed tables last read
each source). Does not belong here: noticing that a source is broken (sources/, gate.py, staged.py), and what the
conformed tables do meanwhile: they keep the rows they had (dbt_project/macros/union_sources.sql).
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from dagster_project.errors import SourceError
from dagster_project.warehouse import Warehouse

EXTRACTION = "extraction"
RECONCILIATION = "reconciliation"
STAGED = "staging"
EVERY_SOURCE = "every_source"  # the check that reports, after publishing, which sources are on hold


def causes(warehouse: Warehouse) -> dict[str, set[str]]:
    """The sources on hold, each with its causes."""
    found: dict[str, set[str]] = {}
    with warehouse.begin() as connection:
        for row in connection.execute(sa.text("select source, cause from ops.source_holds")):
            found.setdefault(row.source, set()).add(row.cause)
    return found


def never_extracted(warehouse: Warehouse, sources: Iterable[str]) -> set[str]:
    """Those of `sources` that no extraction ever read to its end: their raw tables may not exist."""
    with warehouse.begin() as connection:
        return set(sources) - set(connection.scalars(sa.text("select distinct source from ops.extractions")))


def raise_if_none_came_through(warehouse: Warehouse, sources: Sequence[str]) -> None:
    """Raises SourceError where every source is on hold and the conformed tables never read any of them."""
    with warehouse.begin() as connection:
        read = set(connection.scalars(sa.text("select source from ops.source_reads")))
    if read & set(sources) or set(sources) - set(causes(warehouse)):
        return
    lines = held(warehouse, list(sources))
    raise SourceError(f"No source came through. {' '.join(lines)}", "Fix them, and run the refresh again.")


def hold(warehouse: Warehouse, source: str, cause: str, reason: str, run_id: str) -> None:
    """Puts `source` on hold until `release` of the same cause; `since` stays that of the first time.

    reason: a line for a person that names what to fix, without a value of a row.
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
    """Notes that the conformed tables, just built, have each source as it was last extracted, but those on hold."""
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
    """A line for each of `sources` that is on hold: since when the readers have no news of it, and why."""
    with warehouse.begin() as connection:
        return [
            f"{source} {f'is kept as it was read on {at:%Y-%m-%d %H:%M} UTC' if at else 'never came through'}: "
            f"{reason}"
            for source, at, reason in connection.execute(
                sa.text(
                    "select source_system, refreshed_at at time zone 'UTC', held_reason from ops.source_states "
                    "where held_since is not null and source_system = any(:sources) order by 1"
                ),
                {"sources": sources},
            )
        ]
