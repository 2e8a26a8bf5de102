"""Does the target change along the file? A random split hides what the order of rows may be telling."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.nouns import Task
from modelwright.core.tables import Dataset
from modelwright.data.target import labels

_BLOCKS = 20
#: share of the target's variance that the position explains, from which it is worth saying
_NOTABLE = 0.05
#: correlation of a row's target with the next row's, from which rows look like a series
_ALIKE = 0.3
_SORTED = 0.9
#: squares and sums of larger values leave float64; such a target needs its unit changed first
_TOO_LARGE = 1e150


def hidden_order(dataset: Dataset, target: str, task: Task) -> str:
    """One sentence when the target is strongly associated with the row's position, else an empty text.

    The share of variance explained by 20 consecutive blocks (eta squared; for classes its mean over indicator
    columns), less what chance gives. Cohen (1988) calls 0.06 a medium effect.
    """
    known = dataset.frame[target].drop_nulls()
    n = known.len()
    if n < 10 * _BLOCKS:
        return ""
    if task is Task.REGRESSION:
        columns = known.cast(float).to_numpy().reshape(-1, 1)
        if float(np.abs(columns).max()) > _TOO_LARGE:
            return ""
    else:
        codes = labels(known).rank("dense").to_numpy().astype(np.int64)
        columns = (codes[:, None] == np.unique(codes)[None, :]).astype(np.float64)
    explained = _explained(columns)
    alike = _neighbours(columns)
    if task.is_classification and max(explained, alike) > _SORTED:
        return f"the file is sorted by '{target}': rows are shuffled before they are split"
    if explained < _NOTABLE:
        if alike < _ALIKE:
            return ""
        return (
            f"neighbouring rows have like '{target}' (correlation {alike:.2f}): if rows are in time order, a random "
            "split flatters; set data.split.kind: time"
        )
    return (
        f"'{target}' changes along the file (row position explains {explained:.0%} of it{_ends(columns, task)}): "
        "if rows are in time order, set data.split.kind: time"
    )


def alike(known: pl.Series, task: Task) -> float:
    """Correlation of each row's target with the next row's; no nulls may be left."""
    if task is Task.REGRESSION:
        return _neighbours(known.cast(float).to_numpy().reshape(-1, 1))
    codes = labels(known).rank("dense").to_numpy().astype(np.int64)
    return _neighbours((codes[:, None] == np.unique(codes)[None, :]).astype(np.float64))


def _ends(columns: NDArray[np.float64], task: Task) -> str:
    """The target in the first and last twentieth, where one figure says it."""
    if task is Task.MULTICLASS:
        return ""
    blocks = np.array_split(columns[:, -1], _BLOCKS)
    first, last = float(blocks[0].mean()), float(blocks[-1].mean())
    shown = (f"{first:.1%}", f"{last:.1%}") if task is Task.BINARY else (f"{first:.3g}", f"{last:.3g}")
    return f"; mean {shown[0]} in the first twentieth, {shown[1]} in the last"


def _neighbours(columns: NDArray[np.float64]) -> float:
    """Correlation of each row's target with the next row's, over all indicator columns at once."""
    centred = columns - columns.mean(axis=0)
    total = float(np.sum(centred**2))
    return float(np.sum(centred[:-1] * centred[1:])) / total if total > 0 else 0.0


def _explained(columns: NDArray[np.float64]) -> float:
    n = columns.shape[0]
    total = columns.var(axis=0) * n
    parts = np.array_split(np.arange(n), _BLOCKS)
    overall = columns.mean(axis=0)
    between = sum(part.size * (columns[part].mean(axis=0) - overall) ** 2 for part in parts)
    share = float(np.sum(between)) / max(float(np.sum(total)), 1e-300)
    chance: float = (_BLOCKS - 1) / (n - 1)
    return max(0.0, share - chance)
