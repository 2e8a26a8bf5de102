"""What is at hand once the sealed rows are open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelwright.core.report import Importance
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset, Predictions
from modelwright.evaluation.effort import Effort
from modelwright.spec.model import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelwright.lifecycle.stages.learn import Learned
    from modelwright.lifecycle.stages.partition import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The model, the development rows, and the sealed rows once they are open. y: class positions or values."""

    partition: Partition
    learned: Learned
    spec: Spec
    problem: Problem
    metric: str
    sealed: Dataset
    y: NDArray[Any]
    predicted: Predictions
    importances: tuple[Importance, ...] = ()
    effort: Effort = field(default_factory=Effort)

    @property
    def seed(self) -> int:
        return self.spec.training.seed

    @property
    def level(self) -> float:
        return self.spec.evaluation.level
