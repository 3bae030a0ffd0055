"""How the project's errors end a step.

Belongs here: which error is worth a retry. Does not belong here: making errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dagster_project.errors import C360Error, SourceUnavailable

# Waits of 2, 4 and 8 seconds, a little spread.
RETRY_LOST_CONNECTION = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@contextmanager
def failing_clearly() -> Iterator[None]:
    """A C360Error ends the step with its two lines; only a source that does not answer is tried again."""
    try:
        yield
    except C360Error as error:
        raise dg.Failure(
            description=f"{error.problem}\n{error.remedy}".strip(),
            allow_retries=isinstance(error, SourceUnavailable),
        ) from error
