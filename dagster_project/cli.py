"""The `c360` command.

Belongs here: arguments, exit codes and what a person reads. Does not belong here: the work itself.

Exit codes: 0 done; 1 something must be mended (one line says what); 3 done and published, but rows were
newly put into quarantine; 130 interrupted.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from dagster_project.commands.audit import audit
from dagster_project.commands.decide import app as decide_app
from dagster_project.commands.link import link
from dagster_project.commands.review import review
from dagster_project.commands.sql import sql
from dagster_project.commands.train import train
from dagster_project.commands.why import why
from dagster_project.config import DBT_PROJECT_DIR, load_settings, source_contracts
from dagster_project.errors import C360Error, ConfigError
from dagster_project.interrupts import EXIT_INTERRUPTED, interruptible
from dagster_project.private import write_privately
from dagster_project.terminal import terminal, working

EXIT_INCOMPLETE = 3  # published, but rows wait in quarantine or a source is held back

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
warehouse_app = typer.Typer(no_args_is_help=True, help="Starts, stops and shows the embedded warehouse.")
demo_app = typer.Typer(no_args_is_help=True, help="A retailer to try everything on.")
app.add_typer(warehouse_app, name="warehouse")
app.add_typer(demo_app, name="demo")
app.command()(audit)
app.command()(link)
app.add_typer(decide_app, name="decide")
app.command()(review)
app.command()(sql)
app.command()(train)
app.command()(why)
console = terminal(file=sys.stdout)  # a refresh redirects standard output while it runs


@app.command()
def refresh() -> None:
    """Runs the daily refresh once, with progress and a summary."""
    try:
        with interruptible():
            _refresh()
    except KeyboardInterrupt:
        _interrupted(None)


def _refresh() -> None:
    from dagster_project import summary
    from dagster_project.refresh import Step
    from dagster_project.refresh import refresh as run_refresh
    from dagster_project.warehouse import open_warehouse

    settings = load_settings()
    warehouse = open_warehouse(settings)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("preparing", total=None)

        def listen(event: str, step: Step, done: int, total: int) -> None:
            progress.update(task, total=total, completed=done, description=step.name)
            if event == "done":
                for line in summary.step_lines(step):
                    progress.console.print(line)

        outcome = run_refresh(settings, warehouse, listen)
    if outcome.is_interrupted:
        _interrupted(outcome)
    figures = summary.Figures()
    if outcome.steps and outcome.steps[0].name != "start" and (outcome.success or warehouse.answers()):
        figures = summary.gather(warehouse, outcome.run_id)
        agreement = _agreement(warehouse) if settings.profile == "demo" and outcome.success else None
        summary.show(console, outcome, figures, agreement)
    for line in outcome.held:
        _complain(line)
    for line in outcome.blocked:
        _complain(f"gate {line}")
    for step in outcome.failures:
        _complain(f"{step.name}: {step.failed}")
    if not outcome.success:
        console.print("Mend this and run `c360 refresh` again: it goes on where this one stopped.")
        raise typer.Exit(1)
    if figures.newly_quarantined:
        _complain(
            f"{figures.newly_quarantined} rows were put into quarantine, the rest is published. "
            "See schema quarantine; they come back by themselves once mended."
        )
    if outcome.held or figures.newly_quarantined:
        raise typer.Exit(EXIT_INCOMPLETE)
    _what_next(settings.profile == "demo", warehouse)


def _interrupted(outcome: Any) -> NoReturn:
    """What an interrupted refresh left, in words. Exit code EXIT_INTERRUPTED."""
    where = f" in step {outcome.steps[-1].name}" if outcome and outcome.steps else ""
    _complain(
        f"The refresh was interrupted{where}.",
        "Readers have the last complete state. Run `c360 refresh` again: it finishes what this one began.",
    )
    raise typer.Exit(EXIT_INTERRUPTED)


def _agreement(warehouse: Any) -> Any:
    """The linkage against the demo's truth; None where there is no demo company."""
    import demo_company
    from dagster_project import identity
    from dagster_project.summary import Agreement

    if warehouse.admin_url is None or not demo_company.exists(warehouse):
        return None
    truth = demo_company.truth(warehouse)
    found = warehouse.read(
        "select source_system, source_record_id, customer_id from identity.record_customers"
    )
    return Agreement(identity.pairwise(truth, found), identity.b_cubed(truth, found))


