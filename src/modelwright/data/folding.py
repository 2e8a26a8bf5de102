"""Folds on which candidates are compared: inside train and val, by the same rules as the split."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.digests import child_seed
from modelwright.core.errors import DataError
from modelwright.core.nouns import Role
from modelwright.core.tables import Dataset
from modelwright.data import assign
from modelwright.data.gaps import timeline
from modelwright.data.parts import Split, named
from modelwright.data.units import Rows, duplicate_units, group_units
from modelwright.spec.model import Spec

Folds = list[tuple[Rows, Rows]]
#: where the file does not say how many
FOLDS = 5
_FOLLOWS = {"random": "kfold", "stratified": "stratified", "group": "group", "time": "time", "group_time": "time"}


def make_folds(split: Split, dataset: Dataset, spec: Spec, y: NDArray[Any] | None, seed: int) -> Folds:
    """One pair per fold and repeat; learn and judge never share a row, a duplicate or a group.

    Raises DataError `split.folds` when the rows cannot fill the folds.
    """
    cv = spec.evaluation.cv
    kind: str = cv.kind
    if kind == "auto":
        kind = _FOLLOWS.get(split.kind, "holdout" if split.val.size else "kfold")
        if kind == "kfold" and y is not None and y.dtype.kind == "i":
            kind = "stratified"
    if kind == "holdout":
        if split.val.size == 0:
            raise _too_few("a holdout needs val_split above 0", "set data.val_split, or evaluation.cv.kind: kfold")
        return [(split.train, split.val)]
    rows = np.sort(np.concatenate([split.train, split.val]))
    part = dataset.take(rows)
    if kind == "time":
        found = _time_folds(split, part, spec)
    else:
        found = []
        for repeat in range(cv.repeats):
            random = np.random.default_rng(child_seed(seed, "folds", repeat))
            found += _drawn(kind, part, None if y is None else y[rows], cv.folds or FOLDS, random)
    return [(rows[learn], rows[judge]) for learn, judge in found]


def _drawn(kind: str, part: Dataset, y: NDArray[Any] | None, k: int, random: np.random.Generator) -> Folds:
    shares = [1.0 / k] * k
    by_class = y.astype(np.int64) if y is not None and y.dtype.kind == "i" else None
    if kind == "group":
        groups = group_units(part, named(part, Role.GROUP, "group"))
        if int(groups.max()) + 1 < k:
            raise _too_few(f"{int(groups.max()) + 1} groups cannot fill {k} folds", "lower evaluation.cv.folds")
        parts = assign.by_groups(groups, by_class, shares, random)
    else:
        parts = _units(part, by_class if kind == "stratified" else None, k, random)
    found = [(np.flatnonzero(parts != fold), np.flatnonzero(parts == fold)) for fold in range(k)]
    _refuse_hollow(found, by_class, k)
    return [(learn.astype(np.int64), judge.astype(np.int64)) for learn, judge in found]


def _units(part: Dataset, by_class: Rows | None, k: int, random: np.random.Generator) -> assign.Parts:
    """Duplicates together where the folds stay of about equal size, else row by row (as in the split)."""
    shares = [1.0 / k] * k
    parts = assign.by_units(duplicate_units(part), by_class, shares, random)
    sizes = np.bincount(parts, minlength=k)
    if sizes.min() >= 0.5 * part.n_rows / k and not _hollow(parts, by_class, k):
        return parts
    return assign.by_units(np.arange(part.n_rows, dtype=np.int64), by_class, shares, random)


def _hollow(parts: assign.Parts, by_class: Rows | None, k: int) -> bool:
    if by_class is None:
        return False
    needed = np.unique(by_class).size
    return any(np.unique(by_class[parts != fold]).size < needed for fold in range(k))


def _time_folds(split: Split, part: Dataset, spec: Spec) -> Folds:
    """Expanding windows: fold i judges block i + 1 of k + 1 equal blocks with everything before it, less the gap.

    With a group as well, rows of the judged groups are taken out of the learning side.
    """
    k = spec.evaluation.cv.folds or FOLDS
    line = timeline(part, [])
    known = np.flatnonzero(line.known)
    ranks = _in_order(line.ranks[known])
    if int(ranks.max(initial=-1)) + 1 < k + 1:
        raise _too_few(
            f"{int(ranks.max(initial=-1)) + 1} moments cannot fill {k} time folds", "lower evaluation.cv.folds"
        )
    blocks = np.full(part.n_rows, -1, dtype=np.int8)
    blocks[known] = assign.by_time(ranks, [1.0 / (k + 1)] * (k + 1))
    groups = group_units(part, named(part, Role.GROUP, "group")) if split.kind == "group_time" else None
    found: Folds = []
    for fold in range(1, k + 1):
        sides = np.full(part.n_rows, -1, dtype=np.int8)
        sides[(blocks >= 0) & (blocks < fold)] = 0
        sides[blocks == fold] = 1
        if spec.data.split.gap is not None:
            line.open_gap(sides, spec.data.split.gap)
        if groups is not None:
            sides[(sides == 0) & np.isin(groups, groups[sides == 1])] = -1
        found.append((np.flatnonzero(sides == 0).astype(np.int64), np.flatnonzero(sides == 1).astype(np.int64)))
    kept = [(learn, judge) for learn, judge in found if learn.size and judge.size]
    if not kept:
        raise _too_few("no time fold has rows on both sides", "lower evaluation.cv.folds or data.split.gap")
    return kept


def _in_order(values: Rows) -> Rows:
    """0..k-1 by value."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _refuse_hollow(found: list[tuple[Any, Any]], by_class: Rows | None, k: int) -> None:
    for learn, judge in found:
        if learn.size == 0 or judge.size == 0:
            raise _too_few(f"the rows cannot fill {k} folds", "lower evaluation.cv.folds, or bring more rows")
        if by_class is not None and np.unique(by_class[learn]).size < np.unique(by_class).size:
            raise _too_few(f"a class is too rare for {k} folds", "lower evaluation.cv.folds, or merge rare classes")


def _too_few(why: str, fix: str) -> DataError:
    return DataError(
        f"Candidates cannot be compared by cross-validation: {why}.",
        code="split.folds",
        hint=fix,
        subject="evaluation.cv",
    )
