"""Files that a command writes where its user asked for them.

Belongs here: what is wrong with the place, said before the work and while it is written. Does not belong here: what
a file holds.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dagster_project.errors import ConfigError


def check_writable(option: str, path: Path) -> None:
    """Raises ConfigError naming `option` where `path` cannot be written. Leaves nothing behind."""
    if path.is_dir():
        raise ConfigError(f"{option} {path}: that is a folder.", "Name a file in it.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ConfigError(f"{option}: folder {folder} is not there.", "Make it, or choose another.")
    is_there = path.exists()
    with writing(option, path), path.open("ab"):
        pass
    if not is_there:
        path.unlink()


@contextlib.contextmanager
def writing(option: str, path: Path) -> Iterator[None]:
    """An OSError of what writes `path` becomes a ConfigError naming `option`."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{option} {path}: cannot be written ({error.strerror or type(error).__name__}).",
            "Choose another place.",
        ) from error
