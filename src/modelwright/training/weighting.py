"""Unequal classes and inner slices: weights, resampling and early-stopping rows, always inside the learn rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwright.core.digests import child_seed
from modelwright.core.nouns import Task
from modelwright.training.units import Weighting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: below this many rows an early-stopping slice is too small to stop by
MIN_ROWS_TO_STOP_EARLY = 300
_INNER_SHARE = 0.12
_INNER_MOST = 20_000


def balance(
    y: NDArray[np.int64], n_classes: int, weighting: Weighting, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """Row positions to fit on and their weights (mean 1), or None for equal weights.

    class_weight: n / (k * count), as King and Zeng (2001) and scikit-learn's `balanced`. Oversampling repeats rows
    of smaller classes up to the largest; undersampling draws the smallest class's count from each.
    """
    import numpy as np

    everyone = np.arange(y.size, dtype=np.int64)
    counts = np.bincount(y, minlength=n_classes)
    present = np.flatnonzero(counts)
    if weighting == "none" or present.size < 2:
        return everyone, None
    if weighting == "class_weight":
        per_class = np.zeros(n_classes)
        per_class[present] = y.size / (present.size * counts[present])
        return everyone, per_class[y]
    rng = np.random.default_rng(child_seed(seed, weighting))
    wanted = int(counts.max() if weighting == "oversample" else counts[present].min())
    parts = [_draw(np.flatnonzero(y == one), wanted, rng) for one in present]
    return np.sort(np.concatenate(parts)), None


def _draw(rows: NDArray[np.int64], wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Every row once before any row twice."""
    import numpy as np

    if wanted <= rows.size:
        return rng.permutation(rows)[:wanted]
    return np.concatenate([rows, rng.choice(rows, wanted - rows.size, replace=True)])


def inner_slice(
    y: NDArray[Any],
    task: Task,
    *,
    seed: int,
    order: NDArray[np.int64] | None = None,
    groups: NDArray[Any] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide learn rows into (fit, stop): the latest in `order` when folds go forward, whole groups where there are
    groups, otherwise a random share of each class. `stop` is empty where rows are too few."""
    import numpy as np

    everyone = np.arange(y.size, dtype=np.int64)
    if y.size < MIN_ROWS_TO_STOP_EARLY:
        return everyone, everyone[:0]
    wanted = min(_INNER_MOST, int(y.size * _INNER_SHARE))
    rng = np.random.default_rng(child_seed(seed, "inner"))
    if order is not None:
        held = np.sort(order[-wanted:])
    elif groups is not None:
        names = rng.permutation(np.unique(groups))
        sizes = np.cumsum([int((groups == name).sum()) for name in names])
        held = np.flatnonzero(np.isin(groups, names[: int(np.searchsorted(sizes, wanted)) + 1]))
    elif task.is_classification:
        share = wanted / y.size
        rows = [rng.permutation(np.flatnonzero(y == one)) for one in np.unique(y)]
        held = np.sort(np.concatenate([part[: round(part.size * share)] for part in rows]))
    else:
        held = np.sort(rng.permutation(everyone)[:wanted])
    kept = np.setdiff1d(everyone, held)
    learns_all = not task.is_classification or np.unique(y[kept]).size == np.unique(y).size
    return (kept, held) if kept.size and learns_all else (everyone, everyone[:0])
