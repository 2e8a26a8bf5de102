"""The joint test over windows: only where the columns are silent, against reference rows of equal season."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType
from modelwright.monitoring import joint
from modelwright.monitoring.drift import WindowDrift
from modelwright.monitoring.drift_calibration import strata_of
from modelwright.monitoring.windows import Piece
from modelwright.registry.reference_columns import ColumnReference

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

MOST_WINDOWS = 60
#: clean windows of the history on which the classifier is tried too, and labels that are told apart
_REPLAYS, _MOST_LABELS = 12, 50
#: rows a side that all windows of a table may use together
_ALL_ROWS = 60_000


class Tables(NamedTuple):
    columns: Mapping[str, ColumnReference]
    reference: pl.DataFrame
    reference_seconds: Floats | None
    current: pl.DataFrame
    seconds: Floats | None


def judged(
    tables: Tables, windows: Sequence[WindowDrift], cut: Sequence[Piece], level: float, seed: int
) -> list[WindowDrift]:
    """Windows with their joint test. `level`: its share of a window's alarm probability."""
    names = [name for name, column in tables.columns.items() if name in tables.current.columns and _usable(column)]
    silent = [
        at
        for at, window in enumerate(windows)
        if not window.undecided and window.rows >= joint.LEAST_ROWS and not any(each.seen for each in window.features)
    ]
    if len(names) < 2 or not silent or tables.reference.height < joint.LEAST_ROWS:
        return list(windows)
    most = int(min(joint.MOST_ROWS // 2, max(1_000, _ALL_ROWS // len(silent))))
    X, Y = _numbers(tables.reference, tables.columns, names), _numbers(tables.current, tables.columns, names)
    labels = [at for at, name in enumerate(names) if tables.columns[name].grid is None]
    found = list(windows)
    null: Floats | None = None
    for at in silent:
        piece = cut[at]
        sides = _sides(tables, X, Y, piece, most, labels, np.random.default_rng([seed, at]))
        told = joint.tell_apart(sides, seed)
        p = told.p
        if p <= level:  # only what theory for independent rows calls clear is worth the replay
            null = _replayed(tables, X, piece.last - piece.first, most, labels, seed) if null is None else null
            p = max(p, _beyond(told.z, null))
        seen = p <= level and told.auc >= joint.FLOOR_AUC
        top = joint.tell_apart(sides, seed, names).top if seen else ()
        said = {"auc": told.auc, "p": p, "seen": seen, "alarm": False, "top": list(top), "rows": len(sides.current)}
        found[at] = replace(windows[at], joint=said)
    return found


def _usable(column: ColumnReference) -> bool:
    return column.type is not ColumnType.TEXT and column.known > 0


def _numbers(frame: pl.DataFrame, columns: Mapping[str, ColumnReference], names: Sequence[str]) -> Floats:
    found = np.empty((frame.height, len(names)))
    for at, name in enumerate(names):
        column = columns[name]
        positions = column.positions(frame[name])
        values = positions.astype(np.float64)
        if column.grid is None:
            values = np.minimum(values, float(min(len(column.labels), _MOST_LABELS)))
        values[positions == column.size - 1] = np.nan
        found[:, at] = values
    return found


def _sides(
    tables: Tables, X: Floats, Y: Floats, piece: Piece, most: int, labels: Sequence[int], rng: np.random.Generator
) -> joint.Sides:
    """Rows drawn from both, the reference's as the window's are spread over the hours of the week."""
    rows = np.arange(piece.first, piece.last)
    if rows.size > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    chance = None
    if tables.seconds is not None and tables.reference_seconds is not None:
        chance = _chance(tables.reference_seconds, tables.seconds[piece.first : piece.last])
    count = min(most, X.shape[0] if chance is None else int((chance > 0).sum()))
    drawn = rng.choice(X.shape[0], count, replace=False, p=chance)
    return joint.Sides(X[drawn], Y[rows], labels)


def _chance(reference: Floats, window: Floats) -> Floats | None:
    theirs, ours = strata_of(reference, "hour of the week"), strata_of(window, "hour of the week")
    there = np.bincount(theirs, minlength=168).astype(float)
    wanted = np.bincount(ours, minlength=168).astype(float)
    wanted[there == 0] = 0.0
    if wanted.sum() < 0.8 * window.size:
        return None
    weights = (wanted / np.maximum(there, 1.0))[theirs]
    return np.asarray(weights / weights.sum()) if (weights > 0).sum() >= joint.LEAST_ROWS else None


def _replayed(tables: Tables, X: Floats, rows: int, most: int, labels: Sequence[int], seed: int) -> Floats:
    """z of the classifier on stretches of the history as long as the window, against the rest."""
    rng = np.random.default_rng([seed, 7])
    size = min(rows, X.shape[0] // 4)
    firsts = np.linspace(0, X.shape[0] - size, _REPLAYS).astype(int)
    found = []
    for first in firsts.tolist():
        inside = np.zeros(X.shape[0], dtype=bool)
        inside[first : first + size] = True
        block, rest = X[inside], X[~inside]
        chance = None
        if tables.reference_seconds is not None:
            chance = _chance(tables.reference_seconds[~inside], tables.reference_seconds[inside])
        block = block[rng.permutation(len(block))[:most]]
        count = min(most, len(rest) if chance is None else int((chance > 0).sum()))
        drawn = rest[rng.choice(len(rest), count, replace=False, p=chance)]
        found.append(joint.tell_apart(joint.Sides(drawn, block, labels), seed).z)
    return np.array(found)


def _beyond(z: float, null: Floats) -> float:
    """The chance of a clean window's z being as large: Student's t, its spread never below theory's."""
    from scipy.special import stdtr

    spread = max(1.0, float(null.std(ddof=1))) * np.sqrt(1 + 1 / null.size)
    if z <= null.max():
        return 1.0
    freedom = null.size - 1 if null.std(ddof=1) > 1.5 else 200
    return float(stdtr(freedom, -(z - max(0.0, float(null.mean()))) / spread))
