"""Publishing: readers pass from one complete, gated state of the marts to the next, in one commit.

Belongs here: moving what was built and gated in `marts_build` to `marts`. Does not belong here: what a mart means
(dbt_project/models/marts), DDL of a mart whose columns changed (shapes.py), masked views and grants (readers.py).

Rows are exchanged by difference, not by renaming schemas: readers are never blocked, views that others built on the
marts stay valid, and what is written follows what changed. A mart whose columns changed is locked against readers
for less than a second: either its rows are few, or they are exchanged between two such locks; in between
`select *` shows its new columns, empty, under names that begin with `c360_next_`.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.errors import WarehouseError
from dagster_project.warehouse import readers, schema, shapes
from dagster_project.warehouse.connect import Warehouse
from dagster_project.warehouse.locks import PATIENCE_S, execute, run_briefly
from dagster_project.warehouse.shapes import Change, Column

# Rows that are exchanged in well under a second: so many while readers are locked out, not more.
ROWS_UNDER_LOCK = 20_000


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


@dataclass(frozen=True)
class _Plan:
    """A mart, the columns that were built, and what must change of the public table; None: there is none yet."""

    mart: Mart
    built: list[Column]
    change: Change | None

    @property
    def is_altered(self) -> bool:
        return self.change is not None and not self.change.is_none


Progress = Callable[[str], None]


def publish(
    warehouse: Warehouse,
    marts: list[Mart],
    progress: Progress = lambda _: None,
    *,
    patience_s: float = PATIENCE_S,
    rows_under_lock: int = ROWS_UNDER_LOCK,
) -> list[Published]:
    """Makes `marts` equal to `marts_build` in one commit.

    Raises WarehouseError where a mart was not built, and where a session holds one whose columns changed for longer
    than `patience_s`: then readers have the state that they had.
    """
    with warehouse.begin() as connection:
        plans = [_plan(connection, mart) for mart in marts]
        altered = [plan for plan in plans if plan.is_altered]
        rows = sum(_count(connection, schema.MARTS_BUILD, plan.mart.name) for plan in altered)
    is_apart = rows > rows_under_lock
    with contextlib.ExitStack() as on_failure:
        if is_apart:
            on_failure.callback(_take_back, warehouse, altered)
            with warehouse.begin() as connection:
                _briefly(connection, _first(altered), altered, patience_s)
        with warehouse.begin() as connection:
            done = _exchange_all(connection, plans, altered, is_apart, patience_s, progress)
        on_failure.pop_all()
    with warehouse.begin() as connection:
        for plan in altered:
            made, obsolete = shapes.index_changes(connection, plan.mart.name)
            for statement in made:
                execute(connection, statement)
            _briefly(connection, obsolete, [plan], patience_s)
    return done


def _plan(connection: sa.Connection, mart: Mart) -> _Plan:
    built = shapes.columns(connection, schema.MARTS_BUILD, mart.name)
    if not built:
        raise WarehouseError(
            f"Mart {mart.name} was not built in {schema.MARTS_BUILD}.", "Run the whole refresh."
        )
    return _Plan(mart, built, shapes.change(connection, mart.name, built))


def _first(altered: Sequence[_Plan]) -> list[str]:
    return [statement for plan in altered if plan.change for statement in plan.change.first()]


def _exchange_all(
    connection: sa.Connection,
    plans: Sequence[_Plan],
    altered: Sequence[_Plan],
    is_apart: bool,
    patience_s: float,
    progress: Progress,
) -> list[Published]:
    """The one transaction whose commit readers see. What locks them out comes last."""
    done: dict[str, Published] = {}

    def exchange(some: Sequence[_Plan]) -> None:
        for plan in some:
            name = plan.mart.name
            done[name] = _exchange(connection, plan)
            progress(f"{name}: {done[name].rows} rows, {done[name].written} written")

    for plan in plans:
        if plan.change is None:
            _create(connection, plan.mart)
    exchange([plan for plan in plans if not plan.is_altered])
    views = [view for plan in plans if (view := _view(connection, plan)) is not None]
    named = {view.name for view in views}
    touched = [plan for plan in plans if plan.is_altered or plan.mart.name in named]
    locks = [_lock(schema.MARTS, plan.mart.name) for plan in altered] + _view_locks(connection, views)
    if is_apart:
        exchange(altered)
        _briefly(connection, locks, touched, patience_s)
    else:
        _briefly(connection, [*locks, *_first(altered)], touched, patience_s)
        exchange(altered)
    others = shapes.others_views(connection) if altered or views else {}
    last = [statement for plan in altered if plan.change for statement in plan.change.last()]
    for statement in (
        *(view.drop for view in views if view.drop),
        *last,
        *(statement for view in views for statement in view.create),
    ):
        execute(connection, statement)
    _drop_others(connection, {plan.mart.name for plan in plans}, patience_s)
    readers.grant(connection, [(plan.mart.name, plan.mart.personal) for plan in plans])
    for name in shapes.dropped_views(others, connection) if others else []:
        progress(f"dropped view {name}: it used a column that is gone or has another type")
    return [done[plan.mart.name] for plan in plans]


def _view(connection: sa.Connection, plan: _Plan) -> readers.View | None:
    return readers.masked_view(connection, plan.mart.name, plan.built, plan.mart.personal)


def _lock(schema_name: str, name: str) -> str:
    return f"lock table {pgsql.Identifier(schema_name, name).as_string()} in access exclusive mode"


def _view_locks(connection: sa.Connection, views: Sequence[readers.View]) -> list[str]:
    return [
        _lock(schema.BI_VIEWS, view.name)
        for view in views
        if shapes.columns(connection, schema.BI_VIEWS, view.name)
    ]


def _briefly(
    connection: sa.Connection, statements: list[str], plans: Sequence[_Plan], patience_s: float
) -> None:
    """Runs DDL once nobody uses the plans' marts; no reader queues behind it for more than a second."""
    if statements:
        names = [
            pgsql.Identifier(name, plan.mart.name).as_string()
            for plan in plans
            for name in (schema.MARTS, schema.BI_VIEWS)
        ]
        run_briefly(connection, statements, names, patience_s)


