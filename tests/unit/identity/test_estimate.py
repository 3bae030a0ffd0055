"""The label-free estimate against the truth it does not see; the distribution of match weights."""

import duckdb
import pyarrow as pa
import pytest

from benchmarks.linkage.sets import demo
from dagster_project.identity import pairwise, resolution, resolve
from dagster_project.identity.estimate import MIN_PAIRS, WEIGHT_STEPS, drift, estimate
from dagster_project.identity.model import Model
from tests.unit.identity.conftest import cards, identifiers

Demo = tuple[pa.Table, pa.Table]


@pytest.fixture(scope="module")
def dirty_demo() -> Demo:
    return demo(800, 2.0, seed=11)


def test_the_estimate_is_near_the_truth(model: Model, dirty_demo: Demo) -> None:
    for records, truth in (demo(800, 1.0, seed=5), dirty_demo):
        found = resolve(records, identifiers(), model)
        real = pairwise(truth, found.record_customers)
        assert found.estimate.precision == pytest.approx(real.precision, abs=0.03)
        assert found.estimate.recall == pytest.approx(real.recall, abs=0.06)


def test_what_a_strict_threshold_loses_shows(
    model: Model, dirty_demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, truth = dirty_demo
    usual = resolve(records, identifiers(), model)
    monkeypatch.setattr(resolution, "THRESHOLD", 0.999999)
    strict = resolve(records, identifiers(), model)
    real = [pairwise(truth, found.record_customers).recall for found in (usual, strict)]
    assert real[1] < real[0] - 0.02
    assert strict.estimate.recall < usual.estimate.recall - 0.02


def test_without_pairs_nothing_is_wrong(model: Model) -> None:
    found = resolve(cards({"full_name": "Иванов Иван"}), identifiers(), model)
    assert (found.estimate.precision, found.estimate.recall) == (1.0, 1.0)
    assert found.weights == [0] * (len(WEIGHT_STEPS) + 1)


def test_the_estimate_computed_by_hand() -> None:
    """Three cards of one customer, of whom two contradict each other, and a fourth that may well be theirs."""
    con = duckdb.connect()
    con.execute(
        """
        create table everyone as select i as rid, i as pid from range(1, 5) t(i);
        create table clusters as select i as pid, case when i < 4 then 1 else 4 end as cluster from range(1, 5) t(i);
        create table judged as select * from (values
            (1, 2, 'splink', 0.99, true, null),
            (2, 3, 'splink', 0.9, true, null),
            (1, 3, 'splink', 0.8, false, 'given_name_differs'),
            (3, 4, 'splink', 0.7, false, 'below_threshold'),
            (2, 4, 'splink', 0.6, false, 'name_alone'))
            t(pid_l, pid_r, linked_by, match_probability, is_used, rejected_by)
        """
    )
    # Of 3 pairs: (0.01 + 0.01 + 0.1) × 2 × 2/3 hang by a thread, 1 contradicts; 0.7 × 3 × 1 are lost.
    right = 3 - 0.16 - 1
    found = estimate(con)
    assert found.precision == pytest.approx(right / 3)
    assert found.recall == pytest.approx(right / (right + 2.1))
    con.execute("update judged set linked_by = 'deterministic:phone' where pid_r = 3 and is_used")
    assert estimate(con).precision == pytest.approx((3 - (0.01 + 0.005 + 0.005) * 4 / 3 - 1) / 3)


def test_drift_is_none_for_the_same_little_for_near_and_large_for_other_weights() -> None:
    was = [10, 20, 30, 40, 50, 40, 30, 20, 10, 5, 5]
    near = [11, 19, 33, 38, 49, 42, 29, 21, 9, 5, 6]
    other = was[6:] + was[:6]
    assert drift(was, was) == 0
    assert 0 < (drift(was, near) or 0) < 0.02
    assert (drift(was, other) or 0) > 0.25
    assert drift(was, [2 * n for n in was]) == pytest.approx(0, abs=1e-3)
    assert drift(None, was) is None
    assert drift([MIN_PAIRS - 1], was) is None
