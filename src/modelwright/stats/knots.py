"""Small knots of rows far nearer to each other than to anything else: things measured several times, without a name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.twins import clusters

#: a knot has at most so many rows; larger clusters are kinds of things, which a model may know
LARGEST = 16
#: the next neighbour beyond the knot is this many times as far. In a smooth cloud of dimension D the chance of such a
#: step after k neighbours is 3**(-k*D): one in 700 for a knot of three rows in three dimensions
STEP = 3.0
_BLOCK = 512
_MOST_COLUMNS = 40


def knots(Z: NDArray[np.float64]) -> NDArray[np.int64]:
    """A number per row, equal within a knot; a row in none has its own. Z: (n, d) columns on one scale, n <= 6,000.

    A pair belongs together when each stands within the other's widest step. Rows that are equal in all of Z are left
    to the rule on duplicates: their distance of nought would make any step infinite.
    """
    n = Z.shape[0]
    Z = Z[:, :_MOST_COLUMNS].astype(np.float32)
    k = min(LARGEST, n - 2)
    if k < 2:
        return np.arange(n)
    squares = (Z * Z).sum(axis=1)
    within = np.zeros(n)
    near = np.empty((n, k + 1), dtype=np.int64)
    far = np.empty((n, k + 1))
    for begin in range(0, n, _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, n))
        distances = squares[rows, None] + squares[None, :] - 2.0 * (Z[rows] @ Z.T)
        distances[np.arange(rows.size), rows] = np.inf
        nearest = np.argpartition(distances, k, axis=1)[:, : k + 1]
        exact = np.sqrt(((Z[rows][:, None, :].astype(np.float64) - Z[nearest]) ** 2).sum(axis=2))
        order = np.argsort(exact, axis=1)
        near[rows] = np.take_along_axis(nearest, order, axis=1)
        far[rows] = np.take_along_axis(exact, order, axis=1)
    steps = far[:, 1:] / np.maximum(far[:, :-1], 1e-12)
    steps[far[:, :-1] <= 1e-9] = 0.0
    widest = steps.argmax(axis=1)
    found = steps[np.arange(n), widest] >= STEP
    within[found] = far[np.arange(n), widest][found]
    a = np.repeat(np.arange(n), k + 1)
    b, apart = near.ravel(), far.ravel()
    joined = (apart <= within[a]) & (apart <= within[b])
    return clusters(np.column_stack([a[joined], b[joined]]), n)
