"""A shop's table of orders, of any number of rows, the same in PostgreSQL and MariaDB.

Belongs here: the table, its rows, its declaration. Does not belong here: reading it (steps.py).
"""

from pathlib import Path

import duckdb
import psycopg
import sqlalchemy as sa

from dagster_project.sources import Source, Table

SOURCE = Source(
    name="bench",
    kind="shop",
    description="A table of orders to measure with",
    tables=(
        Table("orders", key=("id",), watermark="updated_at", needs=("status", "total", "billing_phone")),
    ),
)
_LAYOUT = """
create table orders (
    id bigint primary key, number varchar(20), customer_id bigint, status varchar(20), currency varchar(3),
    channel varchar(20), created_at {time}, updated_at {time}, total numeric(12, 2), tax numeric(12, 2),
    shipping numeric(12, 2), items int, is_paid smallint, billing_email varchar(100), billing_phone varchar(30),
    city varchar(60), comment text
)"""
_INDEX = "create index orders_updated_at on orders (updated_at)"
# Orders come evenly over three years; one in ten changes up to thirty days later, the others within the hour.
_ROWS = """
with made as (
    select i, (hash(i) % 1000003)::bigint as h, timestamp '2023-01-01' + to_seconds(i * 94608000 // {rows}) as created_at
    from range({rows}) t(i)
)
select i + 1, 'WEB-' || (i + 100000), h % greatest({rows} // 4, 1) + 1,
    ['new', 'paid', 'shipped', 'done', 'cancelled'][h % 5 + 1], 'RUB', ['web', 'app', 'phone'][h % 3 + 1],
    created_at,
    least(
        created_at + to_seconds((hash(i, 1) % (case when h % 10 = 0 then 2592000 else 3600 end))::bigint),
        timestamp '2026-01-01' - to_seconds((hash(i, 2) % 86400)::bigint)
    ),
    ((h % 5000000 + 9900) / 100)::decimal(12, 2), ((h % 5000000 + 9900) / 600)::decimal(12, 2),
    ((h % 50000) / 100)::decimal(12, 2), h % 9 + 1, (h % 4 > 0)::int,
    'user' || (h % 250000) || '@example.com', '+7 9' || lpad((hash(i, 3) % 1000000000)::varchar, 9, '0'),
    ['Москва', 'Казань', 'Омск', 'Нижний Новгород', 'Санкт-Петербург'][h % 5 + 1],
    case when h % 3 = 0 then 'Позвонить за час, домофон не работает, ' || h end
from made
"""


def write(file: Path, rows: int) -> None:
    """The rows as CSV without a header; null is \\N. The same rows each time."""
    with duckdb.connect() as con:
        con.execute(f"copy ({_ROWS.format(rows=rows)}) to '{file}' (format csv, header false, nullstr '\\N')")


def into_postgres(file: Path, url: sa.URL) -> None:
    """Replaces the table in the database at `url`."""
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        # Vacuum can mark only what is safely on the disk as visible to all, and the demo's server commits lazily.
        connection.execute("set synchronous_commit = on")
        connection.execute("drop table if exists orders")
        connection.execute(_LAYOUT.format(time="timestamp"))
        with (
            connection.cursor() as cursor,
            cursor.copy("copy orders from stdin (format csv, null '\\N')") as copy,
            file.open("rb") as lines,
        ):
            while portion := lines.read(1 << 20):
                copy.write(portion)
        connection.execute(_INDEX)
        connection.execute("vacuum analyze orders")


def into_mariadb(file: Path, url: sa.URL) -> None:
    """Replaces the table in the database at `url`; the server reads the file itself."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"charset": "utf8mb4"})
    with engine.begin() as connection:
        for statement in (
            "drop table if exists orders",
            _LAYOUT.format(time="datetime"),
            f"load data infile '{file}' into table orders character set utf8mb4"
            " fields terminated by ',' optionally enclosed by '\"'",
            _INDEX,
            "analyze table orders",
        ):
            connection.exec_driver_sql(statement)
