"""The terminal: text as it is.

Belongs here: the one console that every command prints to. Does not belong here: what is printed.

Names of files, columns and tables come from outside, so nothing printed is read as markup or as an emoji's name: a
file may be called `[/] x.csv`. Styles are given apart from the text: `style=`, `Text.assemble((text, "bold"))`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.text import Text


def terminal(*, file: IO[str] | None = None, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """The console on `file`, or on standard output or error as they are when something is printed."""
    return Console(file=file, stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap)


@contextmanager
def working(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Shows that something is at work; what is yielded takes the words for the step that it is at."""
    with console.status(Text(what)) as status:
        yield lambda step: status.update(Text(step))
