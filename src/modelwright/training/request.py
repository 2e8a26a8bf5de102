"""What training is asked and what it answers: plain data, so that any caller can ask for the same thing twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.nouns import Estimate, LeaderboardRow, Schema, Task
from modelwright.core.tables import Predictions
from modelwright.spec.model import EvaluationSpec, ExecutionSpec, FeaturesSpec, ModelSpec, TuningSpec

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from modelwright.registry.model import Model
    from modelwright.training.candidates import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainProgress:
    """One moment of training, for people: what was just finished, the best so far, what is left."""

    message: str
    done: int  # units finished
    best_family: str = ""
    best_score: float | None = None
    time_left_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file that `training.bench.write_table` wrote of exactly this frame, and that nobody writes into any more."""

    file: Path
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """Everything that determines the result, and the few things that only bound the effort.

    `frame` holds the development rows (train and val) and no others: test rows never reach training. `y` is int64
    class positions, float64 values, or None without a target. `folds` are (learn, judge) int64 row positions into
    `frame`, shared by all candidates.
    """

    frame: pl.DataFrame
    schema: Schema
    task: Task
    metric: str  # canonical name; ignored without a target
    cache: Path  # finished units live here, so that a killed run resumes
    stored: Stored | None = None  # `frame` as a file, so that workers need no other; of another frame, it is ignored
    y: NDArray[Any] | None = None
    classes: tuple[str, ...] = ()
    positive: str | None = None
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]] = ()
    features: FeaturesSpec = field(default_factory=FeaturesSpec)
    model: ModelSpec = field(default_factory=ModelSpec)
    tuning: TuningSpec | None = None
    evaluation: EvaluationSpec = field(default_factory=EvaluationSpec)
    budget_s: float = 60.0
    #: share of the whole budget that was taken out of `budget_s` before; who competes depends on the whole
    taken_share: float = 0.0
    memory_bytes: int = 4 << 30
    seed: int = 0
    workers: int | None = None  # None: one per core, as cgroup and affinity allow
    execution: ExecutionSpec = field(default_factory=ExecutionSpec)  # where units run; never what comes out
    early_stopping: bool = True
    code_digest: str = ""  # names the code and libraries; part of every unit's key
    base_dir: Path = field(default_factory=Path)  # where `module:function` hooks are looked up
    replay: tuple[str, ...] | None = None  # names of units: run exactly these, whatever the clock says
    progress: Callable[[TrainProgress], None] = field(default=lambda _event: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The chosen model refit on all development rows, and the evidence for the choice.

    `oof` holds the chosen candidate's out-of-fold predictions (calibrated by the other folds) for the development
    rows in `oof_rows` (ascending); empty where there are no folds.
    """

    model: Model
    leaderboard: tuple[LeaderboardRow, ...]
    trials: tuple[dict[str, Any], ...]
    oof: Predictions
    oof_rows: NDArray[np.int64]
    baselines: Mapping[str, Model]
    pipeline: tuple[str, ...]  # feature steps of the chosen model, in order, for people
    plan: tuple[str, ...]  # names of the finished units, in the planned order; give it back as `replay`
    chosen_family: str
    chosen_params: dict[str, Any]
    #: what the whole procedure scores on rows that had no part in any choice; only where `evaluation.cv.nested`
    nested: Estimate | None = None
    notes: tuple[str, ...] = ()
    timings_s: Mapping[str, float] = field(default_factory=dict)
    interrupted: bool = False
    #: the second product: one quick model on all rows, and its candidate's name; None where the first is a single
    #: model already
    fast: Model | None = None
    fast_name: str = ""
    #: mean fold scores of `best`, `fast` and the `plain` model, where there are two products
    scores: Mapping[str, float] = field(default_factory=dict)
    #: what was chosen, so that it can be fit again under a change; None without a target
    candidate: Candidate | None = None
