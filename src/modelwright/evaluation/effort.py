"""On how many rows a model is tried, by what an answer of it costs: counted in its parts, never by the clock.

Permuting, disturbing and explaining ask a model for many times the rows there are. A single model answers them all; an
ensemble of thousands of trees answers a sample, and the report says of how many rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from modelwright.evaluation.explain import ModelLike

#: nodes visited, about 8 ns each: 0.6 s for shuffled columns, 0.5 s for disturbances, 0.25 s for grids, 0.5 s for
#: what the model says of rows that it has learned from
_PERMUTED, _DISTURBED, _GRIDS, _TRAINED = 75e6, 60e6, 30e6, 60e6
#: steps of TreeSHAP, about 6 ns each
_EXPLAINED = 60e6
#: answers that disturbances ask for on each row, and grids
_DISTURBANCES, _GRID_POINTS = 50, 90
#: multiplications that take as long as one visit of a node
_MULTIPLIED = 16
_REPEATS, _FEW_REPEATS = 5, 3
_FEW = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Rows on which each measurement is made at most, and shuffles of each column."""

    permuted: int = 5_000
    repeats: int = _REPEATS
    disturbed: int = 1_000
    grids: int = 200
    explained: int = 500
    #: rows that were learned from, for the score that shows overfitting; a few thousand say it as well as a million
    trained: int = 1_000_000_000

    def note(self, n_rows: int, n_trained: int, members: int) -> str:
        """What a reader must know where a dear model was tried on fewer rows than a cheap one; else empty."""
        usual = Effort()
        parts = [
            (self.permuted, usual.permuted, "importance"),
            (self.disturbed, usual.disturbed, "robustness"),
            (self.grids, usual.grids, "dependence"),
            (self.explained, usual.explained, "contributions"),
        ]
        said = [f"{what} on {rows}" for rows, most, what in parts if rows < min(most, n_rows)]
        notes = []
        if said:
            who = f"the model has {members} members"
            notes.append(f"Measured on a sample of the {n_rows} test rows, as {who}: {', '.join(said)}.")
        if self.trained < n_trained:
            notes.append(f"The train scores are of a sample of {self.trained} of {n_trained} rows.")
        return " ".join(notes)


def effort(model: ModelLike, frame: pl.DataFrame, *, by_row: bool = True) -> Effort:
    """The rows that a model of these members can be tried on; frame: the judged rows. Equal models, equal numbers.

    by_row: false where an answer looks at the rows around, which a sample of those learned from does not have.
    """
    visits, steps = visits_of(model.members), steps_of(model.members)
    moved = sum(_moved(frame[field.name]) for field in model.signature.inputs if field.name in frame.columns)
    usual, repeats = Effort(), _REPEATS
    permuted = _rows(_PERMUTED, visits * moved * repeats, 150, usual.permuted)
    if permuted < min(_FEW, frame.height):
        repeats = _FEW_REPEATS
        permuted = _rows(_PERMUTED, visits * moved * repeats, 150, min(_FEW, usual.permuted))
    return Effort(
        permuted=permuted,
        repeats=repeats,
        disturbed=_rows(_DISTURBED, visits * _DISTURBANCES, 100, usual.disturbed),
        grids=_rows(_GRIDS, visits * _GRID_POINTS, 25, usual.grids),
        explained=_rows(_EXPLAINED, steps, 50, usual.explained),
        trained=_rows(_TRAINED, visits, 2_000, usual.trained) if by_row else usual.trained,
    )


def visits_of(members: Sequence[Any]) -> float:
    """What an answer to one row costs, in nodes of trees visited, or as much work of another kind."""
    return sum(_visits(member.fitted) for member in members)


def steps_of(members: Sequence[Any]) -> float:
    """What the exact contributions to one row cost: TreeSHAP takes leaves times the square of the depth of each tree.

    Source: Lundberg et al. (2020), Nature Machine Intelligence 2.
    """
    total = 0.0
    for member in members:
        tables = getattr(member.fitted, "tables", None)
        if tables is not None:
            leaves, depth = _shape(tables)
            total += tables.n_trees * leaves * depth**2 * tables.value.shape[1]
    return total


def _visits(fitted: Any) -> float:
    tables = getattr(fitted, "tables", None)
    if tables is not None:
        _, depth = _shape(tables)
        return float(tables.n_trees * (depth + tables.value.shape[1] - 1))
    held = sum(int(np.asarray(array).size) for array in fitted.state().arrays.values())
    return max(1.0, held / _MULTIPLIED)


def _shape(tables: Any) -> tuple[float, float]:
    """Mean leaves of a tree, and the depth that so many leaves have where they are spread evenly."""
    leaves = (len(tables.feature) / max(tables.n_trees, 1) + 1) / 2
    return leaves, 1.0 + math.log2(max(leaves, 1.0))


def _moved(series: pl.Series) -> float:
    """Share of rows to which a shuffle gives another value."""
    n = series.len()
    if n < 2:
        return 0.0
    counts = series.value_counts()["count"].to_numpy().astype(np.float64)
    return float(1 - np.square(counts / n).sum())


def _rows(budget: float, per_row: float, least: int, most: int) -> int:
    return int(min(most, max(least, budget / max(per_row, 1e-9))))
