"""Schemas and roles of the warehouse, and how an empty server becomes one.

Belongs here: names others rely on, ownership and grants. Does not belong here: tables (migrations.py, dbt, dlt)
and the masked views of the marts (publish.py).
"""

from collections.abc import Iterable

import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.warehouse import migrations

# The advisory lock that a refresh holds from its first step to its last.
REFRESH_LOCK_KEY = 360_360

OWNER = "c360_owner"  # builds
BI = "c360_bi"  # reads the marts, personal fields masked
AGENT = "c360_agent"  # reads the customer card

STAGING, INTERMEDIATE, IDENTITY = "staging", "intermediate", "identity"
MARTS_BUILD = "marts_build"  # unseen: dbt builds here, the gates look here
MARTS = "marts"  # what readers see: complete, gated states only
BI_VIEWS = "bi"  # the marts with personal fields masked
QUARANTINE, OPS = "quarantine", "ops"
SCHEMAS = (STAGING, INTERMEDIATE, IDENTITY, MARTS_BUILD, MARTS, BI_VIEWS, QUARANTINE, OPS)


# Of a row with source and table_name: what was read of a table that was dropped since is read anew.
RAW_IS_THERE = "to_regclass(format('%I.%I', 'raw_' || source, table_name)) is not null"


def raw_schema(source: str) -> str:
    return f"raw_{source}"


def quarantine_table(source: str, table: str) -> str:
    """Where the rows of a raw table wait that its gate moved out."""
    return f"{source}__{table}"


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


def create_roles(admin: sa.Connection, database: str, owner_password: str | None) -> None:
    """Makes the roles and gives `database` to the owner. `admin` may create roles. Idempotent.

    Readers cannot log in until an administrator gives them a password.
    """
    existing = set(admin.scalars(sa.text("select rolname from pg_roles")))
    for role in (OWNER, BI, AGENT):
        if role not in existing:
            admin.execute(sa.text(f"create role {role} nologin"))
    if owner_password:
        create_login(admin, OWNER, owner_password)
    admin.exec_driver_sql(f"alter role {OWNER} set timezone = 'UTC'")
    admin.exec_driver_sql(f'alter database "{database}" owner to {OWNER}')
    admin.exec_driver_sql(f'alter role {BI} in database "{database}" set search_path = {BI_VIEWS}, {MARTS}')
    # The owner grants on its schemas to the readers; the readers see nothing else.
    admin.exec_driver_sql(f'revoke all on database "{database}" from public')
    admin.exec_driver_sql(f'grant connect on database "{database}" to {BI}, {AGENT}')


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
