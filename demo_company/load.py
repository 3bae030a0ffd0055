"""The demo company's databases and files: made anew, filled over ADBC, and the truth out of everyone's sight.

Belongs here: databases, files, the login role, types, loading. Does not belong here: what the rows are (generate.py).
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import adbc_driver_postgresql.dbapi as adbc
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import URL

from dagster_project.sources import load_source
from dagster_project.warehouse import Warehouse
from demo_company.clock import NOW
from demo_company.generate import SOURCES, Generated

LOGIN = "c360_demo"
TRUTH = "demo_truth"
_SCHEMAS = Path(__file__).parent / "schemas"
_TYPES = {
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "smallint": pa.int16(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"),
    "text": pa.string(),
    "character varying": pa.string(),
    "double precision": pa.float64(),
    "bytea": pa.binary(),
    "jsonb": pa.binary(),
    "uuid": pa.binary(),
}
# ADBC writes the wire's own form, and knows no text for these.
_WIRE = {
    "jsonb": lambda column: pc.binary_join_element_wise(b"\x01", column.cast(pa.binary()), b""),
    "uuid": lambda column: pa.array(
        [value and UUID(value).bytes for value in column.to_pylist()], pa.binary()
    ),
}


def source_url(warehouse: Warehouse, source: str) -> URL:
    """The URL of the database of one of SOURCES, for its login role."""
    admin = warehouse.admin_engine("postgres").url
    return admin.set(username=LOGIN, database=f"demo_{source}")


def rebuild(
    warehouse: Warehouse,
    generated: Generated,
    folder: Path,
    parameters: dict[str, str],
    say: Callable[[str], None],
) -> None:
    """Drops and fills the databases, the folders of files below `folder` and the truth.

    `exists` is false until all of it is there.
    """
    with warehouse.admin_engine().connect() as admin:
        admin.exec_driver_sql(f"drop schema if exists {TRUTH} cascade")
    with warehouse.admin_engine("postgres").connect() as admin:
        _make_login(admin, warehouse)
        for source in SOURCES:
            admin.exec_driver_sql(f'drop database if exists "demo_{source}" with (force)')
            admin.exec_driver_sql(f'create database "demo_{source}" owner {LOGIN}')
            admin.exec_driver_sql(f'revoke all on database "demo_{source}" from public')

    def fill(source: str) -> str:
        _fill(source_url(warehouse, source), source, generated.tables[source])
        return source

    with ThreadPoolExecutor(2) as pool:
        for source in pool.map(fill, sorted(SOURCES, key=lambda s: -_rows(generated.tables[s]))):
            say(
                f"{source}: {_rows(generated.tables[source]):,} rows in {len(generated.tables[source])} tables"
            )
    for source, tables in generated.drops.items():
        _write_files(folder / source, source, tables)
        say(f"{source}: {_rows(tables):,} rows in files")
    _write_truth(warehouse, generated.record_entities, parameters)


def exists(warehouse: Warehouse) -> bool:
    """Whether a demo company was built to the end."""
    with warehouse.admin_engine().connect() as admin:
        return admin.scalar(sa.text("select to_regclass('demo_truth.parameters') is not null"))


def truth(warehouse: Warehouse) -> pa.Table:
    """source_system, source_record_id, entity_id, is_linkable of every card."""
    return _read(warehouse, f"select * from {TRUTH}.record_entities")


def parameters(warehouse: Warehouse) -> dict[str, str]:
    """What the company was built with: customers, seed, noise, as_of."""
    rows = _read(warehouse, f"select key, value from {TRUTH}.parameters").to_pylist()
    return {row["key"]: row["value"] for row in rows}


def _rows(tables: dict[str, pa.Table]) -> int:
    return sum(map(len, tables.values()))


def _make_login(admin: sa.Connection, warehouse: Warehouse) -> None:
    if not admin.scalar(sa.text("select 1 from pg_roles where rolname = :role"), {"role": LOGIN}):
        admin.exec_driver_sql(f"create role {LOGIN} login")
    password = str(warehouse.admin_engine("postgres").url.password or "").replace("'", "''")
    admin.exec_driver_sql(f"alter role {LOGIN} login password '{password}'")
    admin.exec_driver_sql(f'grant connect on database "{warehouse.url.database}" to {LOGIN}')


def _fill(url: URL, source: str, tables: dict[str, pa.Table]) -> None:
    script = (_SCHEMAS / f"{source}.sql").read_text(encoding="utf-8")
    # Indexes come after the rows: building them once is faster.
    layout, create_index, indexes = script.partition("create index")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as statements:
        statements.exec_driver_sql(layout)
        with adbc.connect(_libpq(url)) as connection, connection.cursor() as cursor:
            types = _column_types(cursor)
            for name, table in tables.items():
                cursor.adbc_ingest(name, _cast(table, types[name]), mode="append", db_schema_name="public")
            connection.commit()
        statements.exec_driver_sql(create_index + indexes)
        statements.exec_driver_sql("analyze")


def _write_files(folder: Path, source: str, tables: dict[str, pa.Table]) -> None:
    """A file a month, as the source's declaration describes them."""
    shutil.rmtree(folder, ignore_errors=True)
    for table in load_source(source).tables:
        assert table.files is not None
        rows = tables[table.name].to_pandas(types_mapper=pd.ArrowDtype)
        theirs = {ours: name for name, ours in table.files.rename.items()}
        # The first column with a time is when it happened.
        happened = next(name for name in rows.columns if name == "day" or name.endswith("_at"))
        for month, part in rows.groupby(rows[happened].str.slice(0, 7)):
            path = folder / table.files.pattern.replace("*", str(month))
            path.parent.mkdir(parents=True, exist_ok=True)
            if table.files.format == "csv":
                part = part.rename(columns=theirs)
                text = part.to_csv(index=False, sep=table.files.delimiter, lineterminator="\n")
            else:
                text = part.to_json(orient="records", lines=True, force_ascii=False)
            path.write_text(text, encoding=table.files.encoding)


