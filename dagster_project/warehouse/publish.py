"""Publishing: readers pass from one complete, gated state of the marts to the next, in one commit.

Belongs here: moving what was built and gated in `marts_build` to `marts`, the masked views for BI, and
the readers' grants. Does not belong here: what a mart means (dbt_project/models/marts).

Rows are exchanged by difference, not by renaming schemas: readers are never blocked, views that others
built on the marts stay valid, and what is written follows what changed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.errors import WarehouseError
from dagster_project.warehouse import schema
from dagster_project.warehouse.connect import Warehouse

# What an operator's desk reads: the card, and the way to it from a phone, an e-mail or a retired ID.
AGENT_TABLES = ("customer_card", "bridge_customer_identifier", "customer_id_redirect")


@dataclass(frozen=True)
class Mart:
    """One mart: its primary key's columns, and those that hold personal values."""

    name: str
    key: tuple[str, ...]
    personal: frozenset[str]


@dataclass(frozen=True)
class Published:
    """Rows of one mart after publishing, and how many were written and removed to get there."""

    mart: str
    rows: int
    written: int
    removed: int


def publish(
    warehouse: Warehouse, marts: list[Mart], progress: Callable[[str], None] = lambda _: None
) -> list[Published]:
    """Makes `marts` equal to `marts_build` in one transaction. Raises WarehouseError where a mart was not built."""
    done = []
    with warehouse.begin() as connection:
        readers = set(
            connection.scalars(
                sa.text("select rolname from pg_roles where rolname in (:bi, :agent)"),
                {"bi": schema.BI, "agent": schema.AGENT},
            )
        )
        for mart in marts:
            columns = _columns(connection, schema.MARTS_BUILD, mart.name)
            if not columns:
                raise WarehouseError(
                    f"Mart {mart.name} was not built in {schema.MARTS_BUILD}.", "Run the whole refresh."
                )
            if _shape(connection, schema.MARTS, mart.name) != _shape(
                connection, schema.MARTS_BUILD, mart.name
            ):
                _recreate(connection, mart)
            done.append(_exchange(connection, mart))
            _mask(connection, mart, columns)
            progress(f"{mart.name}: {done[-1].rows} rows, {done[-1].written} written")
        _drop_others(connection, {mart.name for mart in marts})
        _grant(connection, marts, readers)
    return done


def _columns(connection: sa.Connection, schema_name: str, table: str) -> list[tuple[str, str]]:
    rows = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped order by attnum"
        ),
        {"table": f'{schema_name}."{table}"'},
    )
    return [(str(row[0]), str(row[1])) for row in rows]


def _shape(connection: sa.Connection, schema_name: str, table: str) -> str | None:
    """Columns, nullability and indexes as one text; None where there is no table."""
    return connection.scalar(
        sa.text(
            """
            select string_agg(line, ';' order by line) from (
                select concat_ws(' ', attnum, attname, format_type(atttypid, atttypmod), attnotnull) as line
                from pg_attribute where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped
                union all
                select regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', indisunique::text || ' ')
                from pg_index where indrelid = to_regclass(:table)
            ) shape
            """
        ),
        {"table": f'{schema_name}."{table}"'},
    )


def _run(connection: sa.Connection, statement: str, **parts: pgsql.Composable) -> int:
    driver = connection.connection.driver_connection
    assert driver is not None
    return driver.execute(pgsql.SQL(statement).format(**parts)).rowcount


def _recreate(connection: sa.Connection, mart: Mart) -> None:
    built = pgsql.Identifier(schema.MARTS_BUILD, mart.name)
    public = pgsql.Identifier(schema.MARTS, mart.name)
    view = pgsql.Identifier(schema.BI_VIEWS, mart.name)
    _run(connection, "drop view if exists {view}", view=view)
    _run(connection, "drop table if exists {public} cascade", public=public)
    _run(connection, "create table {public} (like {built} including all)", public=public, built=built)


