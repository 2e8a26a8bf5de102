"""Tree-structured Parzen estimator (Bergstra et al. 2011), Optuna's default sampler, made fit for batches."""

from __future__ import annotations

from typing import Any

from modelwright.training.tuners._shared import SearchPlan, StudyTuner, Tuner


def _sampler(plan: SearchPlan) -> Any:
    import warnings

    import optuna

    with warnings.catch_warnings():
        # Optuna marks these two options as experimental; both are what batches of trials need.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=plan.seed, multivariate=True, constant_liar=True, n_startup_trials=8)


PLUGIN: Tuner = StudyTuner(_sampler)
