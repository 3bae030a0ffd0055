"""The audit of sources (R38): what each holds, how complete, how duplicated, how linkable, before anything is on.

Belongs here: reading sources as they are (reading.py), which columns name a person (columns.py), the figures
(measure.py), the page (page.py). Does not belong here: loading, staging, any one system; the terminal
(commands/audit.py). Needs no warehouse and writes to none. No value of a person leaves it: counts, shares and
masked placeholders only.
"""

from dagster_project.audit.measure import Audit, audit

__all__ = ["Audit", "audit"]
