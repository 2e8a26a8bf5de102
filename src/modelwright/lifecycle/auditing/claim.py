"""The claim, and what an audit of it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelwright.core.nouns import Task
from modelwright.core.run import RunRecord
from modelwright.core.tables import Dataset, Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Which columns of which table make the claim, and how it is to be judged."""

    source: str
    truth: str
    prediction: str | None = None
    scores: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    fairness: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    time: str | None = None
    table: str | None = None
    task: Task | None = None
    positive: str | None = None
    metric: str | None = None
    goal: float | None = None
    cut: float = 0.5
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The predictions as a run's record would tell them, so that every rule and page of a run can read them."""

    record: RunRecord
    dataset: Dataset
    y: NDArray[Any]
    predicted: Predictions
    #: whether `predicted` holds probabilities, or scores that only rank
    probabilities: bool
    #: rows left out because the truth or the prediction is missing
    left_out: int
