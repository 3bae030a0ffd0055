"""The demo company's clock: its fixed today, its year of history, and plausible moments in it.

Belongs here: dates, office hours, Moscow's offset. Does not belong here: what happens at those moments.
All moments are naive numpy `datetime64[s]` in UTC unless a name says `local`.
"""

import numpy as np
import numpy.typing as npt

Moments = npt.NDArray[np.datetime64]

NOW = np.datetime64("2026-09-30T18:00:00", "s")  # "today": nothing happens after it
START = np.datetime64("2025-10-01T00:00:00", "s")  # the events' history begins
OPENED = np.datetime64("2019-02-01T00:00:00", "s")  # the first cards were made
MOSCOW = np.timedelta64(3 * 3600, "s")  # no daylight saving since 2014
DAY = np.timedelta64(86400, "s")
HOUR = np.timedelta64(3600, "s")

_MONTH_WEIGHTS = np.array([0.9, 1.0, 1.1, 1.0, 1.0, 0.95, 0.9, 0.95, 1.0, 1.0, 1.2, 1.5])
_SHOP_HOURS = np.array([1, 1, 0.5, 0.3, 0.3, 0.5, 1, 2, 3, 4, 5, 6, 7, 6, 5, 5, 5, 6, 7, 8, 9, 8, 5, 2])
_OFFICE_HOURS = np.array([0] * 9 + [5, 8, 9, 8, 7, 7, 7, 7, 6, 5, 3, 2] + [0] * 3)


def seconds(values: npt.ArrayLike) -> npt.NDArray[np.timedelta64]:
    """`values` (numbers) as whole seconds."""
    return np.asarray(values).astype("int64").astype("timedelta64[s]")


def moments(
    rng: np.random.Generator, count: int, office: bool = False, since: np.datetime64 = START
) -> Moments:
    """`count` moments between `since` and NOW: busy months and hours weigh more; `office`: 9–21 Moscow time."""
    days = int((NOW - since) // DAY)
    calendar = since.astype("datetime64[D]") + np.arange(days)
    weights = _MONTH_WEIGHTS[calendar.astype("datetime64[M]").astype(int) % 12]
    weights = weights * np.where((calendar.astype(int) + 3) % 7 >= 5, 1.25, 1.0)
    day = rng.choice(days, count, p=weights / weights.sum())
    hours = _OFFICE_HOURS if office else _SHOP_HOURS
    hour = rng.choice(24, count, p=hours / hours.sum())
    local = since.astype("datetime64[D]").astype("datetime64[s]") + seconds(
        day * 86400 + hour * 3600 + rng.integers(0, 3600, count)
    )
    return np.minimum(local - MOSCOW, NOW)


def to_office_hours(rng: np.random.Generator, at: Moments) -> Moments:
    """`at`, moved to the same day's or the next morning's office hours (9–21 Moscow time)."""
    local = at + MOSCOW
    midnight = local.astype("datetime64[D]").astype("datetime64[s]")
    hour = ((local - midnight) // HOUR).astype(int)
    morning = (
        midnight + np.where(hour >= 21, DAY, 0 * DAY) + seconds(9 * 3600 + rng.integers(0, 7200, len(at)))
    )
    return np.where((hour < 9) | (hour >= 21), morning - MOSCOW, at)


def spread(rng: np.random.Generator, count: int, mean_hours: float) -> npt.NDArray[np.timedelta64]:
    """Exponential waits."""
    return seconds(rng.exponential(mean_hours * 3600, count) + 60)
