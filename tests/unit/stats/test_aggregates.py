"""Rates made of the labels of their own rows are told from honest rates, with and without the groups."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from modelwright.stats import aggregates, fractions

Values = NDArray[np.float64]
_LEAKS = {"mean": 0.0, "smoothed": 5.0, "hardly smoothed": 1.0}


def _groups(seed: int, n: int) -> tuple[Values, Values, NDArray[np.int64]]:
    """y, chances and groups of about six rows."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n // 6, n)
    chance = 1 / (1 + np.exp(-rng.normal(-0.5, 1.0, n // 6)[group] - rng.normal(size=n)))
    return (rng.random(n) < chance).astype(float), chance, group


def _rate(y: Values, group: NDArray[np.int64], weight: float, prior: float) -> Values:
    return np.asarray(((np.bincount(group, weights=y) + weight * prior) / (np.bincount(group) + weight))[group])


def _sealed(y: Values, seed: int) -> Values:
    return np.where(np.random.default_rng(seed).random(y.size) < 0.15, np.nan, y)


@pytest.mark.parametrize("name", _LEAKS)
@pytest.mark.parametrize("n", [570, 4000])
def test_rates_of_own_labels_without_their_groups(name: str, n: int) -> None:
    y, _, group = _groups(n, n)
    _, group = np.unique(group, return_inverse=True)
    value = _rate(y, group, _LEAKS[name], float(y.mean()))
    for scale in (1.0, 100.0, *([] if _LEAKS[name] else [1.0 / float(y.mean())])):
        found = fractions.own_labels(value * scale, _sealed(y, 1), np.ones(n, dtype=bool))
        assert found is not None
        assert found.structured
        assert found.weight == _LEAKS[name]
        assert found.odds > 3 or found.excess > 6


@pytest.mark.parametrize("n", [570, 4000])
def test_rates_of_other_labels_pass(n: int) -> None:
    y, chance, group = _groups(n, n)
    _, group = np.unique(group, return_inverse=True)
    rng = np.random.default_rng(3)
    past = (rng.random(n) < chance).astype(float)
    honest = {
        "past, same groups": _rate(past, group, 0.0, 0.0),
        "past, smoothed": _rate(past, group, 5.0, float(past.mean())),
        "calibrated": chance.round(2),
        "thirds": rng.integers(0, 4, n) / 3.0,
    }
    for value in honest.values():
        found = fractions.own_labels(value, _sealed(y, 1), np.ones(n, dtype=bool))
        assert found is None or (found.odds < 0 and found.excess < 6)


def test_not_a_fraction() -> None:
    y, _, _ = _groups(0, 600)
    every = np.ones(600, dtype=bool)
    assert fractions.own_labels(np.random.default_rng(0).normal(size=600), y, every) is None
    assert fractions.own_labels(np.full(600, np.nan), y, every) is None
    assert fractions.own_labels(np.full(600, 0.5), y, every) is None


@pytest.mark.parametrize("heavy", [False, True])
def test_means_of_numbers_over_few_rows(heavy: bool) -> None:
    rng = np.random.default_rng(5)
    group = np.unique(rng.integers(0, 160, 800), return_inverse=True)[1]
    noise = rng.standard_t(2.5, 1600) if heavy else rng.normal(size=1600)
    y, past = rng.normal(size=160)[group] + noise[:800], rng.normal(size=160)[group] + noise[800:]
    own, tail, _ = aggregates.calibration_excess(_rate(y, group, 0.0, 0.0), _sealed(y, 2), False)
    assert own < 0.4
    assert tail < -6
    other, tail, _ = aggregates.calibration_excess(_rate(past, group, 0.0, 0.0), _sealed(y, 2), False)
    assert other > 0.6
    assert tail > -6
