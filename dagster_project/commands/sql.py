"""`c360 sql`: one query, as a reader who may write nothing unless told so.

Belongs here: arguments, the role and the transaction of the query, CSV. Does not belong here: what a role may read
(warehouse/schema.py, warehouse/readers.py).
"""

import csv
import sys
from enum import StrEnum
from typing import Annotated

import typer

from dagster_project.config import load_settings
from dagster_project.errors import ConfigError, WarehouseError
from dagster_project.messages import words


class Reader(StrEnum):
    """Whose eyes the query has: a role of the warehouse without its prefix."""

    ANALYST = "analyst"
    BI = "bi"
    AGENT = "agent"


def sql(
    query: Annotated[str, typer.Argument(help="One statement.")],
    role: Annotated[
        Reader,
        typer.Option(help="Who asks: analyst reads every layer, bi what dashboards see, agent the card."),
    ] = Reader.ANALYST,
    write: Annotated[
        bool, typer.Option("--write", help="Runs the statement as the warehouse's owner and commits it.")
    ] = False,
) -> None:
    """Runs a query on the warehouse; CSV on standard output. It reads only, unless --write is given."""
    import psycopg
    import sqlalchemy as sa

    from dagster_project.warehouse import open_warehouse, schema

    warehouse = open_warehouse(load_settings())
    name = f"c360_{role}"
    with warehouse.begin() as connection:
        if not write:
            if not schema.may_take(connection, name):
                owner = warehouse.url.username or schema.OWNER
                raise WarehouseError(
                    f"The warehouse has no role {name} that {owner} may take.",
                    "Run `c360 warehouse init` with C360_WAREHOUSE_ADMIN_URL, or let an administrator run: "
                    + schema.how_to_make_roles(owner),
                )
            schema.grant_to_analyst(connection)
    with warehouse.begin() as connection:
        if not write:
            connection.execute(sa.text("set transaction read only"))
            connection.execute(sa.text(f"set local role {name}"))
            if role is Reader.BI:  # as its own login has it
                connection.execute(sa.text(f"set local search_path = {schema.BI_VIEWS}, {schema.MARTS}"))
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            try:
                # Prepared, PostgreSQL takes one statement: none can end the transaction and go on as the owner.
                cursor.execute(query, prepare=True)
            except psycopg.Error as error:
                said = words(str(error), error.sqlstate or "")
                is_write = isinstance(error, psycopg.errors.ReadOnlySqlTransaction)
                remedy = "A statement that writes needs `--write`." if is_write else "Fix the query."
                raise ConfigError(f"The query failed: {said}.", remedy) from error
            if cursor.description is None:
                return
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow([column.name for column in cursor.description])
            writer.writerows(cursor)
