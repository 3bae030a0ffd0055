"""One installation of a declared source: which of the declared alternatives its tables have.

Belongs here: choosing by the columns that are there. Does not belong here: refusing what is missing (reflect.py).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from dagster_project.sources.declaration import Source, Table


def as_installed(source: Source, columns: Mapping[str, Collection[str]]) -> Source:
    """`source` as its tables are, by the `columns` that each has under the source's own names."""
    tables = (_table(table, columns.get(table.name, ())) for table in source.tables)
    return replace(source, tables=tuple(tables))


def _table(table: Table, columns: Collection[str]) -> Table:
    unnamed = replace(table, rename={})
    own = {unnamed.called(name) for name in columns}
    # A column that has the name already keeps it, and the other one its own.
    table = replace(table, rename={theirs: ours for theirs, ours in table.rename.items() if ours not in own})
    there = {table.called(name) for name in columns}
    if table.watermark_else in there and table.watermark not in there:
        return replace(table, watermark=table.watermark_else, watermark_else=None)
    return table
