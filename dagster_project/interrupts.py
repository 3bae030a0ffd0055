"""Ctrl-C and SIGTERM: a request to end, wherever it comes from.

Belongs here: how it reaches the program. Does not belong here: what a command does then.
"""

import contextlib
import signal
from collections.abc import Iterator

EXIT_INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within it either signal raises KeyboardInterrupt."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_interrupts() -> None:
    """From here on, until `interruptible` ends: what must be finished is not broken off by an impatient user."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
