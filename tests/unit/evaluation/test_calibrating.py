from __future__ import annotations

import numpy as np

from modelwright.core.tables import Predictions
from modelwright.evaluation.calibrating import calibration_of
from modelwright.stats import calibration
from modelwright.stats.calibration import Calibrator


def _skewed(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three classes whose probabilities favour the first, as after oversampling: no temperature mends that."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet([1.0, 2.0, 3.0], size=n)
    y = np.minimum((true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), 2)
    wrong = true * [4.0, 1.0, 0.5]
    return wrong / wrong.sum(axis=1, keepdims=True), y


def test_classes_that_were_weighted_are_set_right_by_vector_scaling() -> None:
    p, y = _skewed(1500, 0)
    fitted = calibration.fit(p, y)
    assert fitted.method == "vector"
    fresh, truth = _skewed(5000, 1)
    assert calibration.error_of(fitted.apply(fresh), truth) < 0.5 * calibration.error_of(fresh, truth)
    assert Calibrator.restore(fitted.state()) == fitted
    assert fitted.errors is not None
    assert fitted.errors[1] < fitted.errors[0]


def test_before_and_after_are_told() -> None:
    p, y = _skewed(1500, 2)
    fitted = calibration.fit(p, y)
    found = calibration_of(fitted, Predictions(classes=("a", "b", "c"), probabilities=fitted.apply(p)), y)
    assert found is not None
    assert found.method == "vector"
    assert found.error < found.error_raw
    assert found.loss < found.loss_raw
    raw = calibration_of(None, Predictions(classes=("a", "b", "c"), probabilities=p), y)
    assert raw is not None
    assert (raw.method, raw.error, raw.loss) == ("raw", raw.error_raw, raw.loss_raw)
    assert calibration_of(None, Predictions(values=y * 1.0), y) is None
