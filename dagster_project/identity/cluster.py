"""Links become clusters: connected components that honour the stewards' decisions and hold together.

Belongs here: which profiles end up together, and what was cut. Does not belong here: which ID a cluster
gets (registry.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import igraph
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# More profiles than any one person has: a component beyond it hangs together by mistake.
MAX_CLUSTER = 150
# A lone link of the model weaker than this does not hold two groups together.
BRIDGE_STRENGTH = 9.0
Pair = tuple[int, int]


@dataclass
class Clustering:
    """labels: node → cluster (its smallest node). cut: edge → reason; refused: must-links that contradict others."""

    labels: np.ndarray
    cut: dict[Pair, str] = field(default_factory=dict)
    refused: list[Pair] = field(default_factory=list)


def components(nodes: int, edges: np.ndarray) -> np.ndarray:
    """Connected components of `edges` (n × 2 integers below `nodes`): each node's smallest fellow."""
    if len(edges) == 0:
        return np.arange(nodes)
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    smallest = np.full(labels.max() + 1, nodes, dtype=np.int64)
    np.minimum.at(smallest, labels, np.arange(nodes))
    return smallest[labels]


def cluster(
    nodes: int,
    edges: np.ndarray,
    strengths: np.ndarray,
    *,
    must: Sequence[Pair] = (),
    cannot: Sequence[Pair] = (),
    conflicts: np.ndarray | None = None,
    max_size: int = MAX_CLUSTER,
    bridge_strength: float = BRIDGE_STRENGTH,
) -> Clustering:
    """Clusters nodes 0 … nodes-1 over `edges` (n × 2) with `strengths` (n).

    `cannot` is never violated. `must` holds before any edge, in the given order (newest decision first); one
    that contradicts `cannot` or what came before it is refused. `conflicts` (n × 2) are kept apart unless a
    must-link joins them. Where nothing is at odds, clusters are the connected components.
    """
    edges, strengths = _as_pairs(edges), np.asarray(strengths, dtype=float)
    conflicts = _as_pairs([] if conflicts is None else conflicts)
    all_edges = np.vstack([edges, _as_pairs(must)])
    labels = components(nodes, all_edges)
    result = Clustering(labels.copy())

    sizes = np.bincount(labels, minlength=nodes)
    apart = np.vstack([conflicts, _as_pairs(cannot)])
    at_odds = labels[apart[:, 0]][labels[apart[:, 0]] == labels[apart[:, 1]]]
    weak = labels[edges[(strengths < bridge_strength) & (strengths > 0), 0]]
    troubled = np.unique(np.concatenate([at_odds, np.flatnonzero(sizes > max_size), weak[sizes[weak] >= 4]]))
    if not troubled.size:
        return result

    members_by = _grouped(np.flatnonzero(np.isin(labels, troubled)), labels)
    inside = np.flatnonzero(np.isin(labels[edges[:, 0]], troubled))
    edges_by = _grouped(inside, labels[edges[:, 0]])
    must_by = _by_component(labels, must)
    cannot_by = _by_component(labels, cannot)
    conflict_by = _by_component(labels, conflicts.tolist())
    for label in troubled.tolist():
        members = members_by[label]
        own = edges_by.get(label, [])
        bridges = _weak_bridges(members, edges[own], strengths[own], bridge_strength)
        own = [i for i in own if (int(edges[i, 0]), int(edges[i, 1])) not in bridges]
        result.cut |= dict.fromkeys(bridges, "weak_bridge")
        _agglomerate(
            members,
            [
                (int(edges[i, 0]), int(edges[i, 1]))
                for i in sorted(own, key=lambda i: (-strengths[i], *edges[i].tolist()))
            ],
            must_by[label],
            cannot_by[label],
            conflict_by[label],
            max_size,
            result,
        )
    return result


def _as_pairs(pairs: np.ndarray | Sequence[Pair]) -> np.ndarray:
    return np.asarray(pairs, dtype=np.int64).reshape(-1, 2)


def _by_component(labels: np.ndarray, pairs: Iterable[Sequence[int]]) -> dict[int, list[Pair]]:
    found: dict[int, list[Pair]] = defaultdict(list)
    for a, b in pairs:
        if labels[a] == labels[b]:
            found[int(labels[a])].append((int(a), int(b)))
    return found


def _grouped(places: np.ndarray, labels: np.ndarray) -> dict[int, list[int]]:
    """Places in `labels`, ascending, by the label that they have."""
    found: dict[int, list[int]] = defaultdict(list)
    for place, label in zip(places.tolist(), labels[places].tolist(), strict=True):
        found[label].append(place)
    return found


def _weak_bridges(members: list[int], edges: np.ndarray, strengths: np.ndarray, limit: float) -> set[Pair]:
    """Edges below `limit` whose loss would leave two parts of at least two nodes each."""
    weak = (strengths < limit) & (strengths > 0)
    if not weak.any() or len(members) < 4:
        return set()
    place = {node: i for i, node in enumerate(members)}
    graph = igraph.Graph(len(members), [(place[a], place[b]) for a, b in edges.tolist()])
    found = set()
    for index in graph.bridges():
        if not weak[index]:
            continue
        a, b = graph.es[index].tuple
        # A leaf hangs on by its only evidence, weak as it may be: that is the threshold's business.
        if graph.degree(a) > 1 and graph.degree(b) > 1:
            found.add((int(edges[index, 0]), int(edges[index, 1])))
    return found


def _agglomerate(
    members: list[int],
    ordered: list[Pair],
    must: list[Pair],
    cannot: list[Pair],
    conflicts: list[Pair],
    max_size: int,
    result: Clustering,
) -> None:
    """Joins one component again, must-links first, then the strongest edges, leaving out what is forbidden."""
    root = {node: node for node in members}
    group = {node: [node] for node in members}
    decided: dict[int, set[int]] = defaultdict(set)
    contradicted: dict[int, set[int]] = defaultdict(set)

    def find(node: int) -> int:
        while root[node] != node:
            root[node] = node = root[root[node]]
        return node

    def join(a: int, b: int) -> None:
        if len(group[a]) < len(group[b]):
            a, b = b, a
        root[b] = a
        group[a] += group.pop(b)
        for enemies in (decided, contradicted):
            for enemy in enemies.pop(b, set()):
                enemies[enemy].discard(b)
                if enemy != a:
                    enemies[enemy].add(a)
                    enemies[a].add(enemy)

    for enemies, pairs in ((decided, cannot), (contradicted, conflicts)):
        for a, b in pairs:
            enemies[a].add(b)
            enemies[b].add(a)
    for a, b in must:
        x, y = find(a), find(b)
        if x == y:
            continue
        if y in decided[x]:
            result.refused.append((a, b))
            continue
        contradicted[x].discard(y)
        contradicted[y].discard(x)
        join(x, y)
    for a, b in ordered:
        x, y = find(a), find(b)
        if x == y:
            continue
        if y in decided[x]:
            result.cut[(a, b)] = "kept_apart_by_steward"
        elif y in contradicted[x]:
            result.cut[(a, b)] = "contradiction_in_cluster"
        elif len(group[x]) + len(group[y]) > max_size:
            result.cut[(a, b)] = "cluster_too_large"
        else:
            join(x, y)
    for node in members:
        result.labels[node] = min(group[find(node)])
