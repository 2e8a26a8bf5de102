"""Flipped labels are counted; hard and honest problems are not called noisy."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.datasets
from numpy.typing import NDArray

from modelwright.stats import association, label_noise


def _estimate(X: NDArray[np.float64], y: NDArray[np.int64]) -> label_noise.LabelNoise:
    k, fold = int(y.max()) + 1, association.folds(y.size, 0)
    forest = association.together(X, y, k, fold, [])
    return label_noise.estimate(y, forest, label_noise.linear_probabilities(X, y, k, fold, ()))


@pytest.mark.parametrize("name", ["breast_cancer", "digits"])
@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_the_rate_of_flipped_labels_is_found_and_the_rows_named(name: str, rate: float) -> None:
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    X, y = bunch.data[:900].astype(float), bunch.target[:900].astype(np.int64)
    rng = np.random.default_rng(1)
    flipped = rng.random(y.size) < rate
    noisy = np.where(flipped, (y + rng.integers(1, y.max() + 1, y.size)) % (y.max() + 1), y)
    found = _estimate(X, noisy)
    assert found.low >= 0.015
    assert found.low - 0.03 <= flipped.mean() <= found.high + 0.03
    named = found.wrong > 0.5
    assert flipped[named].mean() > 0.75
    assert named[flipped].mean() > 0.5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_overlap_of_classes_is_no_noise(seed: int, slope: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(1000, 6))
    y = (rng.random(1000) < 1 / (1 + np.exp(-slope * (X[:, 0] + X[:, 1] - X[:, 2])))).astype(np.int64)
    found = _estimate(X, y)
    assert found.low < 0.015 or found.evidence < label_noise.SURE


def test_the_hard_but_honest_table_is_no_noise() -> None:
    bunch = sklearn.datasets.load_diabetes()
    found = _estimate(bunch.data, (bunch.target > np.median(bunch.target)).astype(np.int64))
    assert found.low < 0.015


def test_classes_that_miss_from_a_fold_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.repeat([0, 1], 30)
    fold = np.repeat([0, 1], [31, 29])
    assert label_noise.linear_probabilities(X, y, 2, fold, ()).shape == (60, 2)