def _what_next(is_demo: bool, warehouse: Any) -> None:
    lines = [("make ui", "shows the pipeline in Dagster")]
    if is_demo and (phone := _a_phone(warehouse)):
        lines.append((f"c360 customer {phone}", "shows a customer card"))
    lines.append(('c360 sql "select * from marts.dim_customer limit 5"', "queries the marts"))
    for number, (command, does) in enumerate(lines):
        head = " " * 11 if number else "What next: "
        console.print(Text.assemble(head, (command, "bold"), f" {does}"))


def _a_phone(warehouse: Any) -> str | None:
    """An invented person's phone: one known to as many demo systems as any."""
    import sqlalchemy as sa

    with warehouse.begin() as connection:
        return connection.scalar(
            sa.text(
                "select value from marts.bridge_customer_identifier where kind = 'phone' and value like '+79%' "
                "group by value order by count(distinct source_system) desc, value limit 1"
            )
        )


@app.command()
def customer(who: Annotated[str, typer.Argument(help="A phone, an e-mail or a customer ID.")]) -> None:
    """Shows the customer card."""
    from dagster_project.card import find_cards
    from dagster_project.identity import Company
    from dagster_project.warehouse import open_warehouse

    settings = load_settings()
    cards = find_cards(open_warehouse(settings), who, Company.of(settings).regions)
    if not cards:
        _complain(f"No customer has {who!r}.")
        raise typer.Exit(1)
    for card in cards:
        console.print_json(json.dumps(card, ensure_ascii=False, default=str))


