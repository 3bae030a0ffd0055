"""docs/benchmarks.md: its sections, each between markers, and what the figures were measured on.

Belongs here: writing a section, naming the machine. Does not belong here: figures and their tables.
"""

import importlib.metadata
import os
import platform
from pathlib import Path

from dagster_project.config import PROJECT_ROOT

DOCUMENT = PROJECT_ROOT / "docs" / "benchmarks.md"


def machine(*packages: str, **others: str) -> str:
    """Cores, memory and versions, nothing that names the machine. `others`: versions of what is not installed here."""
    versions = {name: importlib.metadata.version(name) for name in packages} | others
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({platform.machine()}), {memory:.0f} GB of memory, Python {platform.python_version()}, {listed}"


def write(section: str, text: str, document: Path = DOCUMENT) -> None:
    """Replaces what lies between `<!-- section -->` and `<!-- /section -->`. Raises ValueError where they are missing."""
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    whole = document.read_text(encoding="utf-8")
    if begin not in whole or end not in whole.split(begin, 1)[1]:
        raise ValueError(f"{document.name} has no section {section}")
    before, rest = whole.split(begin, 1)
    after = rest.split(end, 1)[1]
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")
