"""Tables whose source keeps no key: their rows are told apart by a digest of what they hold.

Belongs here: the key's columns as the source is asked for them, and rows that are equal. Does not belong here: which
tables these are (declaration.py: `digest_of`), comparing keys (keys.py).

A row whose key is whole keeps it. Where a part of it is missing (null, empty, 0, or no column at all), its last column,
a number, is a digest of the declared columns: negative, so that it is never one that the source gave.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from dagster_project.errors import SourceError
from dagster_project.sources.arrow import Batch
from dagster_project.sources.declaration import Source, Table
from dagster_project.sources.unfit import Reason

_BETWEEN = "|"


class Computed(sa.Column):
    """A column that the source is asked for as `asked`, wherever a query names it."""

    inherit_cache = False
    _constructor = sa.Column
    asked: sa.ColumnElement[Any]


@compiles(Computed)
def _as_computed(element: Computed, compiler: Any, add_to_result_map: Any = None, **options: Any) -> str:
    if add_to_result_map is not None:
        add_to_result_map(element.name, element.name, (element, element.name, element.key), element.type)
    return str(compiler.process(element.asked, **options))


class _Digest(sa.sql.functions.FunctionElement[int]):
    """A negative number of 60 bits, of one text."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(_Digest, "postgresql")
def _postgresql(element: _Digest, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"(-1 - ('x' || substr(md5({text}), 1, 15))::bit(60)::bigint)"


@compiles(_Digest, "mysql")
@compiles(_Digest, "mariadb")
def _mysql(element: _Digest, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"(-1 - cast(conv(substring(md5({text}), 1, 15), 16, 10) as signed))"


def key_columns(
    source: Source, declared: Table, table: sa.Table, names: Mapping[str, str], dialect: str
) -> list[sa.Column[Any]]:
    """The key's columns of a table without a key; `names` are the source's own columns by their names here.

    Raises SourceError where the server cannot be asked for a digest.
    """
    if dialect not in ("postgresql", "mysql", "mariadb"):
        raise SourceError(
            f"{source.name}: {table.name} has no key, and {dialect} cannot be asked for a digest of its rows.",
            f"Give it a primary key of {', '.join(declared.key)} at the source.",
        )
    own = sa.table(table.name, *(sa.column(c.name, c.type) for c in table.columns))
    parts = [
        sa.func.coalesce(sa.cast(own.c[names[name]], _text(dialect)), "")
        for name in declared.digest_of
        if name in names
    ]
    digest = _Digest(sa.func.concat_ws(_BETWEEN, *parts))
    *texts, number = declared.key
    missing = sa.or_(
        *(own.c[names[name]].is_(None) | (own.c[names[name]] == "") for name in texts if name in names),
        *(sa.true() for name in texts if name not in names),
        sa.func.coalesce(own.c[names[number]], 0) == 0 if number in names else sa.true(),
    )
    return [
        *(
            _computed(
                name, sa.Text(), sa.func.coalesce(own.c[names[name]], "") if name in names else sa.literal("")
            )
            for name in texts
        ),
        _computed(
            number,
            sa.BigInteger(),
            sa.case((missing, digest), else_=own.c[names[number]]) if number in names else digest,
        ),
    ]


def _computed(name: str, kind: sa.types.TypeEngine[Any], asked: sa.ColumnElement[Any]) -> sa.Column[Any]:
    column = Computed(name, kind, key=name, nullable=False)  # type: ignore[arg-type]
    column.asked = asked
    return column


def _text(dialect: str) -> sa.types.TypeEngine[Any]:
    return sa.Text() if dialect == "postgresql" else sa.CHAR()


class Repeated:
    """Rows that are equal to one that was read before: of each, one is kept."""

    def __init__(self, table: Table, keys: Iterable[Iterable[Any]]) -> None:
        self._names = list(table.key)
        self._keys = {tuple(key) for key in keys}
        self._seen: set[tuple[Any, ...]] = set()

    def first_of_each(self, batch: Batch) -> Batch:
        """The rows without those that repeat one of this batch or of an earlier one."""
        if not self._keys:
            return batch
        keys = zip(*(batch.rows.column(name).to_pylist() for name in self._names), strict=True)
        firsts = pa.array([self._is_first(key) for key in keys], pa.bool_())
        reasons = [Reason(reason.rows.filter(firsts), reason.words) for reason in batch.reasons]
        return Batch(batch.rows.filter(firsts), reasons)

    def _is_first(self, key: tuple[Any, ...]) -> bool:
        if key not in self._keys:
            return True
        is_first = key not in self._seen
        self._seen.add(key)
        return is_first
