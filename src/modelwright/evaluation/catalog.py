"""Find a metric by any of its names, and refuse one that does not fit the task, saying which would."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core import plugins
from modelwright.core.errors import SpecError, nearest
from modelwright.core.nouns import Task
from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation import costs
from modelwright.spec import hooks

_HOOK = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")

#: what a report shows for a task, the default primary metric first
DEFAULTS: dict[Task, tuple[str, ...]] = {
    Task.BINARY: (
        "roc_auc",
        "average_precision",
        "f1",
        "precision",
        "recall",
        "accuracy",
        "balanced_accuracy",
        "mcc",
        "log_loss",
        "brier",
    ),
    Task.MULTICLASS: (
        "f1_macro",
        "accuracy",
        "balanced_accuracy",
        "f1_weighted",
        "roc_auc",
        "mcc",
        "log_loss",
    ),
    Task.REGRESSION: ("rmse", "mae", "r2", "median_absolute_error", "mape"),
    Task.CLUSTERING: ("silhouette",),
    Task.ANOMALY: ("anomaly_separation",),
}
_JUDGES = {
    Task.BINARY: "classes",
    Task.MULTICLASS: "classes",
    Task.REGRESSION: "numbers",
    Task.CLUSTERING: "clusters",
    Task.ANOMALY: "anomaly scores",
}
_TARGETS = {
    Task.BINARY: "the target has two classes",
    Task.MULTICLASS: "the target has more than two classes",
    Task.REGRESSION: "the target is a number",
    Task.CLUSTERING: "there is no target: rows are clustered",
    Task.ANOMALY: "there is no target: rows are scored for strangeness",
}


def default_metrics(task: Task) -> tuple[str, ...]:
    """What a report shows for a task, the default primary metric first; the cost where costs are in force."""
    priced = task.is_classification and costs.in_force() is not None
    return (*DEFAULTS[task], "cost") if priced else DEFAULTS[task]


def resolve(name: str | None, task: Task) -> tuple[str, Metric]:
    """The canonical name and the metric; the task's default for None.

    Raises SpecError: `metric.unknown` or `metric.misfit`.
    """
    if name is None:
        name = DEFAULTS[task][0]
    if _HOOK.match(name):
        return name, _custom(name, task)
    known = spellings()
    canonical = known.get(name.strip().lower())
    if canonical is None:
        close = nearest(name, known)
        fits = f"for this target: {', '.join(DEFAULTS[task])}"
        raise SpecError(
            f"There is no metric named '{name}'.",
            code="metric.unknown",
            hint=f"did you mean '{close}'? ({fits})" if close else fits,
            subject="evaluation.metric",
        )
    metric: Metric = plugins.load("metrics", canonical)
    if canonical == "cost" and costs.in_force() is not None:
        metric = costs.CostMetric(matrix=costs.in_force())
    if task not in metric.tasks:
        judged = _JUDGES[sorted(metric.tasks)[0]]
        raise SpecError(
            f"{name} judges {judged}, but {_TARGETS[task]}.",
            code="metric.misfit",
            hint=f"try {', '.join(DEFAULTS[task][:3])}",
            subject="evaluation.metric",
        )
    return canonical, metric


def spellings() -> dict[str, str]:
    """Every accepted name in lower case -> the canonical one."""
    return _spellings(tuple(plugins.names("metrics")))


@lru_cache(maxsize=8)
def _spellings(_names: tuple[str, ...]) -> dict[str, str]:
    # by the names there are: a folder of own metrics may appear while a process lives
    good, _ = plugins.load_all("metrics")
    found = {alias.lower(): name for name, metric in good.items() for alias in metric.aliases}
    return {**found, **{name: name for name in good}}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomMetric:
    """A user's `function(y_true, y_pred) -> float`. y_pred: labels as positions, or values; higher is better
    unless the function carries `greater_is_better = False`; probabilities where it carries
    `needs = "probabilities"`."""

    hook: str
    folder: Path
    function: Callable[..., Any]
    tasks: frozenset[Task]
    greater_is_better: bool
    needs: str
    aliases: tuple[str, ...] = ()

    def score(self, y: NDArray[Any], predictions: Predictions, weight: NDArray[np.float64] | None = None) -> float:
        given = {
            "probabilities": predictions.probabilities,
            "labels": predictions.labels,
            "values": predictions.values,
        }[self.needs]
        if given is None and self.needs == "labels" and predictions.probabilities is not None:
            given = predictions.probabilities.argmax(axis=1)
        if weight is not None:
            # A plain function knows no weights; whole-number weights are rows repeated.
            rows = np.repeat(np.arange(y.size), np.round(weight).astype(np.int64))
            y, given = y[rows], None if given is None else given[rows]
        try:
            return float(self.function(y, given))
        except Exception as error:  # the user's code may raise anything; the user gets one sentence
            raise hooks.failed(self.hook, self.folder, error) from error


def _custom(name: str, task: Task) -> CustomMetric:
    folder = hooks.home()
    found = hooks.resolve(name, folder)
    default = "values" if task in (Task.REGRESSION, Task.ANOMALY) else "labels"
    needs = getattr(found, "needs", default)
    if needs not in ("labels", "probabilities", "values"):
        raise SpecError(
            f"The metric '{name}' needs '{needs}', which is not labels, probabilities or values.",
            code="metric.misfit",
            subject="evaluation.metric",
        )
    better = bool(getattr(found, "greater_is_better", True))
    return CustomMetric(
        hook=name, folder=folder, function=found, tasks=frozenset({task}), greater_is_better=better, needs=needs
    )