def _column_types(cursor: adbc.Cursor) -> dict[str, dict[str, tuple[str, pa.DataType]]]:
    cursor.execute(
        "select table_name, column_name, data_type, numeric_precision::integer as width, "
        "numeric_scale::integer as scale from information_schema.columns "
        "where table_schema = 'public' order by table_name, ordinal_position"
    )
    types: dict[str, dict[str, tuple[str, pa.DataType]]] = {}
    for row in cursor.fetch_arrow_table().to_pylist():
        is_numeric = row["data_type"] == "numeric"
        # Without a scale as the rows have them: two decimals at most.
        width, scale = row["width"] or 19, 2 if row["scale"] is None else row["scale"]
        kind = pa.decimal128(width, scale) if is_numeric else _TYPES[row["data_type"]]
        types.setdefault(row["table_name"], {})[row["column_name"]] = (row["data_type"], kind)
    return types


def _cast(table: pa.Table, types: dict[str, tuple[str, pa.DataType]]) -> pa.Table:
    """`table` with exactly the columns of the database's; one too many or too few is a KeyError."""
    columns = {}
    for name, (written, kind) in types.items():
        column = table[name].combine_chunks()
        if written in _WIRE:
            column = _WIRE[written](column)
        if pa.types.is_decimal(kind) and pa.types.is_integer(column.type):
            column = column.cast(pa.decimal128(19 + kind.scale, kind.scale))
        columns[name] = column.cast(kind)
    if unknown := set(table.column_names) - set(types):
        raise KeyError(f"no such columns in the schema: {sorted(unknown)}")
    return pa.table(columns)


def _write_truth(warehouse: Warehouse, record_entities: pa.Table, parameters: dict[str, str]) -> None:
    # The administrator writes: the warehouse's own roles must not be able to read it.
    with warehouse.admin_engine().connect() as admin:
        admin.exec_driver_sql(f"create schema {TRUTH}")
    values = parameters | {"as_of": str(NOW)}
    table = pa.table({"key": list(values), "value": list(values.values())})
    admin_url = warehouse.admin_engine().url
    with adbc.connect(_libpq(admin_url)) as connection, connection.cursor() as cursor:
        for name, rows in (("record_entities", record_entities), ("parameters", table)):
            cursor.adbc_ingest(name, rows, mode="create", db_schema_name=TRUTH)
            cursor.execute(f"alter table {TRUTH}.{name} owner to {LOGIN}")
        cursor.execute(f"alter schema {TRUTH} owner to {LOGIN}")
        cursor.execute(f"revoke all on schema {TRUTH} from public")
        connection.commit()


def _read(warehouse: Warehouse, query: str) -> pa.Table:
    url = warehouse.admin_engine().url.set(username=LOGIN)
    with adbc.connect(_libpq(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetch_arrow_table()


def _libpq(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
