"""A source as it is, read and not loaded: how many rows, how fresh, a sample, and chosen columns in portions.

Belongs here: the one way to ask a database, a folder of files and an API. Does not belong here: what the answers mean.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from dagster_project.errors import C360Error
from dagster_project.sources import Source, Table, files, rest
from dagster_project.sources.delivery import Delivery
from dagster_project.sources.engine import source_engine
from dagster_project.sources.failures import translate
from dagster_project.sources.reflect import reflect

CHUNK_ROWS = 50_000
SAMPLE_ROWS = 2_000


@dataclass(frozen=True)
class Beside:
    """What stands where rows should be, counted, and the files that could not be read, each with the reason."""

    rejected: int = 0
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Extent:
    """Rows of a table, and the earliest and latest of its watermark as text; None where it has none."""

    rows: int
    earliest: str | None = None
    latest: str | None = None
    without_time: int = 0
    beside: Beside = Beside()


class Reader(Protocol):
    """Everything is text; a null is None."""

    def extent(self, table: Table) -> Extent: ...

    def sample(self, table: Table) -> dict[str, list[str]]:
        """Column → values of the first SAMPLE_ROWS rows, without nulls and blanks."""

    def portions(self, table: Table, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The table's `columns`, CHUNK_ROWS at a time."""


@contextmanager
def reader(source: Source, url: str, secrets: Mapping[str, str], home: Path) -> Iterator[Reader]:
    """Opens a source, as a refresh would. `secrets` are an API's; tokens that it gives are kept below `home`.

    Raises SourceError or SourceUnavailable.
    """
    if source.medium != "database":
        with TemporaryDirectory() as folder, Delivery(source, Path(folder)) as delivery:
            if source.medium == "api":
                rejected = rest.read(rest.Api(source, url, secrets, home), {}, delivery)
                beside = {name: Beside(count) for name, count in rejected.items()}
            else:
                readings = files.read(source, url, {}, delivery)
                beside = {
                    name: Beside(read.rejected, tuple(read.refusals)) for name, read in readings.items()
                }
            for table in source.tables:
                delivery.settle(table)
            yield _Delivered(delivery, beside)
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
        if table.name in self._tables.absent:
            return Extent(0)
        known = self._tables[table.name]
        if self._tables.source:
            table = self._tables.source.table(table.name)
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
        return _as_sample(dict(zip((column.key for column in columns), values, strict=True)))

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


class _Delivered:
    """What files or an API handed over, and by table what they could not."""

    def __init__(self, delivery: Delivery, beside: Mapping[str, Beside]) -> None:
        self._delivery, self._beside = delivery, beside

    def extent(self, table: Table) -> Extent:
        earliest, latest, without = self._delivery.span(table) if table.watermark else (None, None, 0)
        rows = self._delivery.count(table)
        return Extent(rows, _text(earliest), _text(latest), without, self._beside[table.name])

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
        name: [text for value in values if value is not None and (text := _written(value).strip())]
        for name, values in columns.items()
    }


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
