"""Nested cross-validation: the whole procedure (competition, tuning, calibration, threshold) on every outer fold.

The best score of a competition flatters its winner, because the same folds chose it. Here each fold in turn plays the
unseen rows: everything is done again on its learn rows, with the other folds cut down to them, and what comes out is
judged once. The estimate is of the procedure, not of the one model (Varma and Simon 2006, BMC Bioinformatics 7:91).
"""

from __future__ import annotations

import math
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelwright.core.nouns import Estimate
from modelwright.training.request import Trained, TrainProgress, TrainRequest
from modelwright.training.scoring import Judge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pairs = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]

#: what the model itself may take of the budget
_MODEL_SHARE = 0.5
#: below this many seconds an outer fold would say more about the clock than about the procedure
_LEAST_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outer:
    """One outer fold: rows by position in the whole frame, inner folds by position in `learn`."""

    number: int
    learn: NDArray[np.int64]
    judge: NDArray[np.int64]
    inner: Pairs

    @property
    def prefix(self) -> str:
        return f"outer-{self.number}:"

    @property
    def place(self) -> str:
        """Where its rows lie while it is at work."""
        return f"bench-outer-{self.number}"


def train(request: TrainRequest, judge: Judge, once: Callable[..., Trained]) -> Trained:
    """Train with `once(request, place=...)` in half of the budget, so that the estimate does not cost the model; then
    estimate the procedure in what is left, with an equal share for each outer fold."""
    started = time.monotonic()
    outer = outer_folds(judge)
    own = None if request.replay is None else tuple(name for name in request.replay if not name.startswith("outer-"))
    main = once(replace(request, replay=own, budget_s=request.budget_s * (_MODEL_SHARE if outer else 1.0)))
    if not outer:
        return replace(main, notes=(*main.notes, "nested: left out, it takes three folds or more"))
    if main.interrupted:
        return main
    rounds: list[tuple[_Outer, Trained, float]] = []
    interrupted = False
    for place, fold in enumerate(outer):
        share_s = (request.budget_s - (time.monotonic() - started)) / (len(outer) - place)
        wanted = _replayed(request, fold)
        if wanted == () or (wanted is None and share_s < _LEAST_S):
            continue
        try:
            title = f"outer fold {place + 1} of {len(outer)}"
            found = once(_inside(request, fold, share_s, title, wanted), place=fold.place)
        except KeyboardInterrupt:
            interrupted = True
            break
        finally:
            shutil.rmtree(request.cache / fold.place, ignore_errors=True)
        interrupted = found.interrupted
        if interrupted:
            break
        answers = found.model.predict(request.frame[fold.judge])
        rounds.append((fold, found, float(judge.metric.score(judge.y[fold.judge], answers))))
    return replace(
        main,
        nested=_estimate(rounds, request.evaluation.level),
        plan=(*main.plan, *(f"{fold.prefix}{name}" for fold, found, _ in rounds for name in found.plan)),
        notes=(*main.notes, _note(rounds, len(outer), judge, request), *(["interrupted"] if interrupted else [])),
        timings_s={**main.timings_s, "total": round(time.monotonic() - started, 3)},
        interrupted=interrupted,
    )


def outer_folds(judge: Judge) -> list[_Outer]:
    """Each fold with the others cut down to its learn rows; those of other repeats and hollow ones left out."""
    import numpy as np

    found = []
    for number, (learn, judged) in enumerate(judge.folds):
        position = np.full(judge.y.size, -1, dtype=np.int64)
        position[learn] = np.arange(learn.size)
        inner = []
        for other, (inner_learn, inner_judge) in enumerate(judge.folds):
            if other == number or np.isin(inner_judge, judged).any():
                continue
            parts = tuple(np.sort(part[part >= 0]) for part in (position[inner_learn], position[inner_judge]))
            if all(part.size for part in parts) and _knows_all(judge, judge.y[learn], parts[0]):
                inner.append((parts[0], parts[1]))
        if inner:
            found.append(_Outer(number=number, learn=learn, judge=judged, inner=inner))
    return found


def _knows_all(judge: Judge, y: NDArray[np.int64], rows: NDArray[np.int64]) -> bool:
    import numpy as np

    return not judge.task.is_classification or np.unique(y[rows]).size == len(judge.classes)


def _replayed(request: TrainRequest, fold: _Outer) -> tuple[str, ...] | None:
    if request.replay is None:
        return None
    return tuple(name.removeprefix(fold.prefix) for name in request.replay if name.startswith(fold.prefix))


def _inside(
    request: TrainRequest, fold: _Outer, share_s: float, title: str, replay: tuple[str, ...] | None
) -> TrainRequest:
    """The same request on the learn rows of an outer fold."""

    def told(event: TrainProgress) -> None:
        request.progress(replace(event, message=f"{title}: {event.message}"))

    assert request.y is not None
    return replace(
        request,
        frame=request.frame[fold.learn],
        y=request.y[fold.learn],
        folds=fold.inner,
        budget_s=max(share_s, 1e-3),
        replay=replay,
        progress=told,
    )


def _estimate(rounds: Sequence[tuple[_Outer, Trained, float]], level: float) -> Estimate | None:
    """Mean over the outer folds; the Student interval is widened because folds learn from the same rows: variance
    s^2 (1/k + judged/learned) of Nadeau and Bengio (2003), Machine Learning 52."""
    if not rounds:
        return None
    scores = [score for _, _, score in rounds]
    mean = math.fsum(scores) / len(scores)
    n = sum(fold.judge.size for fold, _, _ in rounds)
    method = f"mean of {len(scores)} outer folds"
    if len(scores) < 2:
        return Estimate(value=mean, level=level, n=n, method=method)
    from scipy.special import stdtrit

    ratio = n / sum(fold.learn.size for fold, _, _ in rounds)
    spread = statistics.stdev(scores) * math.sqrt(1 / len(scores) + ratio)
    half = float(stdtrit(len(scores) - 1, 0.5 + level / 2)) * spread
    return Estimate(value=mean, low=mean - half, high=mean + half, level=level, n=n, method=method)


def _note(rounds: Sequence[tuple[_Outer, Trained, float]], asked: int, judge: Judge, request: TrainRequest) -> str:
    found = _estimate(rounds, request.evaluation.level)
    if found is None:
        return "nested: no outer fold could be finished; give training.budget_s more room"
    times = Counter(trained.chosen_family for _, trained, _ in rounds)
    chosen = ", ".join(f"{family} {count} x" for family, count in sorted(times.items(), key=lambda one: -one[1]))
    interval = "" if found.low is None else f" ({found.low:.4f} to {found.high:.4f})"
    many = f"{len(rounds)} outer folds" if len(rounds) == asked else f"{len(rounds)} of {asked} outer folds"
    score = f"{judge.metric_name} {found.value:.4f}{interval}"
    return f"nested: the whole procedure scores {score} on {many}; chosen: {chosen}"
