"""What a database driver's error means: fix it, or try again.

Belongs here: the one translation of driver errors into SourceError (permanent) and
SourceUnavailable (worth a retry). Does not belong here: retrying.
"""

import re

import sqlalchemy as sa
from sqlalchemy.engine import URL

from dagster_project.config import place_of
from dagster_project.errors import C360Error, SourceError, SourceUnavailable, WarehouseError, where
from dagster_project.messages import is_about_names, words
from dagster_project.sources.engine import is_the_sources
from dagster_project.warehouse.failures import GONE, broken_by_words, chain, full_disk, warehouse_error

# What servers say of a wrong password, user, database or missing right; a retry never mends these.
PERMANENT_SQLSTATES = {"28000", "28P01", "3D000", "42501", "3F000"}
PERMANENT_MYSQL_CODES = {1044, 1045, 1049, 1142, 1698}
# Classes of PostgreSQL's errors that rows cause, each with what the row has wrong.
DATA_CLASSES = {
    "22": "a value that is not of its column's type",
    "23": "a row that breaks a constraint",
    "54": "a value or row that is too large",
}
PERMANENT_PHRASES = (
    "password authentication failed",
    "does not exist",
    "no password supplied",
    "no pg_hba.conf entry",
    "access denied",
    "unknown database",
)


def translate(error: Exception, source: str, url: URL, doing: str) -> C360Error:
    """`error`, met while `doing` at `source`, as one line that names what to fix; never the password."""
    setting = f"C360_SOURCE_{source.upper()}_URL"
    place = f"{source} at {place_of(url)}"
    links = chain(error)
    cause = next((e for e in links if isinstance(e, (sa.exc.DBAPIError, C360Error))), links[-1])
    if isinstance(cause, C360Error):
        return cause
    if isinstance(cause, sa.exc.DBAPIError):
        said = first_line(cause)
        if _is_permanent(cause):
            return SourceError(f"{place}: {said}.", f"Fix {setting} or that user's rights.")
        if (
            isinstance(cause, (sa.exc.OperationalError, sa.exc.InterfaceError))
            or cause.connection_invalidated
        ):
            return SourceUnavailable(
                f"{place} does not answer while {doing}: {said}.",
                f"Is it up, and are host and port in {setting} right?",
            )
        return SourceError(f"{place}: {said} while {doing}.", "See the source's own log.")
    said = f": {known}" if (known := _known_words(cause)) else ""
    return SourceError(f"{place}: {type(cause).__name__} while {doing}{said}.", "See the run's log.")


def unforeseen(error: Exception, source: str) -> C360Error:
    """`error`, met while a source was loaded, that nothing else explains: its fault, and no other source's."""
    links = chain(error)
    states = [_state(link) for link in links]
    is_theirs = any(state[:2] in DATA_CLASSES for state in states) or any(
        _is_mysqls(getattr(link, "orig", None) or link) for link in links
    )
    if not is_theirs and (known := warehouse_error(error)):
        return known
    place = where(error)
    return SourceError(
        f"{source}: its rows cannot be loaded ({type(links[-1]).__name__}{f' at {place}' if place else ''}).",
        "Nothing of it was kept. Look at its newest rows or files, and report this line.",
    )


