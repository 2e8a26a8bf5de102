from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss

from modelwright.core.errors import ModelError
from modelwright.stats import calibration, thresholds
from modelwright.stats.calibration import Calibrator


def overconfident(n: int, seed: int, k: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * 1.5
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    sharp = np.exp(3 * logits)
    return sharp / sharp.sum(axis=1, keepdims=True), y


@pytest.mark.parametrize(("n", "k"), [(400, 2), (6000, 2), (1500, 5)])
def test_overconfidence_is_cured_on_new_rows(n: int, k: int) -> None:
    p, y = overconfident(n, 0, k)
    fitted = calibration.fit(p, y)
    fresh, truth = overconfident(4000, 1, k)
    assert fitted.method != "identity"
    assert log_loss(truth, fitted.apply(fresh)) < log_loss(truth, fresh)
    assert np.allclose(fitted.apply(fresh).sum(axis=1), 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_honest_probabilities_are_hardly_touched(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q = rng.random(1500)
    y = (rng.random(1500) < q).astype(int)
    p = np.column_stack([1 - q, q])
    assert log_loss(y, calibration.fit(p, y).apply(p)) <= log_loss(y, p) + 1e-9


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("identity", ()),
        ("platt", (0.4, -0.1)),
        ("beta", (0.5, 0.7, 0.1)),
        ("isotonic", (0.1, 0.5, 0.9, 0.2, 0.4, 0.7)),
        ("temperature", (2.0,)),
        ("vector", (0.8, 1.2, 0.1, -0.1)),
    ],
)
def test_state_row_and_table_agree(method: str, parameters: tuple[float, ...]) -> None:
    one = Calibrator(method=method, parameters=parameters)
    again = Calibrator.restore(one.state())
    q = np.array([0.0, 1e-9, 0.1, 0.3, 0.5, 0.77, 1.0])
    p = np.column_stack([1 - q, q])
    table, row = one.apply(p), again.row()
    assert np.allclose(table, [row(list(line)) for line in p], atol=1e-12)
    assert np.allclose(table, again.apply(p), atol=0)
    assert (np.diff(table[:, 1]) >= 0).all()


@pytest.mark.parametrize(
    "state",
    [
        {"method": "magic"},
        {"method": "platt", "parameters": [1.0]},
        {"method": "temperature", "parameters": [-1.0]},
        {"method": "beta", "parameters": [1.0, float("nan"), 0.0]},
        {"method": "isotonic", "parameters": [0.5, 0.1, 0.2, 0.4]},
    ],
)
def test_a_damaged_state_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=r"calibrator"):
        Calibrator.restore(state)


def test_few_rows_are_left_alone() -> None:
    p, y = overconfident(40, 0)
    assert calibration.fit(p, y).method == "identity"


def test_the_threshold_beats_a_half_on_new_rows() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(1, 6, 8000)
    y = (rng.random(8000) < p).astype(int)
    found = thresholds.tune(y[:4000], p[:4000], "f1")
    tuned = f1_score(y[4000:], p[4000:] >= found.value)
    assert tuned > f1_score(y[4000:], p[4000:] >= 0.5)
    assert found.score == pytest.approx(tuned, abs=0.05)


def test_a_threshold_without_gain_stays_a_half() -> None:
    y = np.array([0, 1] * 5)
    assert thresholds.tune(y, y.astype(float)).value == 0.5


def test_costs_give_elkans_threshold() -> None:
    assert thresholds.by_cost(1.0, 9.0) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="positive"):
        thresholds.by_cost(0.0, 1.0)


def test_many_rows_are_drawn_class_by_class_and_change_next_to_nothing() -> None:
    rng = np.random.default_rng(21)
    n = 4 * calibration.MOST_ROWS
    truth = rng.beta(0.6, 6.0, n)  # rare positives
    y = (rng.random(n) < truth).astype(np.int64)
    p = truth**2 / (truth**2 + (1 - truth) ** 2)  # overconfident
    raw = np.column_stack([1 - p, p])
    few, again = (calibration.fit(raw, y, seed=3) for _ in range(2))
    assert few == again
    assert few.n == calibration.MOST_ROWS
    fixed = few.apply(raw)[:, 1]
    assert abs(float(fixed.mean()) - float(y.mean())) < 0.003
    assert calibration.expected_error(fixed, y) < 0.2 * calibration.expected_error(p, y)
    one = calibration.fit_as("platt", raw, y, seed=3)
    assert one.method == "platt"
    assert one.losses is None
