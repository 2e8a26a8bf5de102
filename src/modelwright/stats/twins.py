"""Rows that are copies of other rows up to a small change: moved a little, interpolated, or altered in one field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.stats import natural

#: neighbours are looked for among this many rows that follow each other on a random axis
WINDOW = 1024
#: a twin is nearer than this share of the distance to the row's sixth neighbour
RATIO = 0.1
_NEIGHBOURS = 12
_FAR = 6
_FEWEST = 60
#: one-field twins: rows that others would match by nature this often are no copies
_SURPRISE = 0.02
#: one-field twins: of rows that agree in all but two columns, so many agree in all but one. Measured: 0.69 to 1.0 where
#: rows were copied, 0.1 to 0.61 where a coarse table repeats
_AGREE = 0.65
_TELLING = 12
#: one-field twins: more rows than this that agree in all the rest are a common value, not copies of one another
_MOST_ALIKE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Pairs of rows (k, 2), the rows that chance would pair as well, and how the pairs were found."""

    pairs: NDArray[np.int64]
    by_chance: float
    how: str

    @property
    def rows(self) -> NDArray[np.int64]:
        return np.unique(self.pairs)


NONE = np.empty((0, 2), dtype=np.int64)


def slabs(Z: NDArray[np.float64], most: int, seed: int = 0) -> NDArray[np.int64]:
    """At most `most` rows in runs of neighbours along a random axis, so that near rows stay together. Z: (n, d)."""
    n = Z.shape[0]
    rng = np.random.default_rng(seed)
    order = np.argsort(Z @ rng.normal(size=Z.shape[1]), kind="stable")
    if n <= most:
        return np.asarray(order, dtype=np.int64)
    runs = max(1, most // (2 * WINDOW))
    size = most // runs
    begins = np.linspace(0, n - size, runs).astype(np.int64)
    picked = np.unique(np.concatenate([np.arange(begin, begin + size) for begin in begins]))
    return np.asarray(order[picked], dtype=np.int64)


def moved(Z: NDArray[np.float64], order: NDArray[np.int64]) -> Twins:
    """Pairs far nearer to each other than their neighbourhood explains.

    Z: (n, d) columns on one scale, no two rows equal; order: the rows to search, neighbours on some axis next to
    each other. In a smooth cloud of local dimension D the ratio r of the distance to the first and the sixth
    neighbour has P(r < x) of about 5 * x**D (order statistics of a uniform ball); D comes from each row's further
    neighbours (Levina and Bickel 2004, the maximum-likelihood estimate), which a single twin does not move.
    """
    first: list[NDArray[np.int64]] = []
    chance = 0.0
    half = WINDOW // 2
    for begin in range(0, max(1, order.size - half), half):
        rows = order[begin : begin + WINDOW]
        if rows.size < _NEIGHBOURS + 2:
            continue
        # Each row is judged once, in the window where it stands in the middle half.
        low = 0 if begin == 0 else half // 2
        high = rows.size if begin + WINDOW >= order.size else half + half // 2
        pairs, expected = _near(Z[rows], np.arange(low, high))
        chance += expected
        if pairs.size:
            first.append(rows[pairs])
    found = np.concatenate(first) if first else NONE
    found = np.unique(np.sort(found, axis=1), axis=0) if found.size else NONE
    return Twins(pairs=found, by_chance=chance, how="moved a little")


def _near(Z: NDArray[np.float64], judged: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
    Z = Z.astype(np.float32)
    squares = (Z * Z).sum(axis=1)
    distances = squares[judged, None] + squares[None, :] - 2.0 * (Z[judged] @ Z.T)
    distances[np.arange(judged.size), judged] = np.inf
    k = _NEIGHBOURS
    nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
    exact = np.sqrt(((Z[judged][:, None, :].astype(np.float64) - Z[nearest]) ** 2).sum(axis=2))
    inner = np.argsort(exact, axis=1)
    exact = np.take_along_axis(exact, inner, axis=1)
    far = exact[:, _FAR - 1]
    usable = far > 0
    ratio = np.where(usable, exact[:, 0] / np.where(usable, far, 1.0), 1.0)
    later = np.maximum(exact[:, 1 : k - 1], 1e-12 * np.maximum(exact[:, -1:], 1e-300))
    spread = np.log(np.maximum(exact[:, -1:], 1e-300) / np.maximum(later, 1e-300))
    dimension = np.clip((k - 3) / np.maximum(spread.sum(axis=1), 1e-6), 0.5, 30.0)
    expected = np.minimum(1.0, (_FAR - 1) * RATIO**dimension)
    hit = usable & (ratio < RATIO)
    partner = np.take_along_axis(nearest, inner, axis=1)[:, 0]
    return np.column_stack([judged[hit], partner[hit]]).astype(np.int64), float(expected[usable].sum())


def interpolated(Z: NDArray[np.float64], order: NDArray[np.int64]) -> Twins:
    """Rows that lie exactly on the segment between two others, as oversampling by interpolation makes them.

    Three measured rows are never collinear in three or more dimensions; the tolerance is 1e-6 of the segment.
    Source of what is looked for: Chawla et al. (2002), SMOTE, JAIR 16.
    """
    if Z.shape[1] < 3:
        return Twins(pairs=NONE, by_chance=0.0, how="interpolated")
    found: list[tuple[int, int]] = []
    half = WINDOW // 2
    for begin in range(0, max(1, order.size - half), half):
        rows = order[begin : begin + WINDOW]
        if rows.size < _NEIGHBOURS + 2:
            continue
        found += [(int(rows[a]), int(rows[b])) for a, b in _between(Z[rows])]
    pairs = np.unique(np.sort(np.asarray(found, dtype=np.int64).reshape(-1, 2), axis=1), axis=0)
    return Twins(pairs=pairs, by_chance=0.0, how="interpolated")


def _between(Z: NDArray[np.float64]) -> list[tuple[int, int]]:
    squares = (Z * Z).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2.0 * (Z @ Z.T)
    np.fill_diagonal(distances, np.inf)
    k = min(_NEIGHBOURS, Z.shape[0] - 1)
    nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
    steps = Z[nearest] - Z[:, None, :]
    length = np.sqrt((steps**2).sum(axis=2))
    unit = steps / np.maximum(length, 1e-300)[:, :, None]
    cosine = np.einsum("nad,nbd->nab", unit, unit)
    # Opposite directions from the row: it lies between those two neighbours.
    opposite = (cosine < -1.0 + 1e-11) & (np.minimum(length[:, :, None], length[:, None, :]) > 0)
    # A coarse grid has rows midway between others by nature: a step must move in most columns, by odd amounts.
    hit, first, second = np.nonzero(opposite)
    kept = first < second
    hit, first, second = hit[kept], first[kept], second[kept]
    if hit.size == 0:
        return []
    moves = (np.abs(steps[hit, first]) > 1e-12).sum(axis=1) >= 3
    near = np.where(length[hit, first] < length[hit, second], nearest[hit, first], nearest[hit, second])
    return list(zip(hit[moves].tolist(), near[moves].tolist(), strict=True))


def one_field(cells: NDArray[np.uint64]) -> Twins:
    """Pairs of rows that agree in all columns but one, where nothing but copying explains it.

    cells: (n, m) hashes of the values (`natural.cell_hashes`), no two rows equal. Two proofs are asked for: two
    independent halves of the agreeing columns would not agree, and rows that agree in all but two columns mostly
    agree in the second as well, although its values differ from row to row (where rows merely resemble each other,
    most of them part there).
    """
    n, m = cells.shape
    if m < 4 or n < _FEWEST:
        return Twins(pairs=NONE, by_chance=0.0, how="one field changed")
    total = cells.sum(axis=1, dtype=np.uint64)
    telling = np.argsort([_collision(cells[:, at]) for at in range(m)], kind="stable")[: _TELLING + 1]
    pairs = []
    for at in range(m):
        keys = total - cells[:, at]
        order = np.argsort(keys, kind="stable")
        same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
        if same.size == 0 or same.size > 0.9 * n:
            continue
        rest = np.delete(np.arange(m), at)
        two = np.column_stack([order[same], order[same + 1]])
        few = natural.counts_of(keys)[two[:, 0]] <= _MOST_ALIKE
        two = two[few & (natural.expected_twins(cells[:, rest], at, 4)[two[:, 0]] < _SURPRISE)]
        if two.size and _stand_out(keys, cells, [other for other in telling if other != at][:_TELLING]):
            pairs.append(two)
    found = np.concatenate(pairs) if pairs else NONE
    found = np.unique(np.sort(found, axis=1), axis=0) if found.size else NONE
    return Twins(pairs=found, by_chance=0.0, how="one field changed")


def _stand_out(keys: NDArray[np.uint64], cells: NDArray[np.uint64], others: list[int]) -> bool:
    """Whether hardly more rows agree when another column may differ as well, whichever it is."""
    agreeing = _repeats(keys)
    return all(agreeing >= _AGREE * _repeats(keys - cells[:, other]) for other in others)


def _collision(column: NDArray[np.uint64]) -> float:
    """Probability that two rows agree in this column."""
    _, counts = np.unique(column, return_counts=True)
    return float((counts.astype(np.float64) ** 2).sum()) / column.size**2


def _repeats(keys: NDArray[np.uint64]) -> int:
    """Rows that share their key with another."""
    ordered = np.sort(keys)
    same = ordered[1:] == ordered[:-1]
    return int((np.concatenate([[False], same]) | np.concatenate([same, [False]])).sum())


def clusters(pairs: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """A number per row, 0..k-1, equal for rows that a chain of pairs joins. Union by pointer jumping."""
    parent = np.arange(n, dtype=np.int64)
    while pairs.size:
        low = np.minimum(parent[pairs[:, 0]], parent[pairs[:, 1]])
        before = parent.copy()
        np.minimum.at(parent, parent[pairs[:, 0]], low)
        np.minimum.at(parent, parent[pairs[:, 1]], low)
        parent = parent[parent]
        if (parent == before).all():
            break
    while (parent[parent] != parent).any():
        parent = parent[parent]
    return np.unique(parent, return_inverse=True)[1].astype(np.int64)
