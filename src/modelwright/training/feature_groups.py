"""Groups of related columns: by the beginning of their names, and by what moves together.

Left out one at a time, two columns that say the same each seem worthless, because the other one stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelwright.core.digests import child_seed
from modelwright.core.nouns import ColumnType, Schema

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

#: rank correlation from which two columns say much the same
_TOGETHER = 0.8
_SAMPLE_ROWS = 5_000
#: pairs grow with the square of the columns
_MOST_COLUMNS = 400
#: a group of nearly all columns says nothing that the constant does not
_MOST_SHARE = 0.8
_TAIL = re.compile(r"[\s_.\-]*\d+$")
_HEAD = re.compile(r"^([^\s_.\-]+?)(?:[\s_.\-]+\S|(?<=[a-z]{3})(?=[A-Z]))")
#: words that begin names of columns which have nothing in common
_COMMON = frozenset(
    {
        "is",
        "has",
        "had",
        "num",
        "n",
        "no",
        "nr",
        "total",
        "avg",
        "average",
        "mean",
        "min",
        "max",
        "sum",
        "count",
        "cnt",
        "the",
        "my",
        "flag",
        "var",
        "x",
    }
)


def feature_groups(frame: pl.DataFrame, schema: Schema, seed: int = 0) -> dict[str, tuple[str, ...]]:
    """Name of the group -> two or more feature columns in the order of the table; no column is in two groups."""
    names = [column.name for column in schema.features if column.name in frame.columns]
    found = _by_name(names)
    taken = {name for columns in found.values() for name in columns}
    numbers = [c.name for c in schema.features if c.type is ColumnType.NUMBER and c.name in names]
    left = [name for name in numbers if name not in taken][:_MOST_COLUMNS]
    for columns in _by_correlation(frame, left, seed):
        found[f"{columns[0]} and what moves with it"] = columns
    most = max(2, int(_MOST_SHARE * len(names)))
    return {group: columns for group, columns in found.items() if len(columns) <= most}


def _by_name(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`pay_0, pay_2` and `pay_amt1, pay_amt2` by what stands before the number, others by their first word."""
    stems = {name: _TAIL.sub("", name) for name in names if _TAIL.search(name)}
    found = _shared(stems)
    taken = {name for columns in found.values() for name in columns}
    heads = {name: match[1] for name in names if name not in taken and (match := _HEAD.match(name))}
    for stem, columns in _shared({n: h for n, h in heads.items() if h.lower() not in _COMMON}).items():
        found[stem if stem not in found else f"{stem} (others)"] = columns
    return {f"{stem}*" if stem else "numbered": columns for stem, columns in found.items()}


def _shared(stems: dict[str, str]) -> dict[str, tuple[str, ...]]:
    members: dict[str, list[str]] = {}
    for name, stem in stems.items():
        members.setdefault(stem, []).append(name)
    return {stem: tuple(columns) for stem, columns in members.items() if len(columns) > 1}


def _by_correlation(frame: pl.DataFrame, names: Sequence[str], seed: int) -> list[tuple[str, ...]]:
    """Clusters in which each column is correlated with each other one, built in the order of the table."""
    import numpy as np

    if len(names) < 2:
        return []
    rows = np.random.default_rng(child_seed(seed, "feature groups")).permutation(frame.height)[:_SAMPLE_ROWS]
    ranks = np.column_stack([_ranks(frame[name], rows) for name in names])
    close = np.abs(ranks.T @ ranks) >= _TOGETHER
    clusters: list[list[int]] = []
    for at in range(len(names)):
        home = next((one for one in clusters if all(close[at, other] for other in one)), None)
        if home is None:
            clusters.append([at])
        else:
            home.append(at)
    return [tuple(names[at] for at in one) for one in clusters if len(one) > 1]


def _ranks(column: pl.Series, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Centred ranks of unit length, missing ones in the middle; zeros for a column that does not vary."""
    import numpy as np

    ranks = column[rows].rank("average").cast(float).to_numpy().astype(np.float64)
    known = np.isfinite(ranks)
    middle = float(ranks[known].mean()) if known.any() else 0.0
    centred = np.where(known, ranks - middle, 0.0)
    length = float(np.sqrt(centred @ centred))
    return centred / length if length > 0 else centred
