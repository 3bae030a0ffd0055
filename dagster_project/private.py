"""Files below C360_HOME are for their owner alone: folders 0700, files 0600.

Belongs here: the mode of what is written, and the repair of what was written before. Does not belong here: what the
files are, and PostgreSQL's data folder, which its server keeps private by itself.
"""

import os
import stat
from pathlib import Path

UMASK = 0o077


def write_privately() -> None:
    """From now on this process, and those that it starts, write files that nobody else may read."""
    os.umask(UMASK)


def keep_private(home: Path) -> None:
    """`write_privately`, and takes the rights of all others off what is below `home` already."""
    write_privately()
    home.mkdir(parents=True, exist_ok=True)
    found, passages = [home], set()
    for folder, folders, files in os.walk(home):
        data = [name for name in folders if Path(folder, name, "PG_VERSION").exists()]
        if data:  # where root runs, the server's own user passes through these
            passages |= {Path(folder), *Path(folder).parents}
        folders[:] = [name for name in folders if name not in data]
        found += [Path(folder, name) for name in (*folders, *files)]
    for path in found:
        _restrict(path, stat.S_IXOTH if path in passages else 0)


def _restrict(path: Path, kept: int) -> None:
    try:
        status = path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if mode & UMASK & ~kept and not stat.S_ISLNK(status.st_mode) and os.geteuid() in (0, status.st_uid):
            path.chmod(mode & ~UMASK | mode & kept)
    except FileNotFoundError:
        pass  # another process's, gone since the folder was listed
