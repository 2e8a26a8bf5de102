from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from modelwright.core.tables import Predictions
from modelwright.evaluation.comparison import compare
from modelwright.evaluation.scores import estimate, time_blocks


def _binary(p: np.ndarray, cut: float = 0.5) -> Predictions:
    return Predictions(
        classes=("no", "yes"), probabilities=np.column_stack([1 - p, p]), labels=(p >= cut).astype(np.int64)
    )


def test_rows_of_one_group_widen_every_interval() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 25)
    z = rng.normal(size=40)[group] + 0.3 * rng.normal(size=1000)
    y = (rng.random(1000) < 1 / (1 + np.exp(-2 * z))).astype(np.int64)
    predicted = _binary(1 / (1 + np.exp(-rng.normal(size=40)[group] - z)))
    names = ("roc_auc", "average_precision", "f1", "accuracy", "mcc", "log_loss", "brier")
    alone, together = (estimate(y, predicted, names, clusters=groups) for groups in (None, group))
    for name in names:
        assert together[name].value == alone[name].value
        assert together[name].high - together[name].low > 1.3 * (alone[name].high - alone[name].low), name


def test_groups_of_one_row_are_rows_and_one_group_is_no_interval() -> None:
    rng = np.random.default_rng(1)
    y, predicted = rng.normal(size=60), Predictions(values=rng.normal(size=60))
    assert estimate(y, predicted, ["rmse"], clusters=np.arange(60)) == estimate(y, predicted, ["rmse"])
    found = estimate(y, predicted, ["rmse"], clusters=np.zeros(60))["rmse"]
    assert found.low is None
    assert "one group" in found.method
    assert compare(y, predicted, predicted, "rmse", against="x", clusters=np.zeros(60)).difference.low is None


def test_time_blocks_are_neighbours() -> None:
    blocks = time_blocks(1000)
    assert (np.diff(blocks) >= 0).all()
    assert np.unique(blocks).size == 32


def test_a_heavy_tail_is_said_in_the_method() -> None:
    rng = np.random.default_rng(2)
    y = rng.standard_t(2.1, 2000)
    found = estimate(y, Predictions(values=np.zeros(2000)), ["rmse"])["rmse"]
    assert "tail" in found.method
    assert found.high > 1.1 * found.value


def test_average_precision_has_influences_that_predict_its_spread() -> None:
    rng = np.random.default_rng(3)
    values, widths = [], []
    for seed in range(200):
        y = (rng.random(600) < 0.2).astype(np.int64)
        p = 1 / (1 + np.exp(-rng.normal(size=600) - 1.5 * y))
        found = estimate(y, _binary(p), ["average_precision"], seed=seed)["average_precision"]
        values.append(found.value)
        widths.append(found.high - found.low)
    assert found.value == pytest.approx(average_precision_score(y, p))
    assert np.mean(widths) == pytest.approx(3.92 * np.std(values), rel=0.15)


def test_average_precision_is_compared_quickly_on_many_rows() -> None:
    rng = np.random.default_rng(4)
    y = (rng.random(100_000) < 0.1).astype(np.int64)
    p, q = (1 / (1 + np.exp(-rng.normal(size=100_000) - gain * y)) for gain in (1.5, 1.0))
    started = time.process_time()
    found = compare(y, _binary(p), _binary(q), "average_precision", against="rival")
    assert time.process_time() - started < 1.5
    assert found.difference.low > 0
    assert found.p_value < 0.001


def test_a_class_answered_twice_is_not_known_for_certain() -> None:
    y = np.array([0] * 100 + [1] * 90 + [2] * 10)
    labels = y.copy()
    labels[192:] = 0
    labels[:5] = 1
    found = estimate(y, Predictions(classes=("a", "b", "c"), labels=labels), ["precision"])["precision"]
    assert "sparse" in found.method
    assert found.low < 0.9
