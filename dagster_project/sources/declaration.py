"""How a source is declared: its tables, their keys, and how each one changes.

Belongs here: the vocabulary of the declarations, checked when they are made. Does not belong here:
any one system, and reading.

Tables and columns may be written as the source calls them or as they are called here (naming.py): a declaration
holds the latter.
"""

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal, cast, get_args

from pydantic import ConfigDict

from dagster_project.errors import ConfigError
from dagster_project.sources.naming import called, normalise

Deletes = Literal["soft", "compared", "kept"]
Kind = Literal[
    "CRM",
    "ERP",
    "shop",
    "telephony",
    "support",
    "web",
    "advertising",
    "marketing",
    "surveys",
    "events",
    "other",
]
Medium = Literal["database", "files", "api"]
# What a file's column holds that is not kept as text: whole numbers, times of the source's own zone, seconds since 1970.
ColumnType = Literal["integer", "time", "unix_time"]
# What a column of a database holds where this installation of the system lacks it.
AbsentType = Literal["text", "integer", "number", "float", "boolean", "time", "date", "json"]
NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")
STRICT = ConfigDict(extra="forbid")  # a declaration in a file has these keys and no others


@dataclass(frozen=True)
class Follows:
    """A table without a watermark whose rows change only when their parent's do."""

    __pydantic_config__ = STRICT

    parent: str
    column: str  # the column here …
    parent_column: str  # … that holds this column of the parent

    def __post_init__(self) -> None:
        for name in ("parent", "column", "parent_column"):
            _set(self, name, normalise(getattr(self, name)))


@dataclass(frozen=True)
class Files:
    """The files that hold a table, below the folder or bucket that the source's URL names.

    pattern    of their paths, as `spend/*.csv`; `*` crosses folders, and `.gz` or `.zip` may follow
    format     csv (with a header, unless `columns` says otherwise), jsonl (an object a line) or parquet
    encoding   what a text file is written in that is not UTF-8; one that is UTF-8 is read as such
    delimiter  of a CSV file
    quote      what a CSV file puts around values; empty: nothing
    columns    of a CSV file without a header, in its order
    short_rows a row of a CSV file may end early: what it lacks is null
    rename     a column as the file calls it → as it is called here; others get their name in snake case
    types      of columns that are not kept as text; a row with a value of another kind is rejected
    hash_as    the column that gets a hash of the row, where rows have no key of their own: equal rows are one
    grows      a log: rows are only added at its end, and it may be renamed and packed as it is rotated. Only
               what was not read before is read, whatever the file is called by then
    """

    __pydantic_config__ = STRICT

    pattern: str
    format: Literal["csv", "jsonl", "parquet"]
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()
    short_rows: bool = False
    rename: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    hash_as: str = ""
    grows: bool = False

    def __post_init__(self) -> None:
        _set(self, "columns", tuple(map(normalise, self.columns)))
        _set(self, "rename", {theirs: normalise(ours) for theirs, ours in self.rename.items()})
        _set(self, "types", {normalise(name): kind for name, kind in self.types.items()})
        _set(self, "hash_as", normalise(self.hash_as))
        if not self.pattern or self.pattern.startswith("/") or ".." in self.pattern.split("/"):
            raise ConfigError(
                f"pattern {self.pattern!r} does not lie below the source's folder.",
                "Write it as spend/*.csv.",
            )
        if len(self.delimiter) != 1:
            raise ConfigError(
                f"delimiter {self.delimiter!r} is not one character.", 'Write "," or ";" or a tab.'
            )
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ConfigError(f"encoding {self.encoding!r} is not known.", "Write utf-8 or cp1251.") from None
        if len(self.quote) > 1:
            raise ConfigError(f"quote {self.quote!r} is more than one character.", "Leave it empty for none.")
        if len(set(self.columns)) != len(self.columns):
            raise ConfigError("columns names one twice.", "Name each column of the file once.")
        if self.format != "csv" and (self.columns or self.short_rows):
            raise ConfigError(f"columns or short_rows of {self.format}.", "They are for csv.")
        if self.grows and not (self.columns or self.format == "jsonl"):
            raise ConfigError(
                "grows of files that begin with a header.", "Only jsonl and csv with `columns` can grow."
            )


