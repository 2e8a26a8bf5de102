"""Assign rows to parts of given shares: whole units at a time, by class, by group or by time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelwright.data.units import Rows

Parts = NDArray[np.int8]  # part number per row; -1 is left out
Shares = Sequence[float]


def by_units(units: Rows, strata: Rows | None, shares: Shares, random: np.random.Generator) -> Parts:
    """Whole units to parts of the given shares, within each stratum apart.

    units, strata: shape (n,). A unit belongs to the stratum of its first row. A stratum with at least as many
    units as there are parts appears in every part.
    """
    n_units = int(units.max(initial=-1)) + 1
    sizes = np.bincount(units, minlength=n_units)
    _, first = np.unique(units, return_index=True)
    kind = np.zeros(n_units, dtype=np.int64) if strata is None else strata[first]
    part_of_unit = np.empty(n_units, dtype=np.int8)
    carried = np.zeros(len(shares))
    for stratum in np.unique(kind):
        members = random.permutation(np.flatnonzero(kind == stratum))
        part_of_unit[members] = _cut(sizes[members], shares, carried)
    return part_of_unit[units]


def _cut(sizes: Rows, shares: Shares, carried: NDArray[np.float64]) -> Parts:
    """Consecutive runs of units by cumulative size; `carried` remembers each part's rounding debt, so that many
    small strata do not all round the same way."""
    total = float(sizes.sum())
    wanted = np.asarray(shares) * total + carried
    parts = np.empty(sizes.size, dtype=np.int8)
    live = [position for position, share in enumerate(shares) if share > 0]
    ends = np.cumsum(wanted[live])
    middle = np.cumsum(sizes) - sizes / 2.0
    parts[:] = np.asarray(live, dtype=np.int8)[np.minimum(np.searchsorted(ends, middle), len(live) - 1)]
    if sizes.size >= len(live):
        _fill_empty(parts, sizes, live)
    got = np.bincount(parts, weights=sizes, minlength=len(shares))
    # Rounding only: one unit of many repeats leaves a debt of hundreds of rows, and a rare class cannot pay it.
    carried[:] = np.where(np.asarray(shares) > 0, np.clip(wanted - got, -1.0, 1.0), 0.0)
    return parts


def _fill_empty(parts: Parts, sizes: Rows, live: list[int]) -> None:
    """Give every part at least one unit, the smallest of the part that has the most units."""
    for part in live:
        if not (parts == part).any():
            counts = np.bincount(parts, minlength=max(live) + 1)
            donor = np.flatnonzero(parts == counts.argmax())
            parts[donor[np.argmin(sizes[donor])]] = part


def by_groups(groups: Rows, strata: Rows | None, shares: Shares, random: np.random.Generator) -> Parts:
    """Whole groups to parts, largest first, each where rows (and classes) are missed most."""
    n_groups = int(groups.max(initial=-1)) + 1
    kinds = np.zeros(groups.size, dtype=np.int64) if strata is None else strata
    n_kinds = int(kinds.max(initial=0)) + 1
    counts = np.zeros((n_groups, n_kinds + 1))
    np.add.at(counts, (groups, kinds), 1.0)
    counts[:, -1] = counts[:, :-1].sum(axis=1)
    wanted = np.outer(np.asarray(shares), counts.sum(axis=0))
    order = random.permutation(n_groups)
    order = order[np.argsort(-counts[order, -1], kind="stable")]
    scale = 1.0 / np.maximum(counts.sum(axis=0), 1.0)
    part_of_group = np.empty(n_groups, dtype=np.int8)
    lacking = wanted.copy()
    closed = np.asarray(shares) <= 0
    for group in order:
        gain = ((2 * lacking - counts[group]) * counts[group] * scale).sum(axis=1)
        gain[closed] = -np.inf
        part = int(gain.argmax())
        part_of_group[group] = part
        lacking[part] -= counts[group]
    return part_of_group[groups]


def by_time(ranks: Rows, shares: Shares) -> Parts:
    """Earlier rows to earlier parts; rows of the same moment (equal rank) never part. ranks: shape (n,), 0..k-1."""
    per_moment = np.bincount(ranks)
    live = [position for position, share in enumerate(shares) if share > 0]
    ends = np.cumsum([shares[position] for position in live]) * ranks.size
    middle = np.cumsum(per_moment) - per_moment / 2.0
    part_of_moment = np.asarray(live, dtype=np.int8)[np.minimum(np.searchsorted(ends, middle), len(live) - 1)]
    return part_of_moment[ranks].astype(np.int8)


def by_group_time(groups: Rows, ranks: Rows, shares: Shares) -> Parts:
    """Time decides the parts; a group keeps only the rows of the part that holds most of it, the rest is left out."""
    parts = by_time(ranks, shares)
    n_groups = int(groups.max(initial=-1)) + 1
    counts = np.zeros((n_groups, len(shares)))
    np.add.at(counts, (groups, parts.astype(np.int64)), 1.0)
    # a tie goes to the later part, which is the harder one to fill
    home = len(shares) - 1 - counts[:, ::-1].argmax(axis=1)
    return np.where(parts == home[groups], parts, np.int8(-1)).astype(np.int8)
