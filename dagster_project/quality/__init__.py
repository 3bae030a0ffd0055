"""The gates between steps: Great Expectations suites run on a load, and a quarantine for bad rows.

Belongs here: reading suites (suites.py), running one (gate.py, expect.py), moving bad rows out and back
(quarantine.py), what a gate writes down (ledger.py), loads against their source (reconcile.py), what a source gives
the conformed tables (staged.py), sources on hold (holding.py).
Does not belong here: the rules themselves (expectations/) and Dagster (checks.py turns an outcome into an
asset check).
"""

from dagster_project.quality.gate import Batch, CheckResult, GateOutcome, Status, run_gate
from dagster_project.quality.quarantine import forget
from dagster_project.quality.reconcile import Reconciliation, reconcile
from dagster_project.quality.suites import Expectation, Suite, load_suite, load_suites

__all__ = [
    "Batch",
    "CheckResult",
    "Expectation",
    "GateOutcome",
    "Reconciliation",
    "Status",
    "Suite",
    "forget",
    "load_suite",
    "load_suites",
    "reconcile",
    "run_gate",
]