def _exchange(connection: sa.Connection, mart: Mart) -> Published:
    parts = {
        "built": pgsql.Identifier(schema.MARTS_BUILD, mart.name),
        "public": pgsql.Identifier(schema.MARTS, mart.name),
        "same_key": pgsql.SQL(" and ").join(
            pgsql.SQL("b.{0} = p.{0}").format(pgsql.Identifier(column)) for column in mart.key
        ),
    }
    # *= compares rows as they are stored: any type, nulls equal.
    removed = _run(
        connection,
        "delete from {public} p where not exists (select from {built} b where {same_key} and b *= p)",
        **parts,
    )
    written = _run(
        connection,
        "insert into {public} select * from {built} b where not exists (select from {public} p where {same_key})",
        **parts,
    )
    rows = connection.scalar(sa.text(f'select count(*) from {schema.MARTS}."{mart.name}"')) or 0
    return Published(mart.name, rows, written, removed)


def _mask(connection: sa.Connection, mart: Mart, columns: list[tuple[str, str]]) -> None:
    """The mart as BI sees it: a personal text keeps its first letter, a date its year, anything else nothing."""

    def shown(name: str, type_: str) -> pgsql.Composable:
        column = pgsql.Identifier(name)
        if name not in mart.personal:
            return column
        if type_ == "date":
            return pgsql.SQL("date_trunc('year', {0})::date as {0}").format(column)
        if type_ == "text" or type_.startswith("character varying"):
            return pgsql.SQL("(left({0}, 1) || '***')::text as {0}").format(column)
        return pgsql.SQL("null::{1} as {0}").format(column, pgsql.SQL(type_))

    view = pgsql.Identifier(schema.BI_VIEWS, mart.name)
    definition = pgsql.SQL("select {columns} from {public}").format(
        columns=pgsql.SQL(", ").join(shown(name, type_) for name, type_ in columns),
        public=pgsql.Identifier(schema.MARTS, mart.name),
    )
    # Replacing a view waits for its readers: only where it really changed.
    text = definition.as_string()
    current = connection.scalar(
        sa.text("select obj_description(to_regclass(:view), 'pg_class')"),
        {"view": f'{schema.BI_VIEWS}."{mart.name}"'},
    )
    if current == text:
        return
    _run(connection, "drop view if exists {view}", view=view)
    _run(connection, "create view {view} with (security_barrier) as {text}", view=view, text=definition)
    _run(connection, "comment on view {view} is {text}", view=view, text=pgsql.Literal(text))


def _drop_others(connection: sa.Connection, names: set[str]) -> None:
    """A mart that the project no longer has must not go on answering with old figures."""
    existing = connection.scalars(
        sa.text("select tablename from pg_tables where schemaname = :schema"), {"schema": schema.MARTS}
    ).all()
    for name in set(existing) - names:
        _run(connection, "drop table {table} cascade", table=pgsql.Identifier(schema.MARTS, name))


def _grant(connection: sa.Connection, marts: list[Mart], readers: set[str]) -> None:
    if schema.BI in readers:
        connection.exec_driver_sql(f"grant usage on schema {schema.BI_VIEWS}, {schema.MARTS} to {schema.BI}")
        connection.exec_driver_sql(f"grant select on all tables in schema {schema.BI_VIEWS} to {schema.BI}")
        for mart in marts:
            open_columns = [
                name for name, _ in _columns(connection, schema.MARTS, mart.name) if name not in mart.personal
            ]
            _run(
                connection,
                "grant select ({columns}) on {table} to {role}",
                columns=pgsql.SQL(", ").join(map(pgsql.Identifier, open_columns)),
                table=pgsql.Identifier(schema.MARTS, mart.name),
                role=pgsql.Identifier(schema.BI),
            )
    if schema.AGENT in readers:
        connection.exec_driver_sql(f"grant usage on schema {schema.MARTS} to {schema.AGENT}")
        for mart in marts:
            if mart.name in AGENT_TABLES:
                connection.exec_driver_sql(f"grant select on {schema.MARTS}.{mart.name} to {schema.AGENT}")
