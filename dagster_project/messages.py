"""The words of other programs' errors, without the values that they quote.

Belongs here: the one way from a driver's or a library's words to our messages. Does not belong here: what an error means
(warehouse/failures.py, sources/failures.py), our own errors (errors.py).

A database quotes the value that did not fit, and so do parsers: a customer's name or phone. Words about names, rights
and connections are kept whole, because they name what to fix. In all others `…` replaces whatever is quoted, addresses,
and every number that is not a position in a file. Only words of databases are used at all: an error of another library
is named by its type and place.
"""

import re

# SQLSTATE classes whose first line holds names, sizes, rights and states, never a row's value.
NAMING_CLASSES = {"08", "23", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"}
# The same of MySQL's codes; those from 2000 on are the client's own.
NAMING_CODES = {
    *(1040, 1044, 1045, 1046, 1049, 1050, 1051, 1054),
    *(1142, 1143, 1146, 1203, 1205, 1213, 1370, 1698),
}
# The same of words without a code, as dbt and dlt pass them on; asked of what is left without the quoted parts.
NAMING = re.compile(
    r"\b(relation|table|column|schema|function|operator|type|role|user|database|view|index|constraint|tablespace)\b.*"
    r"(does not exist|doesn't exist|already exists|is ambiguous)"
    r"|permission denied|must be owner|authentication failed|access denied|unknown (database|column|table)"
    r"|no pg_hba\.conf entry|depends on|must appear in the GROUP BY|missing FROM-clause entry|connection to server",
    re.IGNORECASE,
)
# What PostgreSQL adds below its first line.
ADDED = re.compile(r"^\s*(DETAIL|CONTEXT|HINT|LINE \d+|STATEMENT):", re.MULTILINE)
# From the first quote to the last: a value may contain quotes itself. An apostrophe within a word is no quote.
_MARK = r"(?:[\"`«»“”]|(?<![A-Za-z])'|'(?![A-Za-z]))"
QUOTED = re.compile(rf"{_MARK}.*{_MARK}")
OPEN_QUOTE = re.compile(rf"{_MARK}.*")
PLACES = (
    r"(?<!\bline )(?<!\bcolumn )(?<!\bchar )(?<!\brow )(?<!\bposition )(?<!\bbase )(?<!\bcode )(?<!\bport )"
)
NUMBER = re.compile(rf"{PLACES}(?<![\w.])[+-]?\d[\d.,:+-]*(?:[eTZ][\d:.+Z-]*)?(?!\w)")
BYTES = re.compile(r"\b0x[0-9a-fA-F]+(?:\s+0x[0-9a-fA-F]+)*")
ADDRESS = re.compile(r"\S+@\S+")


def words(said: str, state: str = "") -> str:
    """The first line of a database's words, safe to show. `state`: its SQLSTATE or MySQL's code, where there is one."""
    line = ADDED.split(said.strip())[0].strip().split("\n")[0].strip().rstrip(".")
    is_naming = (
        int(state) in NAMING_CODES or int(state) >= 2000
        if state.isdecimal() and len(state) == 4
        else state[:2] in NAMING_CLASSES
        if state
        else is_about_names(line)
    )
    return line if is_naming else without_values(line)


def is_about_names(line: str) -> bool:
    """Whether a line without a code is about names, rights or connections, whatever it quotes."""
    return NAMING.search(without_values(line)) is not None


def without_values(line: str) -> str:
    """`line` with `…` for what is quoted, for addresses, bytes and numbers."""
    for pattern in (QUOTED, OPEN_QUOTE, ADDRESS, BYTES, NUMBER):
        line = pattern.sub("…", line)
    return line
