"""How often rows would agree by nature: what coarse columns repeat without anyone copying a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: ways in which the columns are cut into two halves; more would hardly change the largest expectation
HALVINGS = 6


def cell_hashes(codes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A 64-bit hash per cell, (n, m), of codes that number the values of each column from 0.

    Sums of them, modulo 2**64, hash any set of columns: equal rows have equal sums, and others collide with a
    probability of about n**2 / 2**64.
    """
    n, m = codes.shape
    found = np.empty((n, m), dtype=np.uint64)
    rng = np.random.default_rng(20)
    for at in range(m):
        column = codes[:, at]
        table = rng.integers(0, 2**63, size=int(column.max(initial=0)) + 1, dtype=np.uint64)
        found[:, at] = table[column]
    return found


def counts_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many rows, itself included, share each row's key. Shape (n,)."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse], dtype=np.int64)


def expected_twins(cells: NDArray[np.uint64], seed: int = 0, halvings: int = HALVINGS) -> NDArray[np.float64]:
    """How many other rows would agree with each row if two halves of its columns had nothing to do with each other.

    cells: (n, m) from `cell_hashes`. The largest expectation over several halvings is taken, since columns that
    hang together must stand in one half for the figure to be honest. Rows of coarse columns expect many twins, rows
    with measured numbers none. Copies inflate the halves' counts as well: each is lowered by the rows that agree in
    every column.
    """
    n, m = cells.shape
    whole = counts_of(cells.sum(axis=1, dtype=np.uint64))
    if m < 2:
        return np.full(n, float(n))
    rng = np.random.default_rng(seed)
    found = np.zeros(n)
    for _ in range(halvings):
        order = rng.permutation(m)
        halves = [cells[:, part].sum(axis=1, dtype=np.uint64) for part in (order[: m // 2], order[m // 2 :])]
        others = [np.maximum(counts_of(half) - whole, 0.0) for half in halves]
        found = np.maximum(found, others[0] * others[1] / n)
    return found
