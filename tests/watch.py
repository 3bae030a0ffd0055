"""What DDL a warehouse runs, as PostgreSQL's event triggers see it."""

import contextlib
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from dagster_project.warehouse import Warehouse

_MAKE = """
create schema watch; create table watch.ddl (line text);
grant usage on schema watch to public; grant insert on watch.ddl to public;
create function watch.note() returns event_trigger language plpgsql as $$ begin
    insert into watch.ddl select concat_ws(' ', command_tag, coalesce(object_identity, object_type))
    from pg_event_trigger_ddl_commands() where schema_name is distinct from 'pg_temp';
end $$;
create function watch.note_drops() returns event_trigger language plpgsql as $$ begin
    insert into watch.ddl select concat_ws(' ', tg_tag, object_identity)
    from pg_event_trigger_dropped_objects() where original and not is_temporary;
end $$;
create event trigger watch_ddl on ddl_command_end execute function watch.note();
create event trigger watch_drops on sql_drop execute function watch.note_drops()
"""


@contextlib.contextmanager
def ddl(warehouse: Warehouse) -> Iterator[Callable[[], list[str]]]:
    """Watches until the end; what it yields gives the tag and object of each statement since it was last asked.

    Temporary objects are left out.
    """
    assert warehouse.admin_url is not None
    url = warehouse.admin_url.set(
        username="postgres", database=warehouse.url.database
    )  # event triggers are a superuser's
    with sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as admin:
        admin.execute(sa.text(_MAKE))

        def seen() -> list[str]:
            return list(
                admin.scalars(
                    sa.text("with taken as (delete from watch.ddl returning line) select * from taken")
                )
            )

        try:
            yield seen
        finally:
            admin.exec_driver_sql(
                "drop event trigger watch_ddl; drop event trigger watch_drops; drop schema watch cascade"
            )
