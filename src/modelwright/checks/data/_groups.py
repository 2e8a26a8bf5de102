"""Which columns may name the thing a row belongs to, and whether rows of one thing share their target."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.checks.data._rows import coordinates
from modelwright.checks.once import once
from modelwright.core.nouns import Column, ColumnType, Role
from modelwright.core.tables import Dataset
from modelwright.data.roles import names_entity
from modelwright.data.units import dense
from modelwright.stats.knots import LARGEST, knots

#: names of things that rows come from, beyond those that a split is proposed for unasked
_THING = re.compile(
    r"(^|[_\-. ])(p|subj|pat|cust|usr|emp|fam|hh|tail|store|shop|site|hospital|clinic|school|plant|vehicle|car|truck|"
    r"plane|aircraft|company|firm|merchant|vendor|supplier|sensor|batch|sample|specimen|donor|farm|lot|tree|plot|"
    r"mother|couple|pair|case|policy|contract|order|invoice|channel|group|grp|entity|respondent|participant|"
    r"household|family|ticket|building|house|recording|video|image|slide|scan|experiment|run|trial|cluster)"
    r"([_\-. ]?(id|ids|no|num|nr|number|key|code|name))?$",
    re.I,
)
#: fewer groups cannot be told from chance, and leave whole folds without
FEWEST_GROUPS = 15
_LARGEST_MEAN = 60
#: rows without a name are looked at together in tables of so many rows, and believed when so many stand in knots
_MOST_ROWS, _LEAST_TIED = 6000, 0.3
#: z-value of the analysis of variance from which a group effect is believed before it is measured
_EFFECT = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """groups: (n,) a number per row; named: the column's name or role says that it names a thing."""

    subject: str
    label: str
    groups: NDArray[np.int64]
    named: bool
    columns: tuple[str, ...]


def candidates(dataset: Dataset) -> list[Candidate]:
    """Columns that repeat without being few: likely groups first. And columns that repeat together, as one."""
    return once(dataset, "groups", lambda: _candidates(dataset))


def _candidates(dataset: Dataset) -> list[Candidate]:
    found = []
    there = frozenset(dataset.frame.columns)  # asked once: polars makes the list anew each time
    for column in dataset.schema.columns:
        if column.role in (Role.TARGET, Role.TIME) or column.name not in there:
            continue
        one = _of_column(dataset.frame[column.name], column)
        if one is not None:
            found.append(one)
    fingerprint = _fingerprint(dataset)
    if fingerprint is not None:
        same = [at for at, one in enumerate(found) if _one_to_one(one.groups, fingerprint.groups)]
        # A column that stands for what repeats together is its name, whatever it is called.
        for at in same:
            found[at] = replace(found[at], named=True)
        found += [] if same else [fingerprint]
    knotted = None if any(one.named for one in found) else _knotted(dataset)
    found += [] if knotted is None else [knotted]
    return sorted(found, key=lambda one: not one.named)


def _one_to_one(first: NDArray[np.int64], second: NDArray[np.int64]) -> bool:
    sizes = int(first.max()) + 1, int(second.max()) + 1
    pairs = np.unique(first * sizes[1] + second).size
    return pairs <= 1.02 * max(sizes) and min(sizes) >= 0.9 * max(sizes)


def _of_column(series: pl.Series, column: Column) -> Candidate | None:
    if series.dtype.is_float() or column.type not in (ColumnType.CATEGORY, ColumnType.NUMBER):
        return None
    # A shop or a site that is a feature may be an honest category: the model will meet the same ones again.
    thing = column.role is not Role.FEATURE and bool(_THING.search(column.name))
    named = column.role in (Role.GROUP, Role.ID) or names_entity(column.name) or thing
    known = series.len() - series.null_count()
    n_groups = series.n_unique()
    if known < 0.9 * series.len() or n_groups < FEWEST_GROUPS or known < 1.2 * n_groups:
        return None
    if not named and (known > _LARGEST_MEAN * n_groups or n_groups < 3 * FEWEST_GROUPS):
        return None
    groups = dense(series)
    if np.bincount(groups).max() > 0.4 * series.len():
        return None
    return Candidate(
        subject=f"column:{column.name}",
        label=f"of one '{column.name}'",
        groups=groups,
        named=named,
        columns=(column.name,),
    )


