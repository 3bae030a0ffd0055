"""Dagster's event log on one machine: SQLite, with its files kept open and no wait for the disk at each event.

Belongs here: how the log's files are opened. Does not belong here: what is logged. Production keeps its log in
PostgreSQL (deploy/dagster.yaml).

Dagster opens and closes a file three times an event, and each closing writes everything through to the
disk: a refresh logs some 900 events, and spent up to half its time waiting.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS

FOLDER = Path("history") / "runs"  # Dagster's own place for it


class History(SqliteEventLogStorage):
    """SqliteEventLogStorage that keeps the index and the run it last spoke of open."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: dict[str, sa.Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "History":
        # Dagster's own tools, as `dg check defs`, start without a home, and then keep nothing.
        home = os.environ.get("DAGSTER_HOME") or tempfile.mkdtemp(prefix="c360-dagster-")
        return cls(str(Path(home) / FOLDER), inst_data)

    def has_table(self, table_name: str) -> bool:
        # Asked at each event of a check, each time with a connection of its own. A table that is there stays there.
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            engine = self._engines.get(shard) or self._open(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _open(self, shard: str) -> sa.Engine:
        if shard != INDEX_SHARD_NAME:
            for other in set(self._engines) - {INDEX_SHARD_NAME}:
                self._engines.pop(other).dispose()
        engine = sa.create_engine(
            self.conn_string_for_shard(shard),
            pool_size=1,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        sa.event.listen(engine, "connect", _lazily_written)
        self._engines[shard] = engine
        return engine

    def wipe(self) -> None:
        self._close()
        super().wipe()

    def dispose(self) -> None:
        self._close()
        super().dispose()

    def _close(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()


def _lazily_written(connection: Any, _record: Any) -> None:
    # Safe against corruption in WAL mode; a machine that loses power may lose the last events.
    connection.execute("pragma synchronous = normal")
