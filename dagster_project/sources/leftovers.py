"""What loads leave on disk: plain copies of source rows, of no use once a load has ended.

Belongs here: removing them, whether the load ended well, badly or was killed. Does not belong here: loading
(loading.py), the rows of the warehouse.
"""

import shutil
from collections.abc import Collection
from pathlib import Path

PIPELINES = "dlt"
DELIVERY = "delivery-"  # how the folder of a source without a database begins
PENDING = ("normalize/extracted", "load/new", "load/normalized")


def remove(work_dir: Path, pipelines: Collection[str]) -> None:
    """Removes what earlier runs left below `work_dir`: call it while no load is at work.

    pipelines: the names of those that are still in use.
    """
    for folder in (
        *work_dir.glob(f"{DELIVERY}*"),
        *(file.parent for file in work_dir.glob("tmp*/delivery.duckdb")),
    ):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (work_dir / PIPELINES).glob("*/"):
        if folder.name in pipelines:
            clear(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def clear(pipeline: Path) -> None:
    """Removes the packages of one pipeline. One with a package that never ended is forgotten as a whole.

    dlt then takes schemas and state from the destination again, and the next load reads the same rows.
    """
    if any(any((pipeline / place).glob("*")) for place in PENDING):
        shutil.rmtree(pipeline, ignore_errors=True)
        return
    for package in (pipeline / "load" / "loaded").glob("*"):
        shutil.rmtree(package, ignore_errors=True)
    (pipeline / "trace.pickle").unlink(missing_ok=True)  # of a load that failed, it may quote values
