"""Every combination of the listed choices, ranges cut into four points each, in an order drawn with the seed."""

from __future__ import annotations

import math
from typing import Any

from modelwright.training.tuners._shared import SearchPlan, StudyTuner, Tuner, grid_points


def _combinations(plan: SearchPlan) -> list[dict[str, Any]]:
    """As many different combinations as there are trials; the grid is counted through, never written out whole."""
    import numpy as np

    names = sorted(plan.space)
    points = [grid_points(plan.space[name]) for name in names]
    size = math.prod(len(values) for values in points)
    rng = np.random.default_rng(plan.seed)
    numbers = rng.permutation(size) if size <= 1_000_000 else np.unique(rng.integers(0, size, 2 * plan.trials))
    return [_combination(int(number), names, points) for number in numbers[: plan.trials]]


def _combination(number: int, names: list[str], points: list[list[Any]]) -> dict[str, Any]:
    found = {}
    for name, values in zip(names, points, strict=True):
        number, at = divmod(number, len(values))
        found[name] = values[at]
    return found


def _sampler(plan: SearchPlan) -> Any:
    # Optuna's own grid sampler stops its study at the end, which works inside `optimize` only: combinations are
    # queued instead, and its sampler is never asked.
    import optuna

    return optuna.samplers.RandomSampler(seed=plan.seed)


PLUGIN: Tuner = StudyTuner(_sampler, _combinations)
