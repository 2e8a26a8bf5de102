"""Judging candidates on the rows they have not learned from, and choosing among them.

A candidate's score is the mean of its fold scores: each fold is judged by one fitted model, as the final one will
be, and repeats need no special rule. Binary metrics of labels are judged at thresholds chosen on the other folds,
because the final model's threshold is tuned too; a fixed `decision_threshold` is used where one is given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelwright.core.digests import child_seed
from modelwright.core.nouns import Task
from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelwright.training.request import TrainRequest

#: parts into which a single fold's judge rows are divided for cross-fitting
_PARTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Turns raw family outputs into scores of one metric on shared folds."""

    task: Task
    classes: tuple[str, ...]
    y: NDArray[Any]
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
    metric_name: str
    metric: Metric
    decision_threshold: float | None = None
    #: (2, 2) costs of two classes, truth in rows and answers in columns; they set the threshold where given
    costs: NDArray[np.float64] | None = None

    @property
    def tunes_threshold(self) -> bool:
        """Whether the answer depends on a threshold that nobody has fixed."""
        from modelwright.stats.thresholds import OBJECTIVES

        if self.decision_threshold is not None or self.task is not Task.BINARY:
            return False
        return self.costs is not None or (self.metric.needs == "labels" and self.metric_name in OBJECTIVES)

    def better(self, score: float, than: float) -> bool:
        return score > than if self.metric.greater_is_better else score < than

    def gain(self, score: float, over: float) -> float:
        """Signed so that more is better."""
        return score - over if self.metric.greater_is_better else over - score

    def fold_scores(self, raw: Sequence[NDArray[np.float64]]) -> tuple[float, ...]:
        """One score per fold given, in the metric's own direction; raw: family outputs for the judge rows of the
        first folds, in order."""
        scores = []
        told = self.tunes_threshold and self.metric.needs == "labels"
        thresholds = self.thresholds(raw) if told else [self.decision_threshold] * len(raw)
        for (_, rows), values, threshold in zip(self.folds, raw, thresholds, strict=False):
            predictions = as_predictions(self.task, self.classes, values, threshold)
            scores.append(float(self.metric.score(self.y[rows], predictions)))
        return tuple(scores)

    def out_of_fold(self, raw: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The judged rows in ascending order and their predictions, averaged over repeats."""
        import numpy as np

        positions = np.concatenate([rows for _, rows in self.folds])
        values = np.concatenate(list(raw))
        rows, back = np.unique(positions, return_inverse=True)
        total = np.zeros((rows.size, *values.shape[1:]))
        np.add.at(total, back, values)
        counts = np.bincount(back, minlength=rows.size).astype(np.float64)
        return rows, total / counts.reshape(-1, *[1] * (values.ndim - 1))

    def thresholds(self, raw: Sequence[NDArray[np.float64]], seed: int = 0) -> list[NDArray[np.float64]]:
        """For each fold given, shape (its judge rows,): the threshold that other rows would choose for each row."""
        import numpy as np

        from modelwright.stats import thresholds

        found = [np.empty(len(values)) for values in raw]
        for at, held, y, p in self.crossed(raw, seed):
            found[at][held] = thresholds.tune(y, p[:, 1], self.metric_name, seed=seed, costs=self.costs).value
        return found

    def crossed(
        self, raw: Sequence[NDArray[np.float64]], seed: int
    ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[Any], NDArray[np.float64]]]:
        """Cross-fitting: fold, positions within its judge rows, then targets and predictions of other rows only.

        Each fold is served by the rows that the other folds judge (repeats judge a row twice: it serves no fold that
        judges it too); a single fold is served by random parts of itself.
        """
        import numpy as np

        if len(raw) == 1:
            y = self.y[self.folds[0][1]]
            parts = np.random.default_rng(child_seed(seed, "parts")).permutation(y.size) % _PARTS
            for part in range(min(_PARTS, y.size)):
                yield 0, np.flatnonzero(parts == part), y[parts != part], raw[0][parts != part]
            return
        for at, (_, rows) in enumerate(self.folds[: len(raw)]):
            unseen = [np.flatnonzero(~np.isin(judged, rows)) for _, judged in self.folds[: len(raw)]]
            others = [other for other in range(len(raw)) if other != at]
            y = np.concatenate([self.y[self.folds[other][1][unseen[other]]] for other in others])
            p = np.concatenate([raw[other][unseen[other]] for other in others])
            yield at, np.arange(rows.size, dtype=np.int64), y, p


def judge_of(request: TrainRequest) -> Judge:
    """What a request asks to be judged by."""
    from modelwright.evaluation import costs
    from modelwright.evaluation.catalog import resolve

    with costs.charged(request.evaluation.cost, request.classes):  # a caller may not have said what answers cost
        name, metric = resolve(request.metric, request.task)
        matrix = costs.in_force()
    assert request.y is not None
    return Judge(
        task=request.task,
        classes=request.classes,
        y=request.y,
        folds=request.folds,
        metric_name=name,
        metric=metric,
        decision_threshold=request.evaluation.decision_threshold,
        costs=matrix if request.task is Task.BINARY else None,
    )


def as_predictions(
    task: Task,
    classes: tuple[str, ...],
    raw: NDArray[np.float64],
    threshold: float | NDArray[np.float64] | None = None,
) -> Predictions:
    """Family output as predictions; binary labels by the threshold (0.5 by default; or one per row), others by the
    largest probability."""
    import numpy as np

    if task.is_classification:
        if task is Task.BINARY:
            labels = (raw[:, 1] >= (0.5 if threshold is None else threshold)).astype(np.int64)
        else:
            labels = raw.argmax(axis=1).astype(np.int64)
        return Predictions(classes=classes, probabilities=raw, labels=labels)
    if task is Task.CLUSTERING:
        return Predictions(labels=raw.astype(np.int64))
    return Predictions(values=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a choice needs to know of a finished candidate."""

    name: str
    complexity: int
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        return math.fsum(self.scores) / len(self.scores)


def rank(standings: Sequence[Standing], judge: Judge) -> list[Standing]:
    """Best first, but what is within one standard error of the best yields to what is simpler.

    The one-standard-error rule (Breiman et al. 1984) on paired differences: folds are shared, so the noise of easy
    and hard folds cancels. With a single fold there is no error to estimate and the best simply wins.
    """
    order = sorted(standings, key=lambda one: (-judge.gain(one.mean, 0.0), one.complexity, one.name))
    if not order:
        return []
    tied = [one for one in order if _is_tied(one, order[0], judge)]
    chosen = min(tied, key=lambda one: (one.complexity, -judge.gain(one.mean, 0.0), one.name))
    return [chosen, *[one for one in order if one is not chosen]]


def within_noise(scores: Sequence[float], best: Sequence[float], judge: Judge) -> bool:
    """Whether scores of the same folds are no worse than the best, or worse by one standard error at most."""
    one, other = (Standing(name="", complexity=0, scores=tuple(found)) for found in (scores, best))
    return _is_tied(one, other, judge)


def _is_tied(one: Standing, best: Standing, judge: Judge) -> bool:
    behind = [judge.gain(b, a) for a, b in zip(one.scores, best.scores, strict=True)]
    mean = math.fsum(behind) / len(behind)
    if len(behind) < 2 or mean <= 0:
        return mean <= 0
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in behind) / (len(behind) - 1))
    return mean <= spread / math.sqrt(len(behind))