def refused_rows(failed: Exception, source: str, warehouse_url: URL) -> C360Error:
    """A load that failed once the rows were read: the warehouse's fault where its words say so, else the rows'."""
    links = chain(failed)
    said = "\n".join(map(str, links))
    found = re.search(r"job_id=['`]?(\w+)\.", said)
    table = next(
        (str(job).split(".")[0] for link in links if (job := getattr(link, "job_id", None))), ""
    ) or (found[1] if found else "")
    states = [str(state) for link in links if (state := _state(link))]
    states += re.findall(r"SQLSTATE: (\w{5})", said)
    if refused := [state for state in states if state[:2] in DATA_CLASSES]:
        state = refused[0]
        place = re.search(r"CONTEXT:\s+COPY (\w+), line \d+(?:, column (\w+))?", said)
        where = ".".join(filter(None, place.groups())) if place else table or "a table"
        return SourceError(
            f"{source}: {where} holds {DATA_CLASSES[state[:2]]}: the warehouse does not take it (SQLSTATE {state}).",
            f"Fix the row at the source, or leave {'the column' if place and place[2] else 'it'} out by is_narrow.",
        )
    last = next((text for link in reversed(links) if (text := str(link).strip())), type(links[-1]).__name__)
    _, *postgresqls = re.split("FATAL:|ERROR:", last)
    last = postgresqls[-1].strip() if postgresqls else last
    is_gone = GONE.search(said) is not None
    if not is_gone and (known := broken_by_words(said)):
        return known
    if states or is_gone or is_about_names(last.split("\n")[0]):
        return WarehouseError(
            f"{source}: loading into the warehouse at {place_of(warehouse_url)} failed: "
            f"{words(last, states[0] if states else '')}.",
            "Fix the warehouse and run the refresh again: it reads the same rows again.",
        )
    why = words(last) if postgresqls else type(links[-1]).__name__
    return SourceError(
        f"{source}{f'.{table}' if table else ''}: the warehouse does not take its rows: {why}.",
        "Fix the rows at the source. Nothing of this load was kept.",
    )


def no_space(error: BaseException, source: str, *, is_reading: bool = False) -> WarehouseError | None:
    """The error for a full disk of ours, met while `source` was loaded. is_reading: the words are a source's own."""
    full = full_disk(error, is_local=is_reading)
    if full is None:
        return None
    return WarehouseError(f"{source}: {full.problem}", f"{full.remedy} Then run the refresh again.")


def met_at_source(error: BaseException) -> bool:
    """Whether a driver's error comes from a source's connection; the warehouse's errors are of the same types."""
    return any(is_the_sources(getattr(link, "orig", None) or link) for link in chain(error))


def _known_words(error: BaseException) -> str:
    """What an error that is no database's says, where that cannot be a value."""
    if isinstance(error, UnicodeDecodeError):
        return f"bytes that are not {error.encoding}"
    if isinstance(error, OSError):
        return error.strerror or ""
    is_about_the_url = isinstance(error, (sa.exc.ArgumentError, sa.exc.NoSuchTableError))
    return words(str(error)) if is_about_the_url else ""


def _state(error: BaseException) -> str:
    """The SQLSTATE of a driver's error; empty where it has none."""
    original = getattr(error, "orig", None) or error
    return str(getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or "")


def _is_mysqls(error: BaseException) -> bool:
    """Whether it has a code and words, as every error of MySQL's driver; no warehouse has one."""
    return (
        type(error).__module__.startswith("pymysql")
        and len(error.args) > 1
        and isinstance(error.args[0], int)
    )


def _is_permanent(error: sa.exc.DBAPIError) -> bool:
    original = error.orig
    if getattr(original, "sqlstate", None) in PERMANENT_SQLSTATES:
        return True
    code = original.args[0] if original is not None and original.args else None
    # psycopg gives no SQLSTATE for a refused log-in: the server's words are all there is.
    return code in PERMANENT_MYSQL_CODES or any(p in str(original).lower() for p in PERMANENT_PHRASES)


def first_line(error: BaseException) -> str:
    """What the driver says, without the connection's preamble and without values of rows."""
    original = getattr(error, "orig", None) or error
    if known := _known_words(original):
        return known
    if not isinstance(error, sa.exc.DBAPIError):
        return type(original).__name__
    state = _state(original)
    said = str(original).strip()
    if _is_mysqls(original):
        state, said = f"{original.args[0]:04}", str(original.args[-1])
    # "connection to server at … failed: FATAL:  password authentication failed" → its last clause.
    return words(re.split("FATAL:|ERROR:", said.split("\n")[0])[-1], state) or type(original).__name__
