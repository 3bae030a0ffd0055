"""The label-free estimate against the truth it does not see; the distribution of match weights."""

import pyarrow as pa
import pytest

from benchmarks.linkage.sets import demo
from dagster_project.identity import pairwise, resolution, resolve
from dagster_project.identity.estimate import MIN_PAIRS, WEIGHT_STEPS, drift
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
        assert found.estimate.recall == pytest.approx(real.recall, abs=0.05)


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
