"""What readers may see of the published marts: the masked views of `bi`, and the privileges of each role.

Belongs here: masks and grants, computed anew at each publication and written only where they differ. Does not belong
here: the roles themselves (schema.py), rows (publish.py).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql as pgsql

from dagster_project.warehouse import schema
from dagster_project.warehouse.locks import execute
from dagster_project.warehouse.shapes import Column, columns

# What an operator's desk reads: the card, and the way to it from a phone, an e-mail or a retired ID.
AGENT_TABLES = ("customer_card", "bridge_customer_identifier", "customer_id_redirect")


@dataclass(frozen=True)
class View:
    """A masked view that has to be written. drop: what the old one's place must be cleared of first."""

    name: str
    drop: str | None
    create: list[str]


def masked_view(
    connection: sa.Connection, mart: str, built: Sequence[Column], personal: frozenset[str]
) -> View | None:
    """How `bi.<mart>` must change; None where it is as it should be.

    Its columns keep their places, and new ones come after them: then it is replaced, and views on it stay.
    """
    before = columns(connection, schema.BI_VIEWS, mart)
    places = {column.name: place for place, column in enumerate(before)}
    ordered = sorted(built, key=lambda column: places.get(column.name, len(places)))
    shown = [_shown(column, personal) for column in ordered]
    definition = (
        pgsql.SQL("select {} from {}")
        .format(pgsql.SQL(", ").join(text for text, _ in shown), pgsql.Identifier(schema.MARTS, mart))
        .as_string()
    )
    # The comment knows the definition by a digest; the definition itself is nobody's business.
    comment = (
        f"Personal columns are masked. Definition {hashlib.sha256(definition.encode()).hexdigest()[:16]}."
    )
    current = connection.scalar(
        sa.text("select obj_description(to_regclass(:view), 'pg_class')"),
        {"view": f'{schema.BI_VIEWS}."{mart}"'},
    )
    if current == comment:
        return None
    view = pgsql.Identifier(schema.BI_VIEWS, mart).as_string()
    now = [(column.name, type_) for column, (_, type_) in zip(ordered, shown, strict=True)]
    can_replace = now[: len(before)] == [(column.name, column.type) for column in before]
    return View(
        mart,
        None if can_replace else f"drop view {view} cascade",
        [
            f"create or replace view {view} with (security_barrier) as {definition}",
            f"comment on view {view} is {pgsql.Literal(comment).as_string()}",
        ],
    )


def _shown(column: Column, personal: frozenset[str]) -> tuple[pgsql.Composable, str]:
    """A column as BI sees it, and its type: a personal text keeps its first letter, a date its year, all else nothing."""
    name = pgsql.Identifier(column.name)
    if column.name not in personal:
        return name, column.type
    if column.type == "date":
        return pgsql.SQL("date_trunc('year', {0})::date as {0}").format(name), "date"
    if column.type == "text" or column.type.startswith("character varying"):
        return pgsql.SQL("(left({0}, 1) || '***')::text as {0}").format(name), "text"
    return pgsql.SQL("null::{1} as {0}").format(name, pgsql.SQL(column.type)), column.type


_PRESENT = """
select c.oid::regclass::text as relation, null as column_name, r.rolname as role, x.privilege_type as privilege
from pg_class c cross join aclexplode(c.relacl) x join pg_roles r on r.oid = x.grantee
where c.relnamespace in (to_regnamespace(:marts), to_regnamespace(:bi)) and c.relkind in ('r', 'v')
    and r.rolname in (:role_bi, :role_agent)
union all
select c.oid::regclass::text, a.attname, r.rolname, x.privilege_type
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
cross join aclexplode(a.attacl) x join pg_roles r on r.oid = x.grantee
where c.relnamespace in (to_regnamespace(:marts), to_regnamespace(:bi)) and r.rolname in (:role_bi, :role_agent)
"""
Privilege = tuple[str, str | None, str, str]  # relation, column, role, privilege


def grant(connection: sa.Connection, marts: Iterable[tuple[str, frozenset[str]]]) -> None:
    """Gives each reader what it should have, and takes away what it should not; `marts`: names, personal columns.

    Nothing is written where that is so already. Roles that are not there are left out.
    """
    roles = set(
        connection.scalars(
            sa.text("select rolname from pg_roles where rolname in (:bi, :agent)"),
            {"bi": schema.BI, "agent": schema.AGENT},
        )
    )
    _usage(connection, roles)
    wanted = {one for mart, personal in marts for one in _wanted(connection, mart, personal, roles)}
    for statement in _statements("revoke", "from", _present(connection) - wanted):
        execute(connection, statement)
    # A privilege that was revoked on a relation went from its columns too.
    for statement in _statements("grant", "to", wanted - _present(connection)):
        execute(connection, statement)


def _present(connection: sa.Connection) -> set[Privilege]:
    names = {"marts": schema.MARTS, "bi": schema.BI_VIEWS, "role_bi": schema.BI, "role_agent": schema.AGENT}
    return {
        (str(relation), None if column is None else str(column), str(role), str(privilege))
        for relation, column, role, privilege in connection.execute(sa.text(_PRESENT), names)
    }


def _wanted(
    connection: sa.Connection, mart: str, personal: frozenset[str], roles: set[str]
) -> Iterator[Privilege]:
    table, view = (
        str(connection.scalar(sa.text("select to_regclass(:name)::text"), {"name": f'{name}."{mart}"'}))
        for name in (schema.MARTS, schema.BI_VIEWS)
    )
    if schema.BI in roles:
        yield view, None, schema.BI, "SELECT"
        for column in columns(connection, schema.MARTS, mart):
            if column.name not in personal:
                yield table, column.name, schema.BI, "SELECT"
    if schema.AGENT in roles and mart in AGENT_TABLES:
        yield table, None, schema.AGENT, "SELECT"


def _statements(verb: str, preposition: str, privileges: set[Privilege]) -> list[str]:
    """One statement for each relation, role and privilege; its columns together."""
    grouped: dict[tuple[str, str, str, bool], list[str]] = {}
    for relation, column, role, privilege in privileges:
        found = grouped.setdefault((relation, role, privilege, column is not None), [])
        if column is not None:
            found.append(pgsql.Identifier(column).as_string())
    return [
        f"{verb} {privilege}{' (' + ', '.join(sorted(found)) + ')' if found else ''} on {relation} {preposition} {role}"
        for (relation, role, privilege, _), found in sorted(grouped.items())
    ]


def _usage(connection: sa.Connection, roles: set[str]) -> None:
    for role, names in ((schema.BI, (schema.BI_VIEWS, schema.MARTS)), (schema.AGENT, (schema.MARTS,))):
        for name in names:
            if role in roles and not connection.scalar(
                sa.text("select has_schema_privilege(:role, :name, 'usage')"), {"role": role, "name": name}
            ):
                execute(connection, f"grant usage on schema {name} to {role}")
