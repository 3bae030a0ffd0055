"""Errors that a person can mend.

Belongs here: the error types that every layer raises on purpose. Each carries what is wrong
and what to do, and never a personal value. Does not belong here: how they are shown (cli.py)
or when they are retried (assets/).
"""

import errno
import traceback
from pathlib import Path, PurePath

_PACKAGE = Path(__file__).resolve().parent


class C360Error(Exception):
    """What is wrong (`problem`) and what to do about it (`remedy`), both one line, no personal data."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem} {remedy}".strip())


class ConfigError(C360Error):
    """A setting is missing or wrong."""


class SourceError(C360Error):
    """A source answered with something that a retry will not mend."""


class SourceUnavailable(C360Error):
    """A source did not answer; a retry may help."""


class WarehouseError(C360Error):
    """The warehouse cannot be reached or is not as it must be."""


class WarehouseLocked(WarehouseError):
    """A session holds what a statement needs; the problem names it."""


class GateError(C360Error):
    """A gate stopped the data, or cannot be evaluated."""


class IdentityError(C360Error):
    """Cards, a model or a decision cannot be used as they are. On a steward's question it names the records."""


class RefreshBusy(C360Error):
    """Another refresh holds the warehouse."""


# What the machine refuses, and no program can foresee.
_REFUSALS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EDQUOT, errno.EMFILE, errno.ENFILE,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EIO,
}  # fmt: skip


def where(error: Exception) -> str:
    """The file and line of ours that an error came from; empty where it came from none."""
    ours = [
        f"{path.relative_to(_PACKAGE.parent)}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if (path := Path(frame.filename)).is_relative_to(_PACKAGE)
    ]
    return ours[-1] if ours else ""


def mistake(error: Exception) -> C360Error:
    """An error that nobody raised on purpose: a file's by the file, any other by type and place, for its message may
    quote a customer's value."""
    if isinstance(error, OSError) and error.errno in _REFUSALS and isinstance(error.filename, str | PurePath):
        return C360Error(
            f"{error.filename}: {error.strerror}.",
            "Fix it or its rights, or choose another place: C360_HOME, if it is below that.",
        )
    place = f" at {found}" if (found := where(error)) else ""
    return C360Error(
        f"{type(error).__name__}{place}: a mistake in the program.",
        "Nothing of this step was kept. Please report this line.",
    )