@app.command("dbt", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def dbt_command(context: typer.Context) -> None:
    """Runs dbt on the warehouse: `c360 dbt build --select staging`."""
    from dagster_project.warehouse import open_current
    from dagster_project.warehouse.dbt import dbt_environment

    settings = load_settings()
    command = [_beside_python("dbt"), *context.args]
    command += ["--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)]
    environment = os.environ | dbt_environment(open_current(settings), settings)
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)


@app.command()
def ui(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The webserver's port.", min=1, max=65535)] = 3000,
) -> None:
    """Runs Dagster's webserver and daemon until interrupted."""
    from dagster_project.refresh import dagster_home
    from dagster_project.services import log_of, run_services
    from dagster_project.warehouse import open_warehouse

    try:
        with interruptible():
            settings = load_settings()
            home = dagster_home(settings)
            with contextlib.ExitStack() as starting:

                def ready(url: str) -> None:
                    starting.close()
                    console.print(
                        f"Dagster's UI: {url} — Ctrl-C ends it; its log is {log_of(home)}", soft_wrap=True
                    )

                starting.enter_context(working(console, "starting Dagster's webserver and daemon"))
                code = run_services(host, port, home, ready, lambda: open_warehouse(settings))
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


@app.command()
def stop() -> None:
    """Stops the embedded warehouse and what `c360 ui` started."""
    from dagster_project.refresh import dagster_home
    from dagster_project.services import stop_services
    from dagster_project.warehouse.connect import embedded_server

    settings = load_settings()
    for name in stop_services(dagster_home(settings)):
        console.print(f"stopped {name}")
    if embedded_server(settings.home).stop():
        console.print("stopped the embedded warehouse")


@warehouse_app.command("start")
def warehouse_start() -> None:
    """Starts the embedded server and makes its database."""
    from dagster_project.warehouse import open_warehouse

    warehouse = open_warehouse(load_settings())
    console.print(f"up: {warehouse.url.render_as_string()}")


@warehouse_app.command("init")
def warehouse_init() -> None:
    """Makes database, roles, schemas and Dagster's storage on your own server. Needs C360_WAREHOUSE_ADMIN_URL."""
    from dagster_project.warehouse import schema
    from dagster_project.warehouse.connect import set_up

    settings = load_settings()
    set_up(settings)
    console.print(
        f"ready: give {schema.ANALYST}, {schema.BI} and {schema.AGENT} passwords when someone is to read "
        f"(alter role {schema.BI} login password '…')"
    )


@warehouse_app.command("migrate")
def warehouse_migrate() -> None:
    """Brings the warehouse's own tables to this version; a refresh does it too."""
    from dagster_project.warehouse import open_current

    open_current(load_settings())
    console.print("the warehouse is as this version needs it")


@warehouse_app.command("stop")
def warehouse_stop() -> None:
    """Stops the embedded server."""
    from dagster_project.warehouse.connect import embedded_server

    console.print("stopped" if embedded_server(load_settings().home).stop() else "was not running")


@warehouse_app.command("status")
def warehouse_status() -> None:
    """Shows whether the embedded server runs; exit code 1 if not."""
    from dagster_project.warehouse.connect import embedded_server

    server = embedded_server(load_settings().home)
    if not server.is_running():
        console.print("not running")
        raise typer.Exit(1)
    console.print(
        f"running on {server.url().host}:{server.url().port}, data in {server.data}", soft_wrap=True
    )


@demo_app.command("create")
def demo_create(
    customers: Annotated[int, typer.Option(min=1, help="People in the company's world.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same company.")] = 42,
    noise: Annotated[float, typer.Option(min=0.0, help="1 is default, 2 has twice the errors.")] = 1.0,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Keep a company that is there.")] = False,
) -> None:
    """Builds the demo company's source databases and its truth."""
    import demo_company
    from dagster_project.warehouse import open_warehouse, schema
    from dagster_project.warehouse.lock import refresh_lock

    settings = load_settings()
    if settings.profile == "production":
        raise ConfigError("The demo company is not for production.", "Set C360_PROFILE=demo.")
    warehouse = open_warehouse(settings)
    if if_missing and demo_company.exists(warehouse):
        console.print("The demo company is there; `c360 demo create` builds it anew.")
        return
    with working(console, "building the demo company"), refresh_lock(warehouse, "c360 demo create"):
        summary = demo_company.create(warehouse, customers, seed, noise)
        with warehouse.begin() as connection:
            schema.forget_sources(connection, list(source_contracts()))
    rows = ", ".join(f"{source} {count:,}" for source, count in summary.rows.items())
    console.print(
        f"The demo company: {summary.customers:,} people, {summary.cards:,} cards in {len(summary.rows)} systems "
        f"({rows} rows), {summary.seconds:.0f} s",
        soft_wrap=True,
    )


@demo_app.command("advance")
def demo_advance(
    days: Annotated[int, typer.Option(help="How many days pass.")] = 1,
) -> None:
    """Lets the demo company live on: new, changed, merged, deleted and late rows in every system."""
    import demo_company
    from dagster_project.warehouse import open_warehouse
    from dagster_project.warehouse.lock import refresh_lock

    settings = load_settings()
    if settings.profile == "production":
        raise ConfigError("The demo company is not for production.", "Set C360_PROFILE=demo.")
    warehouse = open_warehouse(settings)
    with working(console, "living on"), refresh_lock(warehouse, "c360 demo advance"):
        done = demo_company.advance(warehouse, days)
    console.print(
        f"It is {done.today[:10]} now: {done.newcomers:,} new people, {done.total('copies'):,} further cards, "
        f"{done.total('gone'):,} deleted or merged for good, {done.total('dead'):,} marked as deleted, "
        f"{done.file_rows:,} rows in files",
        soft_wrap=True,
    )


def _beside_python(program: str) -> str:
    return str(Path(sys.executable).parent / program)


def _complain(problem: str, remedy: str = "") -> None:
    """One problem on standard error, its remedy on the next line."""
    lines = [*problem.splitlines(), *([remedy] if remedy else [])]
    typer.secho(f"error: {lines[0]}", fg="red", err=True)
    for line in lines[1:]:
        typer.echo(f"       {line}", err=True)


def main() -> None:
    """The entry point: an error is a line, its remedy the next, and exit code 1; never a traceback."""
    write_privately()
    try:
        app()
    except C360Error as error:
        _complain(error.problem, error.remedy)
        sys.exit(1)
    except Exception as error:
        from dagster_project.errors import mistake
        from dagster_project.warehouse.failures import warehouse_error

        known = warehouse_error(error) or mistake(error)
        _complain(known.problem, known.remedy)
        sys.exit(1)