@dataclass(frozen=True)
class Endpoint:
    """Where a REST API hands out a table, page by page, below the source's URL.

    path        of the resource, as `api/v4/contacts`
    rows        where an answer has its list, as `_embedded.contacts`; empty: it is the list
    params      sent with every request: page size, order, what to select
    paging      single: one answer has all; page: numbered from 1 until one is empty; link: `next` is where an
                answer has the next page's URL; cursor: `next` is where it has what `page_param` sends for it;
                keyset: `page_param` asks for rows after a key, and `next` is the field of a row that has it. Only
                keyset is sure to miss none while records are edited: take it where the API can
    total       where an answer says how many rows the list has: what came is compared with it
    since       the parameter that asks for what changed from the table's watermark on; none: read whole
    since_as    how that time is written
    """

    __pydantic_config__ = STRICT

    path: str
    rows: str = ""
    params: Mapping[str, str | int] = field(default_factory=dict)
    paging: Literal["single", "page", "link", "cursor", "keyset"] = "single"
    next: str = ""
    total: str = ""
    page_param: str = "page"
    since: str | None = None
    since_as: Literal["iso", "unix"] = "iso"

    def __post_init__(self) -> None:
        if not self.path or "://" in self.path:
            raise ConfigError(
                f"path {self.path!r} does not lie below the source's URL.", "Write api/v4/contacts."
            )
        if self.paging in ("link", "cursor", "keyset") and not self.next:
            raise ConfigError(
                f"paging {self.paging} of {self.path} without next.",
                "Name the field of a row that has its key."
                if self.paging == "keyset"
                else "Say where an answer names the next page.",
            )


