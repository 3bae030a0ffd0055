"""What a database driver's error means: mend it, or try again.

Belongs here: the one translation of driver errors into SourceError (permanent) and
SourceUnavailable (worth a retry). Does not belong here: retrying.
"""

import re

import sqlalchemy as sa
from sqlalchemy.engine import URL

from dagster_project.config import place_of
from dagster_project.errors import C360Error, SourceError, SourceUnavailable

# What servers say of a wrong password, user, database or missing right; a retry never mends these.
PERMANENT_SQLSTATES = {"28000", "28P01", "3D000", "42501", "3F000"}
PERMANENT_MYSQL_CODES = {1044, 1045, 1049, 1142, 1698}
PERMANENT_PHRASES = (
    "password authentication failed",
    "does not exist",
    "no password supplied",
    "no pg_hba.conf entry",
    "access denied",
    "unknown database",
)


def translate(error: Exception, source: str, url: URL, doing: str) -> C360Error:
    """`error`, met while `doing` at `source`, as one line that names what to mend; never the password."""
    setting = f"C360_SOURCE_{source.upper()}_URL"
    place = f"{source} at {place_of(url)}"
    links = chain(error)
    cause = next((e for e in links if isinstance(e, (sa.exc.DBAPIError, C360Error))), links[-1])
    if isinstance(cause, C360Error):
        return cause
    said = first_line(cause)
    if isinstance(cause, sa.exc.DBAPIError):
        if _is_permanent(cause):
            return SourceError(f"{place}: {said}.", f"Mend {setting} or that user's rights.")
        if (
            isinstance(cause, (sa.exc.OperationalError, sa.exc.InterfaceError))
            or cause.connection_invalidated
        ):
            return SourceUnavailable(
                f"{place} does not answer while {doing}: {said}.",
                f"Is it up, and are host and port in {setting} right?",
            )
        return SourceError(f"{place}: {said} while {doing}.", "See the source's own log.")
    return SourceError(f"{place}: {type(cause).__name__} while {doing}: {said}.", "See the run's log.")


def _is_permanent(error: sa.exc.DBAPIError) -> bool:
    original = error.orig
    if getattr(original, "sqlstate", None) in PERMANENT_SQLSTATES:
        return True
    code = original.args[0] if original is not None and original.args else None
    # psycopg gives no SQLSTATE for a refused log-in: the server's words are all there is.
    return code in PERMANENT_MYSQL_CODES or any(p in str(original).lower() for p in PERMANENT_PHRASES)


def chain(error: BaseException | None) -> list[BaseException]:
    """An error and what caused it, outermost first."""
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def first_line(error: BaseException) -> str:
    """What the driver says, without the connection's preamble."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, UnicodeDecodeError):
        return f"bytes that are not {original.encoding}"
    lines = str(original).strip().splitlines()
    # "connection to server at … failed: FATAL:  password authentication failed" → its last clause.
    return re.split("FATAL:|ERROR:", lines[0])[-1].strip().rstrip(".") if lines else type(original).__name__