def _take_back(warehouse: Warehouse, altered: Sequence[_Plan]) -> None:
    """After a failure: columns that nobody filled go again. Where that cannot be now, the next publication does it."""
    with contextlib.suppress(WarehouseError), warehouse.begin() as connection:
        statements = [statement for plan in altered if plan.change for statement in plan.change.taken_back()]
        _briefly(connection, statements, altered, 1)


def _count(connection: sa.Connection, schema_name: str, table: str) -> int:
    query = pgsql.SQL("select count(*) from {}").format(pgsql.Identifier(schema_name, table))
    return connection.exec_driver_sql(query.as_string()).scalar_one()


def _run(connection: sa.Connection, statement: str, **parts: pgsql.Composable) -> int:
    driver = connection.connection.driver_connection
    assert driver is not None
    return driver.execute(pgsql.SQL(statement).format(**parts)).rowcount


def _create(connection: sa.Connection, mart: Mart) -> None:
    _run(
        connection,
        "create table {public} (like {built} including all)",
        built=pgsql.Identifier(schema.MARTS_BUILD, mart.name),
        public=pgsql.Identifier(schema.MARTS, mart.name),
    )


def _exchange(connection: sa.Connection, plan: _Plan) -> Published:
    def listed(alias: str, names: Sequence[str]) -> pgsql.Composable:
        return pgsql.SQL(", ").join(pgsql.SQL(alias + "{}").format(pgsql.Identifier(name)) for name in names)

    def place(column: str) -> str:
        return plan.change.place(column) if plan.change else column

    built = [column.name for column in plan.built]
    public = [place(name) for name in built]
    parts = {
        "built": pgsql.Identifier(schema.MARTS_BUILD, plan.mart.name),
        "public": pgsql.Identifier(schema.MARTS, plan.mart.name),
        "same_key": pgsql.SQL(" and ").join(
            pgsql.SQL("b.{} = p.{}").format(pgsql.Identifier(column), pgsql.Identifier(place(column)))
            for column in plan.mart.key
        ),
        "built_row": listed("b.", built),
        "public_row": listed("p.", public),
        "built_columns": listed("b.", built),
        "public_columns": listed("", public),
    }
    # *= compares rows as they are stored: any type, nulls equal.
    removed = _run(
        connection,
        "delete from {public} p where not exists ("
        "select from {built} b where {same_key} and row({built_row})::record *= row({public_row})::record)",
        **parts,
    )
    written = _run(
        connection,
        "insert into {public} ({public_columns}) select {built_columns} from {built} b "
        "where not exists (select from {public} p where {same_key})",
        **parts,
    )
    return Published(plan.mart.name, _count(connection, schema.MARTS, plan.mart.name), written, removed)


def _drop_others(connection: sa.Connection, names: set[str], patience_s: float) -> None:
    """A mart that the project no longer has must not go on answering with old figures."""
    existing = connection.scalars(
        sa.text("select tablename from pg_tables where schemaname = :schema"), {"schema": schema.MARTS}
    ).all()
    gone = [pgsql.Identifier(schema.MARTS, name).as_string() for name in sorted(set(existing) - names)]
    if gone:
        run_briefly(connection, [f"drop table {name} cascade" for name in gone], gone, patience_s)
