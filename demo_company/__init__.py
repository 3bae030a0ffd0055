"""A retailer to try everything on: its people, what they did, the systems that saw it — and the truth.

`create` builds a database demo_<source> for each of SOURCES beside the warehouse, drops the files of systems that
have none (advertising, surveys, marketing, events) below C360_HOME/demo_files, and makes the schema demo_truth,
which no role of the pipeline can read. `generate` makes the same tables in memory, `advance` lets days pass in
databases and files. Everything is invented and seeded: the same arguments give the same bytes, and the company
begins on a fixed day (`AS_OF`).

Layers, each knowing the ones before: draws, clock, noise, translit, names, company → people → presence,
behaviour, chats, visits (bundled in world) → cards, truth → systems → generate → load → days, deliveries, advance.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dagster_project.config import load_settings
from dagster_project.warehouse import Warehouse
from demo_company.advance import Advance, advance
from demo_company.clock import NOW
from demo_company.generate import SOURCES, Generated, generate
from demo_company.load import exists, parameters, rebuild, source_url, truth

AS_OF = NOW

__all__ = ["AS_OF", "SOURCES", "Advance", "Generated", "Summary", "advance", "create", "exists", "generate",
           "parameters", "source_url", "truth"]  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """What was built: rows by source, cards and persons in the truth, seconds taken."""

    customers: int
    rows: dict[str, int]
    cards: int
    entities: int
    seconds: float


def create(
    warehouse: Warehouse,
    customers: int = 5000,
    seed: int = 42,
    noise: float = 1.0,
    progress: Callable[[str], None] | None = None,
    folder: Path | None = None,
) -> Summary:
    """Drops and rebuilds the demo company. Needs the warehouse's administrator; raises WarehouseError without.

    `progress` is called with a line for each step; `folder` is where files are dropped (unset: the settings').
    """
    began, say = time.monotonic(), progress or (lambda line: None)
    warehouse.admin_engine()  # fails early
    say(f"inventing {customers:,} customers")
    generated = generate(customers, seed, noise)
    parameters = {"customers": str(customers), "seed": str(seed), "noise": str(noise)}
    rebuild(warehouse, generated, folder or load_settings().demo_files, parameters, say)
    cards = generated.record_entities
    both = generated.tables | generated.drops
    return Summary(
        customers=customers,
        rows={source: sum(map(len, tables.values())) for source, tables in both.items()},
        cards=len(cards),
        entities=len(cards["entity_id"].unique()),
        seconds=time.monotonic() - began,
    )
