"""Every table of every demo system, after days of its life: what is live in raw is what the source holds."""

import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import demo_company
from dagster_project.sources import Source, load_source
from dagster_project.sources.extract import extract
from dagster_project.warehouse import Warehouse, schema


def values(connection: sa.Connection, query: str) -> list[tuple[Any, ...]]:
    rows = connection.exec_driver_sql(query)
    return [tuple(str(v) if isinstance(v, uuid.UUID) else v for v in row) for row in rows]


def differences(warehouse: Warehouse, source: Source) -> list[str]:
    """Tables whose live raw rows are not the source's, in all columns that raw has."""
    engine = sa.create_engine(demo_company.source_url(warehouse, source.name), poolclass=sa.NullPool)
    found = []
    with engine.connect() as there, warehouse.begin() as here:
        for table in source.tables:
            raw = f'{schema.raw_schema(source.name)}."{table.name}"'
            known = sa.inspect(here).get_columns(table.name, schema=schema.raw_schema(source.name))
            there_too = {c["name"] for c in sa.inspect(there).get_columns(table.name)}
            columns = [c["name"] for c in known if c["name"] in there_too]
            listed = ", ".join(f'"{column}"' for column in columns)
            order = ", ".join(f'"{column}"::text collate "C"' for column in table.key)
            live = values(here, f"select {listed} from {raw} where _deleted_at is null order by {order}")
            held = values(there, f'select {listed} from "{table.name}" order by {order}')
            assert set(table.required_columns) <= set(columns)
            if live != held:
                apart = sum(one != other for one, other in zip(live, held, strict=False))
                found.append(
                    f"{source.name}.{table.name}: {len(live)} rows, {len(held)} at the source, {apart} differ"
                )
    return found


@pytest.mark.slow
def test_raw_equals_every_source_before_and_after_days_of_its_life(
    clean_warehouse: Warehouse, tmp_path: Path
) -> None:
    demo_company.create(clean_warehouse, customers=60, seed=5, folder=tmp_path / "files")
    sources = [load_source(name) for name in demo_company.SOURCES]
    for days in (0, 2):
        if days:
            demo_company.advance(clean_warehouse, days)
        loads = {}
        for source in sources:
            url = demo_company.source_url(clean_warehouse, source.name).render_as_string(hide_password=False)
            done = extract(source, url, clean_warehouse, tmp_path)
            loads |= {f"{source.name}.{load.table}": load for load in done.tables}
        assert [line for source in sources for line in differences(clean_warehouse, source)] == []
        if days:
            assert loads["odoo.res_partner"].tombstones >= days
            assert loads["odoo.pos_order"].rows_loaded < loads["odoo.pos_order"].rows_at_source / 4
