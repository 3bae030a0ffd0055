"""What __main__.py runs in processes of their own: `python -m benchmarks.extraction.steps STEP`.

Each prints its figures as the last line, in JSON. Seconds count the work alone, without starting Python. The source
is at BENCH_SOURCE_URL, the warehouse that of C360_HOME. Heavy imports stand inside: no step pays for another's.

`ours` is an extraction as a refresh does it, into raw_bench; `adbc` reads the table and writes it, streaming, by ADBC
alone; `dlt` is dlt alone: `sql_table` with its Arrow backend, everything else by default.
"""

import json
import os
import sys
import time
from typing import Any

BARE, DLT = "bench_bare", "bench_dlt"  # schemas of the peers; ours is raw_bench
CHUNK_ROWS = 50_000


def ours(url: str) -> dict[str, Any]:
    from benchmarks.extraction.orders import SOURCE
    from dagster_project.config import load_settings
    from dagster_project.sources.extract import extract
    from dagster_project.warehouse import open_warehouse

    settings = load_settings()
    warehouse = open_warehouse(settings)
    started = time.monotonic()
    (load,) = extract(SOURCE, url, warehouse, settings.home / "work").tables
    return {"seconds": time.monotonic() - started, "rows": load.rows_loaded}


def adbc(url: str) -> dict[str, Any]:
    import adbc_driver_postgresql.dbapi
    from sqlalchemy.engine import make_url

    from dagster_project.config import load_settings
    from dagster_project.warehouse import open_warehouse

    warehouse = open_warehouse(load_settings())
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    started = time.monotonic()
    with (
        adbc_driver_postgresql.dbapi.connect(address) as source,
        source.cursor() as reading,
        warehouse.arrow() as target,
        target.cursor() as writing,
    ):
        reading.execute("select * from orders")
        rows = writing.adbc_ingest("orders", reading.fetch_record_batch(), mode="create", db_schema_name=BARE)
        target.commit()
    return {"seconds": time.monotonic() - started, "rows": rows}


def dlt(url: str) -> dict[str, Any]:
    import dlt as library
    from dlt.sources.sql_database import sql_table

    from dagster_project.config import load_settings
    from dagster_project.warehouse import open_warehouse

    settings = load_settings()
    warehouse = open_warehouse(settings)
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    started = time.monotonic()
    pipeline = library.pipeline(
        pipeline_name=DLT,
        pipelines_dir=str(settings.home / "work" / "dlt"),
        destination=library.destinations.postgres(credentials=warehouse.libpq_url()),
        dataset_name=DLT,
    )
    pipeline.run(sql_table(url, table="orders", backend="pyarrow", chunk_size=CHUNK_ROWS))
    seconds = time.monotonic() - started
    normalized = pipeline.last_trace.last_normalize_info
    return {"seconds": seconds, "rows": normalized.row_counts["orders"] if normalized else 0}


if __name__ == "__main__":
    step = {"ours": ours, "adbc": adbc, "dlt": dlt}[sys.argv[1]]
    print(json.dumps(step(os.environ["BENCH_SOURCE_URL"])))
