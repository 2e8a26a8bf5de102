"""The report: what a model achieved on named splits, with intervals, against baselines. Pure data."""

from __future__ import annotations

from typing import Any

from modelwright.core.nouns import Estimate, Noun, Task

#: what the judged rows of a run are called
SEALED = "sealed test rows"


class Comparison(Noun, frozen=True, kw_only=True):
    """A paired comparison on the same rows; `difference` is model minus rival, signed so that more is better."""

    against: str
    metric: str
    difference: Estimate
    p_value: float | None = None  # one-sided: the model is not better
    n: int = 0


class SliceResult(Noun, frozen=True, kw_only=True):
    """A metric on the rows that satisfy one condition: one that means the same whatever the group's make-up."""

    condition: str  # `contract = Month-to-month`
    n: int
    share: float
    estimate: Estimate
    difference: float  # signed so that negative is worse than the whole
    metric: str = ""  # empty: the primary metric
    whole: float | None = None  # this metric on all rows; None: the primary metric's value


class Importance(Noun, frozen=True, kw_only=True):
    """What permuting one input column costs, in units of the primary metric (positive: the column helps)."""

    column: str
    value: float
    low: float | None = None
    high: float | None = None


class Report(Noun, frozen=True, kw_only=True):
    task: Task
    metric: str
    greater_is_better: bool
    #: split (`train`, `val`, `test`) -> metric name -> estimate
    metrics: dict[str, dict[str, Estimate]]
    #: baseline name -> metric name -> estimate, on the test split
    baselines: dict[str, dict[str, Estimate]] = {}
    comparisons: tuple[Comparison, ...] = ()
    slices: tuple[SliceResult, ...] = ()
    importances: tuple[Importance, ...] = ()
    #: how often the sealed test rows have been opened, this look included
    looks: int = 1
    #: goal from `evaluation.threshold`, judged on the primary metric's pessimistic bound
    goal: float | None = None
    n_rows: dict[str, int] = {}
    #: decision threshold of a binary model, None otherwise
    decision_threshold: float | None = None
    #: figures' data: name -> JSON value (`roc`, `precision_recall`, `calibration`, `confusion`, `residuals`, ...)
    curves: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    #: what the rows of the split `test` are called: predictions that came with their rows have none that was sealed
    judged_rows: str = SEALED

    @property
    def is_sealed(self) -> bool:
        """Whether the judged rows were kept from everybody until the end."""
        return self.judged_rows == SEALED

    @property
    def primary(self) -> Estimate:
        """The primary metric on the sealed test rows (on `val` where there is no test split)."""
        for split in ("test", "val", "train"):
            found = self.metrics.get(split, {}).get(self.metric)
            if found is not None:
                return found
        raise KeyError(self.metric)
