"""Which column a source cannot hand out: asked only after reading a table has failed.

Belongs here: narrowing a failed read down to a name a person can act on. Does not belong here: reading
that succeeds.
"""

import sqlalchemy as sa

from dagster_project.errors import SourceError, SourceUnavailable
from dagster_project.sources.declaration import Source
from dagster_project.sources.failures import first_line
from dagster_project.sources.reflect import Reflected

CHUNK_ROWS = 50_000


def unreadable(source: Source, table_name: str, column: str, why: str) -> SourceError:
    """`why`: without the value."""
    return SourceError(
        f"{source.name}: column {table_name}.{column} holds a value that cannot be read: {why}.",
        "Fix the value at the source, or set the database's character set right.",
    )


def unreadable_column(
    source: Source, table_name: str, reflected: Reflected, engine: sa.Engine
) -> SourceError | None:
    """The first column of `table_name` that cannot be read by itself, as an error; None if each can."""
    for column in reflected.columns[table_name]:
        if column.expression is None:
            continue
        asked = sa.select(column.expression).select_from(reflected[table_name])
        try:
            with engine.connect() as connection:
                result = connection.execution_options(yield_per=CHUNK_ROWS).execute(asked)
                for _ in result.partitions():
                    pass
        except (sa.exc.OperationalError, SourceUnavailable):
            return None  # the source is gone: that is the error, not a value
        except Exception as error:
            return unreadable(source, table_name, column.theirs, first_line(error))
    return None
