"""Folds inside learn rows, for features that look at the target: by the same rules as the folds around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwright.core.digests import child_seed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pairs = list[tuple[NDArray[np.int64], NDArray[np.int64]]]

_FOLDS = 5


def inner_folds(n_rows: int, *, seed: int, times: NDArray[np.int64] | None, groups: NDArray[np.int64] | None) -> Pairs:
    """(learn, judge) positions below n_rows; empty where plain random folds will do.

    times: ranks by row where folds go forward; then a block learns from strictly earlier moments and the first block
    is judged by none. groups: one number per group; no group is then on both sides.
    """
    if n_rows == 0 or (times is None and groups is None):
        return []
    if times is None:
        assert groups is not None
        return _by_groups(groups, seed)
    return _forward(times, groups)


def _by_groups(groups: NDArray[np.int64], seed: int) -> Pairs:
    import numpy as np

    names, where = np.unique(groups, return_inverse=True)
    if names.size < 2:
        return []
    k = min(_FOLDS, names.size)
    part = (np.random.default_rng(child_seed(seed, "groups")).permutation(names.size) % k)[where]
    return [(np.flatnonzero(part != fold), np.flatnonzero(part == fold)) for fold in range(k)]


def _forward(times: NDArray[np.int64], groups: NDArray[np.int64] | None) -> Pairs:
    """Blocks of about equal size that share no moment, each after the ones before it."""
    import numpy as np

    ordered = np.sort(times)
    ends = np.unique(ordered[[len(ordered) * cut // (_FOLDS + 1) for cut in range(1, _FOLDS + 1)]])
    block = np.searchsorted(ends, times, side="right")
    found = []
    for number in np.unique(block)[1:]:
        learn, judge = np.flatnonzero(block < number), np.flatnonzero(block == number)
        if groups is not None:
            learn = learn[~np.isin(groups[learn], groups[judge])]
        found.append((learn, judge))
    return found
