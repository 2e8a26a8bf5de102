"""Conformal intervals and sets keep what they promise, and survive being written and read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modelwright.stats import conformal


def test_intervals_cover_what_was_asked_for() -> None:
    covered = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        predicted = rng.uniform(1, 10, 1500)
        y = predicted + rng.normal(size=1500) * predicted * 0.2
        learned = conformal.fit_intervals(y[:1000], predicted[:1000], 0.9)
        low, high = learned.interval(predicted[1000:])
        covered.append(((y[1000:] >= low) & (y[1000:] <= high)).mean())
    assert 0.89 < np.mean(covered) < 0.915
    assert learned.scales  # errors grow with the answer, and the intervals with them


def test_sets_cover_every_class() -> None:
    rng = np.random.default_rng(0)
    y = rng.choice(3, 6000, p=[0.8, 0.15, 0.05])
    scores = np.eye(3)[y] * 1.5 + rng.gumbel(size=(6000, 3)) + np.log([0.8, 0.15, 0.05])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    learned = conformal.fit_sets(y[:4000], p[:4000], 0.9)
    inside = learned.members(p[4000:])
    covered = inside[np.arange(2000), y[4000:]]
    for position in range(3):
        assert covered[y[4000:] == position].mean() > 0.8
    assert inside.any(axis=1).all()


def test_state_comes_back_and_nonsense_does_not() -> None:
    rng = np.random.default_rng(0)
    learned = conformal.fit_intervals(rng.normal(size=100), np.zeros(100), 0.9)
    assert conformal.restore(json.loads(json.dumps(learned.state()))) == learned
    for broken in ({}, {**learned.state(), "quantiles": []}, {**learned.state(), "scales": [1.0, -1.0]}, []):
        with pytest.raises(ValueError, match="uncertainty"):
            conformal.restore(broken)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="too few"):
        conformal.fit_intervals(np.zeros(5), np.zeros(5), 0.9)
    constant = conformal.fit_intervals(np.ones(1000), np.ones(1000), 0.9)
    assert constant.interval(np.ones(2))[0].tolist() == [1.0, 1.0]
