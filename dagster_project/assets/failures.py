"""How errors end a step: in words that name what to mend, never in a traceback or a value.

Belongs here: which error is worth a retry, and the last resort for errors nobody made on purpose. Does not
belong here: making errors (errors.py), what a database's errors mean (warehouse/failures.py).
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dagster_project.errors import C360Error, SourceUnavailable, mistake
from dagster_project.warehouse.failures import broken_by_words, warehouse_error

# Waits of 2, 4 and 8 seconds, a little spread. No policy of a step: Dagster tries that one again after Ctrl-C, too.
RETRY_LOST_CONNECTION = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


def try_again(error: SourceUnavailable, retries: int) -> dg.RetryRequested | None:
    """What a step raises for a source that does not answer; None after the last retry. retries: how many there were."""
    policy = RETRY_LOST_CONNECTION
    if retries >= policy.max_retries:
        return None
    again = dg.RetryRequested(policy.max_retries, policy.calculate_delay(retries + 1))
    again.__cause__ = _failure(error, error)
    return again


@contextmanager
def failing_clearly() -> Iterator[None]:
    """Any error ends the step with two lines, but `try_again`; an interrupt ends the run."""
    try:
        yield
    except dg.RetryRequested:
        raise
    except C360Error as error:
        raise _failure(error, error) from None
    except KeyboardInterrupt:
        raise dg.DagsterExecutionInterruptedError() from None
    except dg.Failure as failure:
        # dbt names each model; a warehouse that is gone or full fails them all for one reason.
        if broken := broken_by_words(failure.description or ""):
            raise _failure(broken, failure) from None
        raise
    except Exception as error:
        raise _failure(warehouse_error(error) or mistake(error), error) from None


def _failure(error: C360Error, behind: Exception) -> dg.Failure:
    # The stack without messages: what a driver says may quote a value, and Dagster keeps what it is given.
    return dg.Failure(
        description=f"{error.problem}\n{error.remedy}".strip(),
        metadata={"stack": "".join(traceback.format_tb(behind.__traceback__))},
    )
