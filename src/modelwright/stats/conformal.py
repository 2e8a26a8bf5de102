"""Conformal intervals and sets: what was learned from out-of-fold rows, applied the same way when judged and served.

Sources: Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World (split conformal, and Mondrian
categories); Lei et al. (2018), JASA 113 (locally weighted residuals); Barber et al. (2021), Annals of Statistics 49
(out-of-fold residuals in place of a calibration part); Sadinle, Lei and Wasserman (2019), JASA 114 (least ambiguous
sets).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: fewer rows than this give no quantile worth having; a class with fewer shares the quantile of all
MIN_ROWS = 30
_LEVELS = 10
#: how much narrower intervals must be by the difficulty of the row for it to be used
_GAIN = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformal:
    """`quantiles`: one for intervals; one per class for sets. `edges`, `scales`: how large errors are by the level of
    the answer, for intervals (len(scales) == len(edges) + 1); empty: the same everywhere."""

    kind: str  # interval | set
    asked: float
    quantiles: tuple[float, ...]
    n: int
    edges: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()

    def interval(self, values: Array) -> tuple[Array, Array]:
        """(low, high), each (n,), around the answers (n,)."""
        half = self.quantiles[0] * self._scale(values)
        return values - half, values + half

    def members(self, probabilities: Array) -> NDArray[np.bool_]:
        """(n, k): which classes are in each row's set. The likeliest one always is: an empty set helps nobody."""
        found = probabilities >= 1 - np.array(self.quantiles)[None, :]
        found[np.arange(found.shape[0]), probabilities.argmax(axis=1)] = True
        return np.asarray(found)

    def state(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "kind": self.kind,
            "asked": self.asked,
            "quantiles": list(self.quantiles),
            "n": self.n,
            "edges": list(self.edges),
            "scales": list(self.scales),
        }

    def _scale(self, values: Array) -> Array:
        if not self.scales:
            return np.ones(values.size)
        return np.array(self.scales)[np.searchsorted(np.array(self.edges), values)]


def restore(state: Mapping[str, Any]) -> Conformal:
    """The inverse of `state`. Raises ValueError on anything out of shape."""
    try:
        found = Conformal(
            kind=str(state["kind"]),
            asked=float(state["asked"]),
            quantiles=tuple(float(value) for value in state["quantiles"]),
            n=int(state["n"]),
            edges=tuple(float(value) for value in state.get("edges", ())),
            scales=tuple(float(value) for value in state.get("scales", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"the uncertainty of the model cannot be read ({error})") from error
    numbers = (found.asked, *found.quantiles, *found.edges, *found.scales)
    fits = len(found.scales) == (len(found.edges) + 1 if found.scales or found.edges else 0)
    rising = all(a < b for a, b in zip(found.edges, found.edges[1:], strict=False))
    known = found.kind in ("interval", "set") and found.quantiles and 0 < found.asked < 1
    if not (known and fits and rising and all(math.isfinite(one) for one in numbers) and min(found.scales or (1,)) > 0):
        raise ValueError("the uncertainty of the model is out of shape")
    return found


def quantile(scores: Array, asked: float) -> float:
    """The ceil((n + 1) * asked)-th smallest score; the largest where there are too few rows to promise more."""
    rank = math.ceil((scores.size + 1) * asked)
    return float(np.sort(scores)[min(rank, scores.size) - 1])


def fit_intervals(y: Array, predicted: Array, asked: float) -> Conformal:
    """From answers to rows the model had not learned from. Raises ValueError below 30 rows."""
    _enough(y.size)
    errors = np.abs(y - predicted)
    plain = Conformal(kind="interval", asked=asked, quantiles=(quantile(errors, asked),), n=int(y.size))
    if y.size < 50 * _LEVELS:
        return plain
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, _LEVELS + 1)[1:-1]))
    if not edges.size:
        return plain
    scales = _scales(errors, np.searchsorted(edges, predicted), edges.size + 1)
    if scales is None:
        return plain
    scale = scales[np.searchsorted(edges, predicted)]
    scaled = Conformal(
        kind="interval",
        asked=asked,
        quantiles=(quantile(errors / scale, asked),),
        n=int(y.size),
        edges=tuple(float(edge) for edge in edges),
        scales=tuple(float(one) for one in scales),
    )
    narrower = scaled.quantiles[0] * float(scale.mean()) < (1 - _GAIN) * plain.quantiles[0]
    uneven = float(scales.max() / scales.min()) > 1.5  # errors that differ by level must not be covered unevenly
    return scaled if narrower or uneven else plain


def _scales(errors: Array, level: NDArray[np.int64], n_levels: int) -> Array | None:
    """The mean error at each level of the answer, drawn towards the mean of all; None where errors are all zero."""
    whole = float(errors.mean())
    if not whole > 0.0 or not math.isfinite(whole):
        return None
    counts = np.bincount(level, minlength=n_levels)
    sums = np.bincount(level, weights=errors, minlength=n_levels)
    return np.asarray((sums + 10 * whole) / (counts + 10))


def fit_sets(y: NDArray[np.int64], probabilities: Array, asked: float) -> Conformal:
    """One quantile per class (Mondrian), so that rare classes are covered as often as common ones; a class with too few
    rows for a quantile of its own gets that of all rows. Raises ValueError below 30 rows."""
    _enough(y.size)
    scores = 1 - probabilities[np.arange(y.size), y]
    whole = quantile(scores, asked)
    needed = max(MIN_ROWS, math.ceil(3 / (1 - asked)))
    found = []
    for position in range(probabilities.shape[1]):
        own = scores[y == position]
        found.append(quantile(own, asked) if own.size >= needed else whole)
    return Conformal(kind="set", asked=asked, quantiles=tuple(found), n=int(y.size))


def _enough(n: int) -> None:
    if n < MIN_ROWS:
        raise ValueError(f"{n} rows are too few to say how sure the model is: {MIN_ROWS} are needed")
