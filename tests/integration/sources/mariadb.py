"""A MariaDB of the tests' own, and the systems' tables in it with the types that MySQL systems really use.

Belongs here: the server's process, and demo tables brought from PostgreSQL's types to MariaDB's.
"""

import getpass
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from demo_company import load

ZERO = "0000-00-00 00:00:00"
PLACES = os.environ.get("PATH", "") + ":/usr/sbin"
INSTALLER = shutil.which("mariadb-install-db", path=PLACES)
SERVER = shutil.which("mariadbd", path=PLACES)
# Columns as WordPress, SuiteCRM and Asterisk declare them, where the demo's PostgreSQL tables say it otherwise.
TYPES = (
    (r"\bsmallint\b", "tinyint(1)"),
    (r"\bbigint\b", "bigint(20) unsigned"),
    (r"\btimestamp\b", "datetime"),
    (r"\bid varchar\(36\)", "id char(36)"),
    (r"\btext\b", "longtext"),
    (r"\bnumeric\b", "decimal"),
    (r"\bdouble precision\b", "double"),
    (r"\b(idvisitor|config_id) bytea", r"\1 binary(8)"),
    (r"\bbytea\b", "varbinary(16)"),
    (r'"end"', "`end`"),
    (r"\b(answer) datetime\b", rf"\1 datetime not null default '{ZERO}'"),
    (r"\b(uniqueid|linkedid|channel|dstchannel) (varchar\(\d+\))", r"\1 \2 character set latin1"),
    (r"create index on[^;]+;", ""),
    (r"--.*", ""),
)


@contextmanager
def server(folder: Path) -> Iterator[sa.URL]:
    """A server on 127.0.0.1 with its data below `folder`; its URL, without a database."""
    assert INSTALLER and SERVER
    data, log = folder / "data", folder / "log"
    # A root that logs in by password would need one; the server listens to this machine only, for one test run.
    subprocess.run(
        [INSTALLER, "--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}",
         "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, capture_output=True,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [SERVER, "--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}", f"--port={port}",
             "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}",
             "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin",
             "--default-time-zone=+05:00", "--sql-mode="],
            stdout=out, stderr=out,
        )  # fmt: skip
    url = sa.URL.create("mysql+pymysql", "root", host="127.0.0.1", port=port)
    try:
        deadline = time.monotonic() + 30
        while not answers(url):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def answers(url: sa.URL) -> bool:
    try:
        run(url, "select 1")
    except sa.exc.OperationalError:
        return False
    return True


def run(url: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"charset": "utf8mb4"})
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def make_database(server_url: sa.URL, name: str) -> sa.URL:
    run(
        server_url,
        f"drop database if exists {name}",
        f"create database {name} character set utf8mb4 collate utf8mb4_unicode_ci",
    )
    return server_url.set(database=name)


def fill(url: sa.URL, source: str, tables: dict[str, pa.Table]) -> None:
    """The demo company's tables of one source, in MariaDB's types."""
    layout = (load._SCHEMAS / f"{source}.sql").read_text(encoding="utf-8")
    for pattern, instead in TYPES:
        layout = re.sub(pattern, instead, layout)
    run(url, *filter(None, map(str.strip, layout.split(";"))))
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"charset": "utf8mb4"})
    with engine.begin() as connection:
        for name, rows in tables.items():
            if "answer" in rows.column_names:
                rows = rows.set_column(
                    rows.column_names.index("answer"), "answer",
                    rows["answer"].cast(pa.timestamp("s")).cast(pa.string()).fill_null(ZERO),
                )  # fmt: skip
            columns = ", ".join(f"`{column}`" for column in rows.column_names)
            places = ", ".join(["%s"] * rows.num_columns)
            for batch in rows.to_batches(10_000):
                values = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
                connection.exec_driver_sql(f"insert into {name} ({columns}) values ({places})", values)