@dataclass(frozen=True)
class Table:
    """One table of a source.

    key        the primary key's columns
    needs      columns that staging reads; a source without one of them is refused. Others come along
    optional   columns that staging reads and some releases lack: null there
    types      of columns that are not text, of a database's: raw has them so where the source lacks them
    watermark  the column that grows with every change of a row; None: see `follows`, or read whole
    look_back  how far before the last watermark each refresh reads again (rows that land late);
               look_back_numbers: the same where the watermark is a number
    amount     a column with an exact number, whose sum tells whether what was read arrived
    refers     a column → the table whose key it holds: when a row of that goes, as the loser of a merge, the rows
               that held it are read again, for merges re-point rows without moving their watermark
    deletes    soft: the source marks them; compared: key sets are compared and what is gone gets a
               tombstone; kept: rows that leave the source (rotation) stay in the warehouse
    files      the files that hold it. Only new and changed ones are read; with `compared` the folder is the
               table: all are read when one has changed
    endpoint   where an API hands it out
    is_narrow  only the columns named here are read: the others are secrets
    is_optional  a table of a database that some installations lack (a module): it is empty there
    rename     a column as the source calls it → as it is called here, where the rule would give two of them one name
    at_source  the table's name in the database, where `name` is another
    watermark_else  the watermark of installations that lack the column `watermark`
    digest_of  columns that tell rows apart where the source keeps no key: of a row whose key lacks a part (null,
               empty, 0, no such column) the key's last column, a number, is a digest of them. Equal rows are one
    """

    __pydantic_config__ = STRICT

    name: str
    key: tuple[str, ...]
    needs: tuple[str, ...]
    optional: tuple[str, ...] = ()
    watermark: str | None = None
    follows: Follows | None = None
    amount: str | None = None
    refers: Mapping[str, str] = field(default_factory=dict)
    look_back: timedelta = timedelta(hours=1)
    look_back_numbers: int = 0
    deletes: Deletes = "soft"
    files: Files | None = None
    endpoint: Endpoint | None = None
    is_narrow: bool = False
    # Not of files: they are read again when the declaration that is shown differs.
    types: Mapping[str, AbsentType] = field(default_factory=dict, repr=False)
    is_optional: bool = field(default=False, repr=False)
    rename: Mapping[str, str] = field(default_factory=dict, repr=False)
    at_source: str = field(default="", repr=False)
    watermark_else: str | None = field(default=None, repr=False)
    digest_of: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        self._normalise()
        if not self.name:
            raise ConfigError("A table has no name.", "Name it as the source does.")
        if (self.files or self.endpoint) and not NAME.fullmatch(self.name):
            raise ConfigError(
                f"Table {self.name}: too long for a table's name.", "Give it a name of at most 51 characters."
            )
        if not self.key:
            raise ConfigError(f"Table {self.name}: no key.", "Name the columns of its primary key.")
        if self.watermark and self.follows:
            raise ConfigError(
                f"Table {self.name}: both a watermark and a parent.", "A row changes by one of them."
            )
        if self.files and (self.watermark or self.follows):
            raise ConfigError(
                f"Table {self.name}: files and a watermark or a parent.",
                "Files are read when they change; take `watermark` and `follows` out.",
            )
        if self.files:
            self._check_files(self.files)

        if self.amount and self.medium != "database":
            raise ConfigError(
                f"Table {self.name}: an amount, and no database.",
                "Files and APIs hold text, whose sum nobody knows; take `amount` out.",
            )
        if self.endpoint:
            self._check_endpoint(self.endpoint)
        self._check_absence()

    def _check_absence(self) -> None:
        if self.medium != "database" and (self.types or self.is_optional):
            raise ConfigError(
                f"Table {self.name}: types or is_optional, and no database.",
                "Files have `files.types`; files and APIs without rows are empty anyway. Take them out.",
            )
        if self.medium != "database" and (self.watermark_else or self.digest_of):
            raise ConfigError(
                f"Table {self.name}: watermark_else or digest_of, and no database.",
                "Files have `files.hash_as`. Take them out.",
            )
        if self.watermark_else and not self.watermark:
            raise ConfigError(
                f"Table {self.name}: watermark_else without a watermark.",
                "Name the usual one as `watermark`.",
            )
        if unknown := sorted(self.types.keys() - {*self.required_columns, *self.optional}):
            raise ConfigError(
                f"Table {self.name}: types names {', '.join(unknown)}, which the table does not.",
                "Name it in key, needs or optional too.",
            )

    def _normalise(self) -> None:
        _set(self, "at_source", self.at_source or self.name)
        _set(self, "name", normalise(self.name))
        _set(self, "rename", {theirs: normalise(ours) for theirs, ours in self.rename.items()})
        for columns in ("key", "needs", "optional", "digest_of"):
            _set(self, columns, tuple(map(self.called, getattr(self, columns))))
        for column in ("watermark", "watermark_else", "amount"):
            name = getattr(self, column)
            _set(self, column, name and self.called(name))
        refers = {self.called(column): normalise(table) for column, table in self.refers.items()}
        _set(self, "refers", refers)
        _set(self, "types", {self.called(column): kind for column, kind in self.types.items()})
        if self.follows:
            _set(self, "follows", replace(self.follows, column=self.called(self.follows.column)))
        if self.rename and self.files:
            raise ConfigError(f"Table {self.name}: rename, and files.", "Write it below files: files.rename.")
        if len(set(self.key)) != len(self.key):
            raise ConfigError(
                f"Table {self.name}: its key names {', '.join(_twice(self.key))} twice.", "Name it once."
            )

    def called(self, column: str) -> str:
        """The name here of a column, as the source calls it or as it is called here."""
        return called(column, self.rename)

    def _check_files(self, files: Files) -> None:
        named = {*self.key, *self.needs, *self.optional}
        if unknown := sorted(files.types.keys() - named):
            raise ConfigError(
                f"Table {self.name}: files.types names {', '.join(unknown)}, which the table does not.",
                "Name it in key, needs or optional too.",
            )
        if files.hash_as and self.key != (files.hash_as,):
            raise ConfigError(
                f"Table {self.name}: hash_as is {files.hash_as}, the key is {', '.join(self.key)}.",
                "The hash is the whole key.",
            )
        there = {*files.columns, files.hash_as}
        if files.columns and (lacking := [name for name in self.required_columns if name not in there]):
            raise ConfigError(
                f"Table {self.name}: files.columns lack {', '.join(lacking)}.",
                "Name the columns in the file's order, as key and needs call them.",
            )
        if files.grows and self.deletes == "compared":
            raise ConfigError(
                f"Table {self.name}: its files grow, and deletes are compared.", "Rows of a log are kept."
            )

    def _check_endpoint(self, endpoint: Endpoint) -> None:
        if self.files or self.follows:
            raise ConfigError(
                f"Table {self.name}: an endpoint, and files or a parent.", "It comes from one of them."
            )
        if (self.watermark is None) != (endpoint.since is None):
            raise ConfigError(
                f"Table {self.name}: a watermark and endpoint.since go together.",
                "Name the column and the parameter, or neither.",
            )
        if endpoint.since and self.deletes == "compared":
            raise ConfigError(
                f"Table {self.name}: deletes are compared, and only changes are read.",
                "Take `since` and `watermark` out, or let deletes be soft or kept.",
            )

    @property
    def medium(self) -> Medium:
        return "files" if self.files else "api" if self.endpoint else "database"

    @property
    def required_columns(self) -> tuple[str, ...]:
        extra = (self.watermark,) if self.watermark else (self.follows.column,) if self.follows else ()
        amount = (self.amount,) if self.amount else ()
        return tuple(dict.fromkeys((*self.key, *extra, *self.needs, *self.refers, *amount)))


