"""Independent random draws from the space: hard to beat in many dimensions with few trials."""

from __future__ import annotations

from typing import Any

from modelwright.training.tuners._shared import SearchPlan, StudyTuner, Tuner


def _sampler(plan: SearchPlan) -> Any:
    import optuna

    return optuna.samplers.RandomSampler(seed=plan.seed)


PLUGIN: Tuner = StudyTuner(_sampler)
