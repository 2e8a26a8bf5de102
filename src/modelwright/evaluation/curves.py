"""Figures' data as JSON values: at most a few hundred points each, made from predictions of one split."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import Task
from modelwright.core.tables import Predictions
from modelwright.evaluation import costs
from modelwright.stats import intervals, thresholds
from modelwright.stats.calibration import expected_error

_POINTS = 200
#: one against the rest: fewer points for each, and the first classes only, so that a report stays small
_POINTS_BY_CLASS, _CLASSES = 60, 20
_BINS = 10
_SCATTER = 400
_HISTOGRAM = 20


def curves(y: NDArray[Any], predictions: Predictions, task: Task) -> dict[str, Any]:
    """By name; what a task has no use for is absent.

    binary: roc {false_positive_rate, true_positive_rate, auc}, precision_recall {recall, precision, base_rate},
    calibration {predicted, observed, low, high, rows, expected_error}, threshold {threshold, precision, recall, f1,
    share}, scores {edges, counts by class}, operating_point; several classes: roc_by_class and
    precision_recall_by_class {class: {x, y, area}}, one against the rest; both: confusion {classes, counts} and, where
    costs are in force, cost {value, always by class, best, saved, threshold, cost};
    regression: predicted_vs_actual {actual, predicted}, residuals {edges, counts, predicted, residual},
    error_quantiles {share, absolute_error}, tails {squared_error, target, relative_error: share of its sum in the
    largest 1 % of rows; near_zero: share of rows whose target is below 1 % of the mean size}.
    """
    if predictions.n_rows == 0:
        return {}
    if task.is_classification:
        found = {"confusion": _confusion(y, predictions)}
        if predictions.probabilities is not None:
            found |= _binary(y, predictions) if task is Task.BINARY else _several(y, predictions)
        matrix = costs.in_force()
        if matrix is not None and matrix.shape[0] == len(predictions.classes):
            found["cost"] = _cost(np.asarray(y, dtype=np.int64), predictions, matrix)
        return found
    if task is Task.REGRESSION and predictions.values is not None:
        return _regression(np.asarray(y, dtype=np.float64), predictions.values)
    return {}


def _binary(y: NDArray[Any], predictions: Predictions) -> dict[str, Any]:
    assert predictions.probabilities is not None
    score = predictions.probabilities[:, 1]
    positive = np.asarray(y) == 1
    edges = np.linspace(0, 1, _HISTOGRAM + 1)
    names = predictions.classes or ("0", "1")
    found = {
        "calibration": calibration_bins(positive, score),
        "threshold": thresholds.curve(positive.astype(np.int64), score),
        "scores": {
            "edges": edges.tolist(),
            "counts": {
                names[position]: np.histogram(score[positive == bool(position)], edges)[0].tolist()
                for position in (0, 1)
            },
        },
    }
    if positive.any() and not positive.all():
        found |= _ranking(positive, score)
        if predictions.labels is not None:
            found["operating_point"] = _operating_point(positive, predictions.labels == 1)
    return found


def _operating_point(positive: NDArray[np.bool_], answered: NDArray[np.bool_]) -> dict[str, float]:
    """Where the decisions taken lie on the curves."""
    hits = int((positive & answered).sum())
    return {
        "tpr": hits / int(positive.sum()),
        "fpr": int((~positive & answered).sum()) / int((~positive).sum()),
        "recall": hits / int(positive.sum()),
        "precision": hits / max(int(answered.sum()), 1),
    }


def _ranking(positive: NDArray[np.bool_], score: NDArray[np.float64], points: int = _POINTS) -> dict[str, Any]:
    order = np.argsort(-score, kind="stable")
    # One point per distinct score: rows that tie are answered together.
    ends = np.append(np.flatnonzero(np.diff(score[order])), score.size - 1)
    hits = np.cumsum(positive[order])[ends].astype(np.float64)
    false = (ends + 1) - hits
    keep = _thin(ends.size, points)
    tpr, fpr = np.append(0.0, hits / positive.sum()), np.append(0.0, false / (~positive).sum())
    roc = np.append(0, keep + 1)
    return {
        "roc": {
            "false_positive_rate": fpr[roc].tolist(),
            "true_positive_rate": tpr[roc].tolist(),
            "auc": intervals.auc(positive, score),
        },
        "precision_recall": {
            "recall": (hits / positive.sum())[keep].tolist(),
            "precision": (hits / (ends + 1))[keep].tolist(),
            "base_rate": float(positive.mean()),
        },
    }


def calibration_bins(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> dict[str, Any]:
    """Equally filled bins: mean predicted probability against the observed share with its Wilson interval."""
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, min(_BINS, score.size)) if part.size]
    bounds = [intervals.wilson(float(positive[part].sum()), float(part.size)) for part in parts]
    return {
        "predicted": [float(score[part].mean()) for part in parts],
        "observed": [float(positive[part].mean()) for part in parts],
        "low": [low for low, _ in bounds],
        "high": [high for _, high in bounds],
        "rows": [int(part.size) for part in parts],
        "expected_error": expected_error(score, positive.astype(np.int64), _BINS),
        #: what a perfectly calibrated model of this many rows would show by chance
        "chance_error": _chance_error(score, parts),
    }


def _chance_error(score: NDArray[np.float64], parts: list[NDArray[np.int64]]) -> float:
    """Mean over bins of the expected |observed - predicted| under perfect calibration: sqrt(2/pi) standard errors."""
    errors = [np.sqrt(score[part] @ (1 - score[part])) / part.size * part.size for part in parts]
    return float(np.sqrt(2 / np.pi) * np.sum(errors) / score.size)


def _several(y: NDArray[Any], predictions: Predictions) -> dict[str, Any]:
    """Multiclass: calibration of the likeliest class, and the curves of each class against the rest."""
    assert predictions.probabilities is not None
    p = predictions.probabilities
    right = p.argmax(axis=1) == np.asarray(y)
    found: dict[str, Any] = {"calibration": calibration_bins(right, p.max(axis=1))}
    roc: dict[str, Any] = {}
    recall: dict[str, Any] = {}
    for position, name in enumerate(predictions.classes[:_CLASSES]):
        positive = np.asarray(y) == position
        if positive.any() and not positive.all():
            drawn = _ranking(positive, p[:, position], _POINTS_BY_CLASS)
            one, other = drawn["roc"], drawn["precision_recall"]
            roc[name] = {"x": one["false_positive_rate"], "y": one["true_positive_rate"], "area": one["auc"]}
            area = intervals.average_precision_influence(positive, p[:, position], np.ones(positive.size))[0]
            recall[name] = {"x": other["recall"], "y": other["precision"], "area": area}
    return {**found, "roc_by_class": roc, "precision_recall_by_class": recall} if roc else found


def _cost(y: NDArray[np.int64], predictions: Predictions, matrix: NDArray[np.float64]) -> dict[str, Any]:
    """Mean cost per row of the answers taken, of always giving one answer, and (two classes) by threshold."""
    value = costs.CostMetric(matrix=matrix).score(y, predictions)
    constant = costs.always(y, matrix)
    best = int(constant.argmin())
    found: dict[str, Any] = {
        "value": value,
        "always": {name: float(constant[at]) for at, name in enumerate(predictions.classes)},
        "best": predictions.classes[best],
        "saved": float(constant[best]) - value,
    }
    if matrix.shape[0] == 2 and predictions.probabilities is not None:
        found |= thresholds.cost_curve(y, predictions.probabilities[:, 1], matrix)
    return found


def _confusion(y: NDArray[Any], predictions: Predictions) -> dict[str, Any]:
    labels = predictions.labels
    if labels is None:
        assert predictions.probabilities is not None
        labels = predictions.probabilities.argmax(axis=1)
    k = max(len(predictions.classes), int(max(np.max(y), labels.max())) + 1)
    counts = np.bincount(np.asarray(y, dtype=np.int64) * k + labels, minlength=k * k).reshape(k, k)
    names = predictions.classes or tuple(str(number) for number in range(k))
    return {"classes": list(names), "counts": counts.tolist()}


def _regression(y: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, Any]:
    residual = y - predicted
    low, high = np.quantile(residual, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1.0, 2 * _HISTOGRAM + 1)
    shares = np.linspace(0.05, 0.95, 19)
    # Evenly over the sorted truth: the picture keeps its tails.
    take = np.argsort(y, kind="stable")[_thin(y.size, _SCATTER)]
    return {
        "predicted_vs_actual": {"actual": y[take].tolist(), "predicted": predicted[take].tolist()},
        "residuals": {
            "edges": edges.tolist(),
            "counts": np.histogram(np.clip(residual, edges[0], edges[-1]), edges)[0].tolist(),
            "mean": float(residual.mean()),
            "predicted": predicted[take].tolist(),
            "residual": residual[take].tolist(),
        },
        "error_quantiles": {
            "share": shares.tolist(),
            "absolute_error": np.quantile(np.abs(residual), shares).tolist(),
        },
        "tails": _tails(y, residual),
    }


def _tails(y: NDArray[np.float64], residual: NDArray[np.float64]) -> dict[str, float]:
    """How much of each sum a few rows make up; all 0 below 100 rows, where 1 % is no row."""
    size = np.abs(y)
    near = size < 0.01 * size.mean()
    if y.size < 100:
        return {"squared_error": 0.0, "target": 0.0, "relative_error": 0.0, "near_zero": float(near.mean())}
    relative = np.abs(residual) / np.maximum(size, np.finfo(np.float64).eps)
    sums = {"squared_error": residual**2, "target": (y - y.mean()) ** 2, "relative_error": relative}
    top = max(1, y.size // 100)
    shares = {name: float(np.sort(one)[-top:].sum() / max(one.sum(), 1e-300)) for name, one in sums.items()}
    return {**shares, "near_zero": float(near.mean())}


def _thin(n: int, points: int = _POINTS) -> NDArray[np.int64]:
    """At most `points` positions of n, the first and last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, points)).round().astype(np.int64))
