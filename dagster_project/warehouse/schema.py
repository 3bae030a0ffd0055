"""Schemas and roles of the warehouse, and how an empty server becomes one.

Belongs here: names others rely on, ownership and grants. Does not belong here: tables (migrations.py, dbt, dlt)
and the masked views of the marts (publish.py).
"""

import hashlib
from collections.abc import Iterable

import psycopg
import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.errors import WarehouseError
from dagster_project.warehouse import migrations

# The advisory lock that a refresh holds from its first step to its last.
REFRESH_LOCK_KEY = 360_360

OWNER = "c360_owner"  # builds
ANALYST = "c360_analyst"  # reads every layer, personal values included
BI = "c360_bi"  # reads the marts, personal fields masked
AGENT = "c360_agent"  # reads the customer card
READERS = (ANALYST, BI, AGENT)

STAGING, INTERMEDIATE, IDENTITY = "staging", "intermediate", "identity"
MARTS_BUILD = "marts_build"  # unseen: dbt builds here, the gates look here
MARTS = "marts"  # what readers see: complete, gated states only
BI_VIEWS = "bi"  # the marts with personal fields masked
QUARANTINE, OPS = "quarantine", "ops"
LONGEST_NAME = 63  # bytes of an identifier in PostgreSQL
SCHEMAS = (STAGING, INTERMEDIATE, IDENTITY, MARTS_BUILD, MARTS, BI_VIEWS, QUARANTINE, OPS)


# Of a row with source and table_name: what was read of a table that was dropped since is read anew.
RAW_IS_THERE = "to_regclass(format('%I.%I', 'raw_' || source, table_name)) is not null"


def raw_schema(source: str) -> str:
    return f"raw_{source}"


def fit(name: str, of: str | None = None) -> str:
    """`name` cut to what PostgreSQL takes; what is cut off is told apart by a digest of `of`, or of the name."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256((of or name).encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - len(digest) - 1].rstrip('_')}_{digest}"


def quarantine_table(source: str, table: str) -> str:
    """Where the rows of a raw table wait that its gate moved out."""
    return fit(f"{source}__{table}")


def rejects_table(source: str, table: str) -> str:
    """Where what could be no row of a raw table waits."""
    return fit(f"{source}__{table}__rejects")


def row_key(key: Iterable[str], alias: str) -> str:
    """How SQL writes a row's key in quarantine: its values joined by '|'; null if one is null."""
    return " || '|' || ".join(f'{alias}."{column}"::text' for column in key)


def prepare(connection: sa.Connection, sources: list[str]) -> None:
    """Makes the schemas that are missing and the tables of ops and identity; the connection is the owner's."""
    wanted = [*SCHEMAS, *map(raw_schema, sources)]
    existing = set(
        connection.scalars(
            sa.text("select nspname from pg_namespace where nspname = any(:wanted)"), {"wanted": wanted}
        )
    )
    for name in wanted:
        if name not in existing:
            connection.execute(sa.text(f"create schema if not exists {name}"))
    migrations.apply(connection)


def forget_sources(connection: sa.Connection, sources: list[str]) -> None:
    """Empties what was ever loaded and what identity made of it: other sources have taken their place.

    `marts` stays as it is until the next refresh publishes anew.
    """
    loaded = [name for source in sources for name in (raw_schema(source), f"{raw_schema(source)}_staging")]
    for name in (*loaded, STAGING, INTERMEDIATE, IDENTITY, MARTS_BUILD, QUARANTINE, OPS):
        connection.execute(sa.text(f"drop schema if exists {name} cascade"))
    prepare(connection, sources)


def owner_may_take_readers(connection: sa.Connection, owner: str) -> bool:
    """Whether every role is there, and `owner` may take a reader's for a query."""
    members = sa.text(
        "select count(*) from pg_roles r, pg_roles o where r.rolname = any(:readers) and o.rolname = :owner "
        "and pg_has_role(o.oid, r.oid, 'member')"
    )
    return connection.scalar(members, {"readers": list(READERS), "owner": owner}) == len(READERS)


def may_take(connection: sa.Connection, role: str) -> bool:
    """Whether `role` is there and the connection's role is a member of it."""
    return bool(
        connection.scalar(
            sa.text("select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = :role"),
            {"role": role},
        )
    )


