"""Scored pairs become people: groups joined by their mean weight, as far as it pays.

Belongs here: grouping, and the threshold chosen without labels. Does not belong here: scores (fit.py).

A chain of likely pairs joins strangers; a mean over all pairs of two groups does not. Each join adds pairs of known
probability, so the F1 to be expected after it is known as well: the best one tells where to stop.
"""

import heapq
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from dagster_project.identity.cluster import components
from dagster_project.identity.files.fit import probability

# A pair that cannot be one person, and one that was never compared.
APART = -60.0
UNSEEN = -6.0
# The mean weight below which groups are never joined.
LOWEST = -4.0
# Where no better F1 is to be expected, only what is more likely than not is joined.
POOR = 0.5


@dataclass
class Grouping:
    """labels: record place → group. threshold: a mean probability. expected_*: what the model believes of it.

    is_poor: no F1 above POOR was to be expected.
    """

    labels: np.ndarray
    threshold: float
    expected_precision: float
    expected_recall: float
    expected_f1: float
    is_poor: bool


@dataclass
class _Join:
    height: float
    a: int
    b: int
    pairs: int
    likely: float


def group(
    nodes: int,
    left: np.ndarray,
    right: np.ndarray,
    weight: np.ndarray,
    *,
    threshold: float | None = None,
    one_of: np.ndarray | None = None,
) -> Grouping:
    """Groups nodes 0 … nodes-1. weight: log2 odds of each pair. one_of: sources of which a group has one record each
    (-1: any number). threshold None: chosen."""
    total = float(probability(weight).sum())
    joins = _joins(nodes, left, right, weight, one_of)
    joins.sort(key=lambda join: (-join.height, join.a, join.b))
    likely = np.cumsum([join.likely for join in joins]) if joins else np.zeros(0)
    pairs = np.cumsum([join.pairs for join in joins]) if joins else np.zeros(0)
    f1 = 2 * likely / np.maximum(pairs + total, 1e-9)
    heights = np.array([join.height for join in joins])
    is_poor = float(f1.max(initial=0.0)) < POOR
    if threshold is None and is_poor:
        threshold = 0.5
    if threshold is None:
        stop = int(np.argmax(f1)) + 1 if len(f1) else 0
        chosen = float(probability(heights[stop - 1 : stop])[0]) if stop else 0.5
    else:
        stop = int((probability(heights) >= threshold).sum()) if len(joins) else 0
        chosen = threshold
    labels = np.arange(nodes)

    def find(node: int) -> int:
        while labels[node] != node:
            labels[node] = node = labels[labels[node]]
        return int(node)

    for join in joins[:stop]:
        a, b = find(join.a), find(join.b)
        labels[max(a, b)] = min(a, b)
    for node in range(nodes):
        labels[node] = find(node)
    found, right_ones = (float(pairs[stop - 1]), float(likely[stop - 1])) if stop else (0.0, 0.0)
    return Grouping(
        labels,
        chosen,
        right_ones / found if found else 1.0,
        right_ones / total if total else 1.0,
        2 * right_ones / (found + total) if found + total else 1.0,
        is_poor,
    )


def _joins(
    nodes: int, left: np.ndarray, right: np.ndarray, weight: np.ndarray, one_of: np.ndarray | None
) -> list[_Join]:
    """Average linkage over all pairs, unseen ones included, down to a mean of LOWEST."""
    # Most people have one record or two: only what is left needs a queue.
    near = weight > LOWEST
    parts = components(nodes, np.column_stack([left[near], right[near]]))
    inside = parts[left] == parts[right]
    left, right, weight = left[inside], right[inside], weight[inside]
    sizes = np.bincount(parts, minlength=nodes)
    twos = sizes[parts[left]] == 2
    allowed = twos if one_of is None else twos & ((one_of[left] < 0) | (one_of[left] != one_of[right]))
    chance = probability(weight)
    joins = [
        _Join(w, a, b, 1, p)
        for a, b, w, p in zip(
            *(column[allowed].tolist() for column in (left, right, weight, chance)), strict=True
        )
    ]
    rest = ~twos
    return joins + _queue(nodes, left[rest], right[rest], weight[rest], chance[rest], one_of)


def _queue(
    nodes: int,
    left: np.ndarray,
    right: np.ndarray,
    weight: np.ndarray,
    chance: np.ndarray,
    one_of: np.ndarray | None,
) -> list[_Join]:
    size: dict[int, int] = defaultdict(lambda: 1)
    # Group → neighbour → [sum of weights, pairs seen, sum of probabilities]
    near: dict[int, dict[int, list[float]]] = defaultdict(dict)
    for a, b, w, p in zip(left.tolist(), right.tolist(), weight.tolist(), chance.tolist(), strict=True):
        near[a][b] = near[b][a] = [w, 1, p]
    taken: dict[int, set[int]] = {}
    if one_of is not None:
        taken = {node: {int(one_of[node])} for node in near if one_of[node] >= 0}
    heap = [
        (-link[0], a, b)
        for a, links in near.items()
        for b, link in links.items()
        if a < b and link[0] > LOWEST
    ]
    heapq.heapify(heap)
    joins = []

    def mean(a: int, b: int) -> float:
        w, n, _ = near[a][b]
        unseen = size[a] * size[b] - n
        return (w + UNSEEN * unseen) / (n + unseen)

    while heap:
        height, a, b = heapq.heappop(heap)
        # A group that another has taken in, or a mean from before it grew.
        if a not in near or b not in near[a] or abs(mean(a, b) + height) > 1e-9:
            continue
        if taken.get(a, set()) & taken.get(b, set()):
            continue
        joins.append(_Join(-height, a, b, size[a] * size[b], near[a][b][2]))
        if len(near[a]) < len(near[b]):
            a, b = b, a
        size[a] += size[b]
        if b in taken:
            taken[a] = taken.get(a, set()) | taken.pop(b)
        del near[a][b]
        for other, link in near.pop(b).items():
            if other == a:
                continue
            del near[other][b]
            mine = near[a].get(other)
            if mine is None:
                near[a][other] = near[other][a] = link
            else:
                for i in range(3):
                    mine[i] += link[i]
        for other in near[a]:
            m = mean(a, other)
            if m > LOWEST:
                heapq.heappush(heap, (-m, min(a, other), max(a, other)))
    return joins
