"""Seeded randomness: one independent stream a topic, so that a change in one leaves the others alone.

Belongs here: streams and draws that several topics need. Does not belong here: anything about customers.
"""

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]  # str or None


def stream(seed: int, topic: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(topic.encode())])


def chance(rng: np.random.Generator, count: int, rate: float | npt.NDArray[np.float64]) -> Flags:
    """`count` flags, each true with probability `rate`; more than 1 (noise may scale it up) is always."""
    return rng.random(count) < rate


def zipf_choice(rng: np.random.Generator, size: int, count: int, exponent: float = 0.8) -> Ints:
    """`count` indices into a list of `size` whose first entries are the commonest."""
    weights = 1 / (np.arange(size) + 3) ** exponent
    return rng.choice(size, count, p=weights / weights.sum())


def choose(rng: np.random.Generator, values: list, count: int, weights: list[float] | None = None) -> Texts:
    """`count` of `values` as an object array."""
    p = None if weights is None else np.array(weights) / sum(weights)
    return np.array(values, dtype=object)[rng.choice(len(values), count, p=p)]


def unique_numbers(rng: np.random.Generator, low: int, high: int, count: int) -> Ints:
    """`count` different integers of [low, high), in random order."""
    found = np.unique(rng.integers(low, high, int(count * 1.1) + 20))
    while len(found) < count:
        found = np.unique(np.concatenate([found, rng.integers(low, high, count)]))
    return rng.permutation(found)[:count]


def filled(values: Texts) -> Flags:
    """Which of the values are there."""
    return values != np.array(None)


def either(flags: Flags, yes: Any, no: Any) -> Texts:
    """`yes` where the flag is set, else `no`, as texts: each an array or one value, None included."""
    result = np.empty(len(flags), dtype=object)
    result[:] = no
    result[flags] = yes if yes is None or isinstance(yes, str) else np.asarray(yes, dtype=object)[flags]
    return result


def texts(values: list | npt.NDArray) -> Texts:
    """An object array of `values`."""
    result = np.empty(len(values), dtype=object)
    result[:] = values.tolist() if isinstance(values, np.ndarray) else values
    return result