def create_roles(admin: sa.Connection, database: str, owner: str, owner_password: str | None) -> None:
    """Makes the roles that are missing and gives `database` to the owner. Idempotent.

    Readers cannot log in until an administrator gives them a password. Raises WarehouseError with the statements that
    are to be run where `admin` may not.
    """
    try:
        _create_roles(admin, database, owner, owner_password)
    except (sa.exc.ProgrammingError, psycopg.errors.InsufficientPrivilege) as error:
        said = getattr(error, "orig", error)
        if not isinstance(said, psycopg.errors.InsufficientPrivilege):
            raise
        raise WarehouseError(
            "C360_WAREHOUSE_ADMIN_URL names a role that may not make the warehouse's roles: "
            f"{said.diag.message_primary}.",
            f"Give it createrole and createdb, or let an administrator run: {how_to_make_roles(owner)}",
        ) from None


def how_to_make_roles(owner: str) -> str:
    """SQL for an administrator: the readers' roles."""
    return " ".join(f"create role {role} nologin; grant {role} to {owner};" for role in READERS)


def _create_roles(admin: sa.Connection, database: str, owner: str, owner_password: str | None) -> None:
    existing = set(admin.scalars(sa.text("select rolname from pg_roles")))
    for role in (owner, *READERS):
        if role not in existing:
            _statement(admin, "create role {role} nologin", role=role)
    if owner_password:
        create_login(admin, owner, owner_password)
    is_superuser = admin.scalar(sa.text("select rolsuper from pg_roles where rolname = current_user"))
    if not is_superuser:
        # It gives a database only to a role that it may take, and it may not take what it made (PostgreSQL 16).
        for role in (owner, *READERS):
            _statement(admin, "grant {role} to current_user", role=role)
    for role in READERS:
        admin.exec_driver_sql(f'grant {role} to "{owner}"')
    if is_superuser:
        # Messages about locks say what a session does, and since when.
        admin.exec_driver_sql(f'grant pg_read_all_stats to "{owner}"')
    admin.exec_driver_sql(f"alter role \"{owner}\" set timezone = 'UTC'")
    admin.exec_driver_sql(f'alter database "{database}" owner to "{owner}"')
    admin.exec_driver_sql(f'alter role {BI} in database "{database}" set search_path = {BI_VIEWS}, {MARTS}')
    # The owner grants on its schemas to the readers; the readers see nothing else.
    admin.exec_driver_sql(f'revoke all on database "{database}" from public')
    admin.exec_driver_sql(f'grant connect on database "{database}" to {", ".join(READERS)}')


def grant_to_analyst(connection: sa.Connection) -> None:
    """Lets the analyst read what the owner, whose connection it is, has made and will make. One query once that is so."""
    if not may_take(connection, ANALYST) or connection.scalar(
        sa.text(
            "select exists (select from pg_default_acl d cross join aclexplode(d.defaclacl) x "
            "where d.defaclrole = to_regrole(current_user::text) and d.defaclnamespace = 0 "
            "and d.defaclobjtype = 'r' and x.grantee = to_regrole(:analyst))"
        ),
        {"analyst": ANALYST},
    ):
        return
    owned = connection.scalars(
        sa.text(
            "select quote_ident(nspname) from pg_namespace where nspowner = to_regrole(current_user::text)"
        )
    ).all()
    for name in owned:
        connection.exec_driver_sql(f"grant usage on schema {name} to {ANALYST}")
        connection.exec_driver_sql(f"grant select on all tables in schema {name} to {ANALYST}")
    connection.exec_driver_sql(f"alter default privileges grant usage on schemas to {ANALYST}")
    connection.exec_driver_sql(f"alter default privileges grant select on tables to {ANALYST}")


def create_database(admin: sa.Connection, name: str, owner: str | None = None) -> bool:
    """Makes database `name` (`admin` in autocommit); False if it was there."""
    if admin.scalar(sa.text("select 1 from pg_database where datname = :name"), {"name": name}):
        return False
    admin.exec_driver_sql(f'create database "{name}"' + (f" owner {owner}" if owner else ""))
    return True


def create_login(admin: sa.Connection, role: str, password: str) -> None:
    """A role that may log in with `password`; its password is set anew where it is there."""
    if not admin.scalar(sa.text("select 1 from pg_roles where rolname = :role"), {"role": role}):
        _statement(admin, "create role {role}", role=role)
    _statement(admin, "alter role {role} login password {password}", role=role, password=password)


def _statement(admin: sa.Connection, statement: str, role: str, password: str = "") -> None:
    driver = admin.connection.driver_connection
    assert driver is not None
    driver.execute(pgsql.SQL(statement).format(role=pgsql.Identifier(role), password=pgsql.Literal(password)))
