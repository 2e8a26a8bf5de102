"""Greedy weighted ensembles of candidates, chosen on out-of-fold predictions.

Forward selection with replacement (Caruana et al. 2004, "Ensemble selection from libraries of models"): start from the
best candidate, add the one that helps most, again and again; the counts are the weights. Afterwards members that do
not pay for their latency are dropped: each costs every future prediction time and every bundle bytes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwright.core.digests import child_seed
from modelwright.training.scoring import Judge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: one array per fold, the family's output for that fold's judge rows
    Raw = Sequence[NDArray[np.float64]]

#: most picks, and the least weight a member may have: with 25 picks of AutoGluon's 40 the last ones weigh 4 %
_PICKS = 25
_LEAST_WEIGHT = 0.02
#: a member is dropped when the ensemble without it keeps this share of the gain over the best candidate alone
_KEPT_GAIN = 0.98
#: rows on which the selection is made; more change the weights by less than their own noise
_MOST_ROWS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Weights by candidate, largest first (they add up to 1), and the out-of-fold predictions they make."""

    weights: Mapping[str, float]
    raw: Raw
    scores: tuple[float, ...]  # one per fold, in the metric's own direction
    notes: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        return math.fsum(self.scores) / len(self.scores)


def greedy(candidates: Mapping[str, Raw], judge: Judge, seed: int) -> Blend:
    """The weighted ensemble of these candidates, given in a fixed order. Deterministic."""
    names = list(candidates)
    parts = _samples(judge, seed)
    loss = _loss(judge, parts)
    drawn = {name: [raw[rows] for raw, rows in zip(candidates[name], parts, strict=True)] for name in names}
    alone = {name: loss(drawn[name]) for name in names}
    names = [name for name in names if math.isfinite(alone[name])] or names[:1]
    best = min(names, key=lambda name: alone[name])
    counts = _select(names, drawn, loss, best)
    weights = _weights(counts)
    weights = _pruned(weights, drawn, loss, alone[best])
    raw = blended(candidates, weights)
    return Blend(weights=weights, raw=raw, scores=judge.fold_scores(raw))


def uniform(candidates: Mapping[str, Raw], judge: Judge) -> Blend:
    """Every candidate with the same weight."""
    weights = {name: 1.0 / len(candidates) for name in candidates}
    raw = blended(candidates, weights)
    return Blend(weights=weights, raw=raw, scores=judge.fold_scores(raw))


def stacked(candidates: Mapping[str, Raw], judge: Judge) -> Blend:
    """Non-negative weights by least squares on out-of-fold predictions (Breiman 1996, "Stacked regressions"), scaled
    to add up to 1: linear, so that it is exact in every scorer and no second model sees a row's own target."""
    import numpy as np
    from scipy.optimize import nnls

    names = list(candidates)
    truth = [judge.y[rows] for _, rows in judge.folds]
    if judge.task.is_classification:
        width = len(judge.classes)
        target = np.concatenate([np.eye(width)[y].ravel() for y in truth])
    else:
        target = np.concatenate(truth).astype(np.float64)
    columns = [np.concatenate([np.asarray(part).ravel() for part in candidates[name]]) for name in names]
    found, _ = nnls(np.column_stack(columns), target)
    total = float(found.sum())
    raw_weights = found / total if total > 0 else np.full(len(names), 1.0 / len(names))
    weights = _normalised(dict(zip(names, raw_weights.tolist(), strict=True)))
    raw = blended(candidates, weights)
    return Blend(weights=weights, raw=raw, scores=judge.fold_scores(raw))


def blended(candidates: Mapping[str, Raw], weights: Mapping[str, float]) -> list[NDArray[np.float64]]:
    """The weighted mean per fold, added in the order of the weights, as the model adds its members."""
    from modelwright.registry.model import weighted

    folds = len(next(iter(candidates.values())))
    return [weighted([candidates[name][fold] for name in weights], list(weights.values())) for fold in range(folds)]


# ---------------------------------------------------------------- selection


def _select(names: Sequence[str], drawn: Mapping[str, Raw], loss: Callable[[Raw], float], best: str) -> dict[str, int]:
    """Counts by name. Ties go to the candidate that is in already, then to the earlier one."""
    counts = Counter({best: 1})
    total = [part.copy() for part in drawn[best]]
    kept, kept_loss = dict(counts), loss(total)
    for picks in range(1, _PICKS):
        tried = []
        for at, name in enumerate(names):
            mean = [(so_far + more) / (picks + 1) for so_far, more in zip(total, drawn[name], strict=True)]
            tried.append((loss(mean), 0 if name in counts else 1, at, name))
        value, _, _, name = min(tried)
        if not math.isfinite(value):
            break
        counts[name] += 1
        total = [so_far + more for so_far, more in zip(total, drawn[name], strict=True)]
        if value < kept_loss:
            kept, kept_loss = dict(counts), value
    return kept