def _fingerprint(dataset: Dataset) -> Candidate | None:
    """Measured columns whose values repeat, and always together: they are constant within something unnamed."""
    repeating = []
    for column in dataset.schema.features:
        series = dataset.frame[column.name]
        if column.type is not ColumnType.NUMBER or series.null_count():
            continue
        n_unique = series.n_unique()
        if FEWEST_GROUPS <= n_unique <= series.len() / 1.5:
            repeating.append((n_unique, column.name))
    repeating.sort(reverse=True)
    for n_unique, name in repeating[:5]:
        if not _measured(dataset.frame[name]):
            continue
        groups = dense(dataset.frame[name])
        glance = _same_group(groups)
        together = [
            other
            for _, other in repeating
            if other != name
            and _agree(dataset.frame[other], glance)
            and dataset.frame.select(name, other).n_unique() <= 1.02 * n_unique
        ]
        if together:
            names = (name, *sorted(together)[:5])
            return Candidate(
                subject=f"columns:{','.join(sorted(names))}",
                label=f"with equal {' and '.join(repr(one) for one in names[:3])}",
                groups=groups,
                named=True,
                columns=names,
            )
    return None


def _knotted(dataset: Dataset) -> Candidate | None:
    """Rows in small knots of nearly the same features: one thing measured several times, each time a little other."""
    if not FEWEST_GROUPS * 4 <= dataset.n_rows <= _MOST_ROWS:
        return None
    columns = [column for column in dataset.schema.features if column.name in frozenset(dataset.frame.columns)]
    at = coordinates(dataset.frame, columns)
    if at.measured < 2:
        return None
    groups = knots(at.Z)
    sizes = np.bincount(groups)
    tied = sizes[groups] > 1
    if tied.mean() < _LEAST_TIED or sizes.max() > 4 * LARGEST or int((sizes > 1).sum()) < FEWEST_GROUPS:
        return None
    return Candidate(
        subject="rows",
        label="in small knots of nearly equal features",
        groups=groups,
        named=True,
        columns=tuple(column.name for column in columns),
    )


def _same_group(groups: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """At most a thousand pairs of rows of one group: (row, the first row of its group)."""
    _, first = np.unique(groups, return_index=True)
    later = np.flatnonzero(first[groups] != np.arange(groups.size))
    later = later[:: max(1, later.size // 1000)]
    return later, first[groups[later]]


def _agree(series: pl.Series, pairs: tuple[NDArray[np.int64], NDArray[np.int64]]) -> bool:
    """Whether rows of one group mostly have one value: a glance that spares counting every pair of columns."""
    values = series.to_numpy()
    return bool(np.mean(values[pairs[0]] == values[pairs[1]]) > 0.5)


def _measured(series: pl.Series) -> bool:
    """Fractions with at least three digits behind the point: values that do not meet by chance."""
    if not series.dtype.is_float():
        return False
    values = series.head(5000).to_numpy()
    if np.abs(values).max(initial=0.0) > 1e12:
        return False
    return bool((np.abs(values * 100 - np.round(values * 100)) > 1e-7).mean() > 0.5)


def share_target(candidate: Candidate, y: NDArray[Any], n_classes: int) -> float:
    """How far, in standard errors, rows of one group are more alike in y than rows at random (analysis of variance).

    For several classes the largest over the ten most frequent. Integer columns without a telling name must also
    differ between neighbouring values as much as between distant ones, or they measure something.
    """
    if n_classes == 0:
        return _alike(candidate.groups, y.astype(np.float64))
    counts = np.bincount(y, minlength=n_classes)
    picked = [1] if n_classes == 2 else np.argsort(-counts)[:10]
    return max(_alike(candidate.groups, (y == k).astype(np.float64)) for k in picked)


def believed(z: float) -> bool:
    return z > _EFFECT


def _alike(groups: NDArray[np.int64], y: NDArray[np.float64]) -> float:
    sizes = np.bincount(groups)
    n, g = y.size, int((sizes > 0).sum())
    if n <= g or g < 2:
        return 0.0
    means = np.bincount(groups, weights=y) / np.maximum(sizes, 1)
    within = float(((y - means[groups]) ** 2).sum()) / (n - g)
    between = float((sizes * (means - y.mean()) ** 2).sum()) / (g - 1)
    if within <= 0:
        return float("inf") if between > 0 else 0.0
    return (between / within - 1) / float(np.sqrt(2 / (g - 1) + 2 / (n - g)))


def named_by_order(values: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Whether neighbouring values of an integer column differ in y as much as distant ones: then it only names."""
    distinct, codes = np.unique(values, return_inverse=True)
    sizes = np.bincount(codes)
    means = np.bincount(codes, weights=y) / sizes
    if distinct.size < 3:
        return False
    steps = float(np.mean(np.diff(means) ** 2)) / 2
    spread = float(np.var(means))
    return spread > 0 and steps > 0.6 * spread
