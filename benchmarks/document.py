"""docs/benchmarks.md: its sections, each between markers, and what the figures were measured on.

Belongs here: reading and writing a section, naming the machine. Does not belong here: figures and their tables.
"""

import importlib.metadata
import os
import platform
import re
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


def read(section: str, document: Path = DOCUMENT) -> str:
    """What is between `<!-- section -->` and `<!-- /section -->`. Raises ValueError where they are missing."""
    return _parts(section, document)[1].strip()


def write(section: str, text: str, document: Path = DOCUMENT) -> None:
    """Replaces what `read` returns. Raises ValueError where the section is missing."""
    before, _, after = _parts(section, document)
    document.write_text(f"{before}\n{text.strip()}\n{after}", encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of the first table in Markdown, its head left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines[2:]]


def number(cell: str) -> float:
    return float(cell.replace(",", "").replace("*", "").rstrip("%"))


def measured_on(now: str, before: str, kept: bool) -> str:
    """The last line of a section: the machine, and that of the rows which an earlier run measured, if `kept`."""
    text = f"Measured on {now}."
    earlier = re.findall(r"Measured on (.+?)[.](?= Rows of earlier runs|$)", before, re.MULTILINE)
    if kept and earlier and earlier[-1] != now:
        text += f" Rows of earlier runs: on {earlier[-1]}."
    return text


def _parts(section: str, document: Path) -> tuple[str, str, str]:
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    whole = document.read_text(encoding="utf-8")
    if begin not in whole or end not in whole.split(begin, 1)[1]:
        raise ValueError(f"{document.name} has no section {section}")
    before, rest = whole.split(begin, 1)
    text, after = rest.split(end, 1)
    return before + begin, text, end + after