def _weights(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return _normalised({name: count / total for name, count in counts.items()})


def _normalised(weights: Mapping[str, float]) -> dict[str, float]:
    """Without what weighs next to nothing; largest first, ties by name."""
    kept = {name: weight for name, weight in weights.items() if weight >= _LEAST_WEIGHT} or dict(weights)
    total = math.fsum(kept.values())
    order = sorted(kept, key=lambda name: (-kept[name], name))
    return {name: kept[name] / total for name in order}


def _pruned(
    weights: dict[str, float], drawn: Mapping[str, Raw], loss: Callable[[Raw], float], alone: float
) -> dict[str, float]:
    """Drop members, the cheapest loss first, as long as the rest keeps nearly all of the gain."""
    gain = alone - loss(blended(drawn, weights))
    while len(weights) > 1 and gain > 0:
        without = [_normalised({other: w for other, w in weights.items() if other != name}) for name in weights]
        losses = [loss(blended(drawn, each)) for each in without]
        at = min(range(len(losses)), key=lambda one: losses[one])
        if alone - losses[at] < _KEPT_GAIN * gain:
            break
        weights = without[at]
    return weights


# ---------------------------------------------------------------- what is made small


def _samples(judge: Judge, seed: int) -> list[NDArray[np.int64]]:
    """For each fold the positions among its judge rows on which weights are chosen."""
    import numpy as np

    total = sum(rows.size for _, rows in judge.folds)
    rng = np.random.default_rng(child_seed(seed, "ensemble"))
    parts = []
    for _, rows in judge.folds:
        many = rows.size if total <= _MOST_ROWS else max(1, rows.size * _MOST_ROWS // total)
        parts.append(np.sort(rng.permutation(rows.size)[:many]))
    return parts


def _loss(judge: Judge, parts: Sequence[NDArray[np.int64]]) -> Callable[[Raw], float]:
    """The mean over folds of what is made small: the metric where it judges probabilities or values, the log loss
    where it judges labels (their thresholds are tuned afterwards, and label metrics jump)."""
    truth = [judge.y[rows[part]] for (_, rows), part in zip(judge.folds, parts, strict=True)]
    single = _quick(judge)

    def loss(raw: Raw) -> float:
        return math.fsum(single(y, values) for y, values in zip(truth, raw, strict=True)) / len(truth)

    return loss


def _quick(judge: Judge) -> Callable[[NDArray[np.int64], NDArray[np.float64]], float]:
    """One fold's loss. The frequent metrics in plain numpy: the selection asks for them hundreds of times."""
    if judge.task.is_classification:
        if judge.metric_name == "roc_auc" and len(judge.classes) == 2:
            return lambda y, p: 1.0 - auc(y, p[:, 1])
        if judge.metric_name in ("log_loss", "neg_log_loss") or judge.metric.needs == "labels":
            return log_loss
    elif judge.metric_name in ("rmse", "mse", "r2"):
        return squared_error
    return _by_metric(judge)


def _by_metric(judge: Judge) -> Callable[[NDArray[np.int64], NDArray[np.float64]], float]:
    from modelwright.training.scoring import as_predictions

    def loss(y: NDArray[np.int64], raw: NDArray[np.float64]) -> float:
        try:
            score = float(judge.metric.score(y, as_predictions(judge.task, judge.classes, raw)))
        except ValueError:  # a metric that one fold's rows do not allow
            return math.inf
        return -score if judge.metric.greater_is_better else score

    return loss


def auc(y: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """Area under the ROC curve by mid-ranks (Mann and Whitney 1947); 0.5 where a class is absent."""
    import numpy as np

    positives = int(y.sum())
    if positives in (0, y.size):
        return 0.5
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], ordered.size]
    middle = np.repeat((starts + ends + 1) / 2.0, ends - starts)  # mean rank of each run of equal scores
    total = float(middle[y[order] == 1].sum())
    return (total - positives * (positives + 1) / 2.0) / (positives * (y.size - positives))


def log_loss(y: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    import numpy as np

    given = probabilities[np.arange(y.size), y]
    return float(-np.log(np.clip(given, 1e-15, 1.0)).mean())


def squared_error(y: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    import numpy as np

    with np.errstate(over="ignore"):  # hopeless predictions may be huge, and infinite loses
        return float(np.square(values - y).mean())
