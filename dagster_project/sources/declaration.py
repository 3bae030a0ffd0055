"""How a source is declared: its tables, their keys, and how each one changes.

Belongs here: the vocabulary of the declarations, checked when they are made. Does not belong here:
any one system, and reading.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from dagster_project.errors import ConfigError

Deletes = Literal["soft", "compared", "kept"]


@dataclass(frozen=True)
class Follows:
    """A table without a watermark whose rows change only when their parent's do."""

    parent: str
    column: str  # the column here …
    parent_column: str  # … that holds this column of the parent


@dataclass(frozen=True)
class Table:
    """One table of a source.

    key        the primary key's columns
    needs      columns that staging reads; a source without one of them is refused. Others come along
    optional   columns that staging reads and some releases lack: null there
    watermark  the column that grows with every change of a row; None: see `follows`, or read whole
    look_back  how far before the last watermark each refresh reads again (rows that land late)
    deletes    soft: the source marks them; compared: key sets are compared and what is gone gets a
               tombstone; kept: rows that leave the source (rotation) stay in the warehouse
    """

    name: str
    key: tuple[str, ...]
    needs: tuple[str, ...]
    optional: tuple[str, ...] = ()
    watermark: str | None = None
    follows: Follows | None = None
    look_back: timedelta = timedelta(hours=1)
    deletes: Deletes = "soft"

    def __post_init__(self) -> None:
        if not self.key:
            raise ConfigError(f"Table {self.name}: no key.", "Name the columns of its primary key.")
        if self.watermark and self.follows:
            raise ConfigError(
                f"Table {self.name}: both a watermark and a parent.", "A row changes by one of them."
            )

    @property
    def required_columns(self) -> tuple[str, ...]:
        extra = (self.watermark,) if self.watermark else (self.follows.column,) if self.follows else ()
        return tuple(dict.fromkeys((*self.key, *extra, *self.needs)))


@dataclass(frozen=True)
class Source:
    """One system. `description` is what a person reads in the asset graph."""

    name: str
    kind: Literal["CRM", "ERP", "shop", "telephony"]
    description: str
    tables: tuple[Table, ...]

    def __post_init__(self) -> None:
        names = [table.name for table in self.tables]
        if len(set(names)) != len(names):
            raise ConfigError(f"Source {self.name}: a table is declared twice.", "Declare each table once.")
        for table in self.tables:
            if table.follows:
                self.leader(table)

    def table(self, name: str) -> Table:
        for table in self.tables:
            if table.name == name:
                return table
        raise ConfigError(f"Source {self.name}: no table {name}.", "Declare it in `tables`.")

    def leader(self, table: Table) -> Table:
        """The table with a watermark that `table` follows, through any number of parents; itself if it has one."""
        seen = {table.name}
        while table.follows:
            table = self.table(table.follows.parent)
            if table.name in seen:
                raise ConfigError(f"Source {self.name}: {table.name} follows itself.", "Break the circle.")
            seen.add(table.name)
        if len(seen) > 1 and table.watermark is None:
            raise ConfigError(
                f"Source {self.name}: {table.name} is followed and has no watermark.", "Give it one."
            )
        return table


def columns(names: str) -> tuple[str, ...]:
    """Column names, as one string with spaces."""
    return tuple(names.split())
