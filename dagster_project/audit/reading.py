"""A source as it is, read and not loaded: how many rows, how fresh, a sample, and chosen columns in portions.

Belongs here: the one way to ask a database and a folder of files. Does not belong here: what the answers mean.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from dagster_project.errors import C360Error, SourceError
from dagster_project.sources import Source, Table, files
from dagster_project.sources.delivery import Delivery
from dagster_project.sources.engine import source_engine
from dagster_project.sources.failures import translate
from dagster_project.sources.reflect import reflect

CHUNK_ROWS = 50_000
SAMPLE_ROWS = 2_000


@dataclass(frozen=True)
class Extent:
    """Rows of a table, and the earliest and latest of its watermark as text; None where it has none."""

    rows: int
    earliest: str | None = None
    latest: str | None = None
    without_time: int = 0


class Reader(Protocol):
    """Everything is text; a null is None."""

    def extent(self, table: Table) -> Extent: ...

    def sample(self, table: Table) -> dict[str, list[str]]:
        """Column → values of the first SAMPLE_ROWS rows, without nulls and blanks."""

    def portions(self, table: Table, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The table's `columns`, CHUNK_ROWS at a time."""


@contextmanager
def reader(source: Source, url: str) -> Iterator[Reader]:
    """Opens a source. Raises SourceError or SourceUnavailable, as a refresh would."""
    if source.medium == "api":
        raise SourceError(
            f"{source.name} is an API: the audit reads databases and files.", f"Leave {source.name} out."
        )
    if source.medium == "files":
        with TemporaryDirectory() as folder, Delivery(source, Path(folder)) as delivery:
            files.read(source, url, {}, delivery)
            for table in source.tables:
                delivery.settle(table)
            yield _Files(delivery)
        return
    place = make_url(url)
    engine = source_engine(place)
    try:
        yield _Database(source, engine)
    except C360Error:
        raise
    except (sa.exc.SQLAlchemyError, OSError, UnicodeError) as error:
        raise translate(error, source.name, place, "auditing") from error
    finally:
        engine.dispose()


class _Database:
    def __init__(self, source: Source, engine: sa.Engine) -> None:
        self._engine, self._tables = engine, reflect(source, engine)

    def extent(self, table: Table) -> Extent:
        count = sa.func.count()
        known = self._tables[table.name]
        with self._engine.connect() as connection:
            if table.watermark is None:
                return Extent(connection.scalar(sa.select(count).select_from(known)) or 0)
            column = known.c[table.watermark]
            asked: tuple[Any, ...] = (
                count,
                sa.func.min(column),
                sa.func.max(column),
                count - sa.func.count(column),
            )
            rows, earliest, latest, without = (
                connection.execute(sa.select(*asked).select_from(known)).one()._tuple()
            )
            return Extent(rows, _text(earliest), _text(latest), without)

    def sample(self, table: Table) -> dict[str, list[str]]:
        known = self._tables[table.name]
        columns = [column for column in known.columns if not isinstance(column.type, sa.LargeBinary)]
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(*columns).limit(SAMPLE_ROWS)).all()
        values = zip(*rows, strict=True) if rows else [()] * len(columns)
        return _as_sample(dict(zip((column.name for column in columns), values, strict=True)))

    def portions(self, table: Table, columns: Sequence[str]) -> Iterator[pa.Table]:
        known = self._tables[table.name]
        query = sa.select(*(sa.cast(known.c[name], sa.String).label(name) for name in columns))
        with self._engine.connect() as connection:
            result = connection.execution_options(yield_per=CHUNK_ROWS).execute(query)
            for rows in result.partitions():
                yield pa.table(
                    {
                        name: pa.array(values, pa.string())
                        for name, values in zip(columns, zip(*rows, strict=True), strict=True)
                    }
                )


class _Files:
    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def extent(self, table: Table) -> Extent:
        return Extent(self._delivery.count(table))

    def sample(self, table: Table) -> dict[str, list[str]]:
        for batch in self._delivery.batches(table):
            first = batch.slice(0, SAMPLE_ROWS)
            return _as_sample({name: first[name].to_pylist() for name in first.column_names})
        return {}

    def portions(self, table: Table, columns: Sequence[str]) -> Iterator[pa.Table]:
        for batch in self._delivery.batches(table):
            yield batch.select(list(columns)).cast(pa.schema([(name, pa.string()) for name in columns]))


def _as_sample(columns: dict[str, Sequence[Any]]) -> dict[str, list[str]]:
    return {
        name: [text for value in values if value is not None and (text := str(value).strip())]
        for name, values in columns.items()
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
