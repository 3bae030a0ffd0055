"""Groups do not chain, honour sources without duplicates, and stop where the expected F1 is best."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.identity.files.group import Grouping, group


def grouped(nodes: int, pairs: dict[tuple[int, int], float], **options: object) -> Grouping:
    left, right = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    return group(nodes, left, right, np.array(list(pairs.values()), dtype=float), **options)  # type: ignore[arg-type]


def test_two_likely_pairs_do_not_chain_strangers() -> None:
    found = grouped(3, {(0, 1): 9.0, (1, 2): 7.0, (0, 2): -30.0})
    assert found.labels.tolist() == [0, 0, 2]


def test_a_pair_never_compared_speaks_against_a_chain() -> None:
    assert grouped(3, {(0, 1): 9.0, (1, 2): 1.0}).labels.tolist() == [0, 0, 2]
    assert grouped(3, {(0, 1): 20.0, (1, 2): 20.0}).labels.tolist() == [0, 0, 0]


def test_a_source_without_duplicates_gives_one_record_a_group() -> None:
    pairs = {(0, 1): 20.0, (0, 2): 15.0, (1, 2): 15.0}
    assert grouped(3, pairs).labels.tolist() == [0, 0, 0]
    assert grouped(3, pairs, one_of=np.array([0, 1, 1])).labels.tolist() == [0, 0, 2]
    assert grouped(3, pairs, one_of=np.array([-1, -1, -1])).labels.tolist() == [0, 0, 0]


def test_the_threshold_is_where_the_expected_f1_is_best() -> None:
    sure = {(2 * i, 2 * i + 1): 10.0 for i in range(50)}
    doubtful = {(100 + 2 * i, 101 + 2 * i): -2.0 for i in range(50)}
    found = grouped(200, sure | doubtful)
    assert found.labels[1] == 0 and found.labels[101] == 101
    assert found.threshold > 0.9 and found.expected_precision > 0.99
    assert abs(found.expected_recall - 50 / 60) < 0.01
    assert grouped(200, sure | doubtful, threshold=0.1).labels[101] == 100


def test_nothing_likely_leaves_everybody_alone() -> None:
    found = grouped(4, {(0, 1): -3.0, (2, 3): -3.5})
    assert found.labels.tolist() == [0, 1, 2, 3] and found.is_poor
    assert grouped(3, {}).labels.tolist() == [0, 1, 2]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] < pair[1]),
        st.floats(-20, 20),
        max_size=20,
    ),
    st.lists(st.integers(-1, 2), min_size=9, max_size=9),
)
def test_no_group_has_two_records_of_such_a_source(
    pairs: dict[tuple[int, int], float], sources: list[int]
) -> None:
    one_of = np.array(sources)
    labels = grouped(9, pairs, one_of=one_of, threshold=0.01).labels
    for label in set(labels.tolist()):
        held = [source for source in one_of[labels == label].tolist() if source >= 0]
        assert len(held) == len(set(held))
    assert (labels <= np.arange(9)).all()
