"""Scores of stored answers, and how sure they are: one code for all tools, so that nobody is judged by its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: the score of the rows counted by weights
Weighted = Callable[[Floats], float]
HIGHER = {"roc_auc": True, "average_precision": True, "accuracy": True, "log_loss": False, "rmse": False}
RESAMPLES = 400
_TINY = float(np.finfo(np.float64).eps)  # as scikit-learn clips


def truth(path: Path, target: str, classes: list[str]) -> NDArray[Any]:
    """Class positions, or numbers."""
    y = pl.read_parquet(path, columns=[target])[target]
    if not classes:
        return y.cast(pl.Float64).to_numpy()
    at = {label: number for number, label in enumerate(classes)}
    return np.asarray([at.get(label, -1) for label in y.cast(pl.String)], dtype=np.int64)


def labels(path: Path, target: str) -> list[str]:
    """The classes of the training rows as sorted texts."""
    return sorted(pl.read_parquet(path, columns=[target])[target].cast(pl.String).unique())


def _ranked(y: NDArray[Any], score: Floats) -> tuple[NDArray[np.int64], int]:
    """Each row's place among the distinct scores, from the lowest."""
    distinct, place = np.unique(score, return_inverse=True)
    return place.astype(np.int64).reshape(-1), len(distinct)


def _roc_auc(y: NDArray[Any], score: Floats) -> Weighted:
    place, n = _ranked(y, score)

    def of(w: Floats) -> float:
        up, down = np.bincount(place, w * y, n), np.bincount(place, w * (1 - y), n)
        return float((up * (np.cumsum(down) - down / 2)).sum() / max(up.sum() * down.sum(), _TINY))

    return of


def _average_precision(y: NDArray[Any], score: Floats) -> Weighted:
    place, n = _ranked(y, score)

    def of(w: Floats) -> float:
        up = np.bincount(place, w * y, n)[::-1]
        rows = np.cumsum(np.bincount(place, w, n)[::-1])
        return float((up * np.cumsum(up) / np.maximum(rows, _TINY)).sum() / max(up.sum(), _TINY))

    return of


def _mean(values: Floats, root: bool = False) -> Weighted:
    def of(w: Floats) -> float:
        mean = float(w @ values / w.sum())
        return mean**0.5 if root else mean

    return of


def weighted(metric: str, y: NDArray[Any], answers: Floats) -> Weighted:
    """The metric of these answers as a function of row weights. `answers`: values, or probabilities per class."""
    if metric == "rmse":
        return _mean((answers - y) ** 2, root=True)
    shares = answers / np.maximum(answers.sum(axis=1, keepdims=True), _TINY)
    if metric == "log_loss":
        own = np.where(y >= 0, shares[np.arange(len(y)), np.maximum(y, 0)], 0.0)
        return _mean(-np.log(np.clip(own, _TINY, 1 - _TINY)))
    if metric == "accuracy":
        return _mean((shares.argmax(axis=1) == y).astype(np.float64))
    return (_roc_auc if metric == "roc_auc" else _average_precision)(y, shares[:, 1])


def _draws(n: int, seed: int = 0) -> list[Floats]:
    rng = np.random.default_rng(seed)
    return [np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64) for _ in range(RESAMPLES)]


def score(metric: str, y: NDArray[Any], answers: Floats) -> tuple[float, float]:
    """The score and its standard error over test rows."""
    of = weighted(metric, y, answers)
    found = [of(w) for w in _draws(len(y))]
    return of(np.ones(len(y))), float(np.std(found, ddof=1))


def lead(metric: str, y: NDArray[Any], ours: Floats, theirs: Floats) -> tuple[float, float]:
    """By how much ours is better (whatever the direction), and the standard error on the same resampled rows."""
    sign = 1.0 if HIGHER[metric] else -1.0
    a, b = weighted(metric, y, ours), weighted(metric, y, theirs)
    found = [sign * (a(w) - b(w)) for w in _draws(len(y))]
    everyone = np.ones(len(y))
    return sign * (a(everyone) - b(everyone)), float(np.std(found, ddof=1))
