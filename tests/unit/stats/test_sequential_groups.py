"""Group sequential bounds are the published ones and keep the rate they promise."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.stats.sequential_groups import bounds, spent


def test_the_bounds_of_five_looks_are_the_published_ones() -> None:
    """Lan and DeMets' O'Brien-Fleming type, two-sided 5 %."""
    assert bounds([0.2, 0.4, 0.6, 0.8, 1.0]) == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=0.003)


def test_pocock_spends_earlier() -> None:
    assert bounds([0.2, 0.4, 0.6, 0.8, 1.0], shape="pocock") == pytest.approx([2.44, 2.43, 2.41, 2.40, 2.39], abs=0.02)
    assert spent(1.0, 0.05) == pytest.approx(0.05)
    assert spent(0.0, 0.05) == 0.0


def test_looking_fourteen_times_costs_no_more_than_promised() -> None:
    rng = np.random.default_rng(12)
    paths = np.cumsum(rng.normal(size=(20_000, 14)), axis=1) / np.sqrt(np.arange(1, 15))
    bar = np.array(bounds([k / 14 for k in range(1, 15)]))
    assert 0.042 <= np.mean((np.abs(paths) >= bar).any(axis=1)) <= 0.056
    assert np.mean((np.abs(paths) >= 1.96).any(axis=1)) > 0.18


def test_looks_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="must rise"):
        bounds([0.5, 0.4])