@dataclass(frozen=True)
class Source:
    """One system. `description` is what a person reads in the asset graph."""

    __pydantic_config__ = STRICT

    name: str
    kind: Kind
    description: str
    tables: tuple[Table, ...]
    token_path: str | None = None  # an API: where a refresh token gets a new one

    def __post_init__(self) -> None:
        names = [table.name for table in self.tables]
        if not NAME.fullmatch(self.name):
            raise ConfigError(
                f"Source {self.name!r}: no name for a schema.", "Use small Latin letters, digits and _."
            )
        if not names:
            raise ConfigError(f"Source {self.name}: no tables.", "Declare at least one.")
        if twice := _twice(names):
            written = " and ".join(table.at_source for table in self.tables if table.name == twice[0])
            raise ConfigError(
                f"Source {self.name}: table {twice[0]} is declared twice ({written}).",
                "Declare each table once; give one of two tables another name, and its own as `at_source`.",
            )
        if len({table.medium for table in self.tables}) != 1:
            raise ConfigError(
                f"Source {self.name}: its tables come from {', '.join(sorted({t.medium for t in self.tables}))}.",
                "Declare a source for each: one URL leads to one of them.",
            )
        for table in self.tables:
            if table.follows:
                self.leader(table)
                if self.table(table.follows.parent).is_optional and not table.is_optional:
                    raise ConfigError(
                        f"Source {self.name}: {table.name} follows {table.follows.parent}, which is optional.",
                        "Set is_optional of it too.",
                    )
            for column, name in table.refers.items():
                referred = self.table(name)
                if self.medium != "database" or referred.deletes != "compared" or len(referred.key) != 1:
                    raise ConfigError(
                        f"Source {self.name}: {table.name}.{column} refers to {name}.",
                        "Only a database's table with one key column and `deletes` compared can be referred to.",
                    )

    @property
    def medium(self) -> Medium:
        """What its URL leads to."""
        return self.tables[0].medium

    def table(self, name: str) -> Table:
        for table in self.tables:
            if table.name == normalise(name):
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

    def parents(self, table: Table) -> set[str]:
        """The names of the tables that `table` follows; none where it has a watermark of its own."""
        found = set()
        while table.follows:
            table = self.table(table.follows.parent)
            found.add(table.name)
        return found

    @property
    def parents_first(self) -> list[Table]:
        """The tables, each after the one that it follows."""

        def depth(table: Table) -> int:
            return 1 + depth(self.table(table.follows.parent)) if table.follows else 0

        return sorted(self.tables, key=depth)


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _set(declared: object, name: str, value: object) -> None:
    """Sets what a frozen declaration holds, while it is made."""
    object.__setattr__(declared, name, value)


def columns(names: str) -> tuple[str, ...]:
    """Column names, as one string with spaces."""
    return tuple(names.split())


def typed_columns(names: str) -> tuple[tuple[str, ...], dict[str, AbsentType]]:
    """Column names and the types of those that have one, as "name active:boolean"."""
    parts = [name.partition(":") for name in names.split()]
    types = {name: kind for name, _, kind in parts if kind}
    assert set(types.values()) <= set(get_args(AbsentType)), names
    return tuple(name for name, _, _ in parts), cast(dict[str, AbsentType], types)
