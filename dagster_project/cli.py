"""The `c360` command.

Belongs here: arguments, exit codes and what a person reads. Does not belong here: the work itself.
"""

import os
import subprocess
import sys
from typing import Annotated

import typer

from dagster_project.config import DBT_PROJECT_DIR, load_settings
from dagster_project.errors import C360Error

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
warehouse_app = typer.Typer(no_args_is_help=True, help="Starts, stops and shows the embedded warehouse.")
app.add_typer(warehouse_app, name="warehouse")


@app.command("dbt", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def dbt_command(context: typer.Context) -> None:
    """Runs dbt on the warehouse: `c360 dbt build --select staging`."""
    from dagster_project.warehouse import open_warehouse
    from dagster_project.warehouse.dbt import dbt_environment

    command = [str(os.path.join(os.path.dirname(sys.executable), "dbt")), *context.args]
    command += ["--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)]
    environment = os.environ | dbt_environment(open_warehouse(load_settings()))
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)


@app.command()
def sql(query: Annotated[str, typer.Argument(help="One statement.")]) -> None:
    """Runs a query on the warehouse; CSV on standard output."""
    from dagster_project.warehouse import open_warehouse

    warehouse = open_warehouse(load_settings())
    raw = warehouse.engine.raw_connection()
    with raw.cursor() as cursor:
        cursor.execute(query)
        if cursor.description is None:
            raw.commit()
            return
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([column.name for column in cursor.description])
        writer.writerows(cursor)


@warehouse_app.command("start")
def warehouse_start() -> None:
    """Starts the embedded server and makes its database."""
    from dagster_project.warehouse import open_warehouse

    warehouse = open_warehouse(load_settings())
    typer.echo(f"up: {warehouse.url.render_as_string()}")


@warehouse_app.command("stop")
def warehouse_stop() -> None:
    """Stops the embedded server."""
    from dagster_project.warehouse.connect import embedded_server

    typer.echo("stopped" if embedded_server(load_settings().home).stop() else "was not running")


@warehouse_app.command("status")
def warehouse_status() -> None:
    """Shows whether the embedded server runs; exit code 3 if not."""
    from dagster_project.warehouse.connect import embedded_server

    server = embedded_server(load_settings().home)
    if not server.is_running():
        typer.echo("not running")
        raise typer.Exit(3)
    typer.echo(f"running on {server.url().host}:{server.url().port}, data in {server.data}")


def main() -> None:
    """The entry point: a C360Error is one line and exit code 1, never a traceback."""
    try:
        app()
    except C360Error as error:
        typer.secho(f"error: {error.problem}", fg="red", err=True)
        if error.remedy:
            typer.echo(f"       {error.remedy}", err=True)
        sys.exit(1)
