"""Clusters under constraints, on small graphs and on random ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.identity.cluster import cluster, components

NODES = 12
pairs = st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)).filter(lambda p: p[0] < p[1])


def groups(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


def run(edges: dict[tuple[int, int], float], nodes: int = NODES, **options) -> tuple:  # type: ignore[no-untyped-def]
    result = cluster(nodes, np.array(list(edges)).reshape(-1, 2), np.array(list(edges.values())), **options)
    return result, result.labels


def test_without_trouble_clusters_are_components() -> None:
    edges = {(0, 1): 20.0, (1, 2): 20.0, (4, 5): 20.0}
    result, labels = run(edges, 6)
    assert groups(labels) == {frozenset({0, 1, 2}), frozenset({3}), frozenset({4, 5})}
    assert not result.cut


def test_a_contradiction_is_cut_at_the_weakest_edge() -> None:
    result, labels = run({(0, 1): 30.0, (1, 2): 14.0, (2, 3): 30.0}, 4, conflicts=np.array([[0, 3]]))
    assert groups(labels) == {frozenset({0, 1}), frozenset({2, 3})}
    assert result.cut == {(1, 2): "contradiction_in_cluster"}


def test_a_weak_bridge_between_two_groups_is_cut_and_a_strong_one_is_not() -> None:
    triangles = {(0, 1): 30.0, (1, 2): 30.0, (0, 2): 30.0, (3, 4): 30.0, (4, 5): 30.0, (3, 5): 30.0}
    result, labels = run(triangles | {(2, 3): 6.0}, 6)
    assert result.cut == {(2, 3): "weak_bridge"} and labels[0] != labels[3]
    _, labels = run(triangles | {(2, 3): 30.0}, 6)
    assert labels[0] == labels[3]


def test_a_weak_leaf_stays() -> None:
    _, labels = run({(0, 1): 30.0, (1, 2): 30.0, (0, 2): 30.0, (2, 3): 6.0}, 4)
    assert labels[3] == labels[0]


def test_too_large_a_cluster_is_split_where_it_is_weakest() -> None:
    result, labels = run({(0, 1): 30.0, (1, 2): 13.0, (2, 3): 30.0}, 4, max_size=2)
    assert groups(labels) == {frozenset({0, 1}), frozenset({2, 3})}
    assert result.cut == {(1, 2): "cluster_too_large"}


def test_the_newer_of_two_contradicting_decisions_holds() -> None:
    result, labels = run({}, 3, must=[(0, 1), (1, 2)], cannot=[(0, 2)])
    assert labels[0] == labels[1] != labels[2]
    assert result.refused == [(1, 2)]


def test_a_steward_overrules_a_contradiction() -> None:
    _, labels = run({}, 2, must=[(0, 1)], conflicts=np.array([[0, 1]]))
    assert labels[0] == labels[1]


@given(
    st.dictionaries(pairs, st.floats(1, 40), max_size=30),
    st.lists(pairs, max_size=6),
    st.lists(pairs, max_size=6),
    st.lists(pairs, max_size=6),
    st.integers(2, NODES),
)
def test_constraints_always_hold(
    edges: dict, must: list, cannot: list, conflicts: list, max_size: int
) -> None:
    cannot = [pair for pair in cannot if pair not in must]
    result, labels = run(
        edges, must=must, cannot=cannot, conflicts=np.array(conflicts).reshape(-1, 2), max_size=max_size
    )
    assert all(labels[a] != labels[b] for a, b in cannot)
    assert all(labels[a] == labels[b] for a, b in must if (a, b) not in result.refused)
    forced = components(NODES, np.array(must).reshape(-1, 2))
    if all(forced[a] != forced[b] for a, b in cannot):
        assert not result.refused
    assert all(labels[label] == label for label in labels)
    allowed = components(NODES, np.array([*edges, *must]).reshape(-1, 2))
    assert all(allowed[node] == allowed[label] for node, label in enumerate(labels))
