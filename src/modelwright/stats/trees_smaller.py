"""Tree models made smaller: numbers of half the width, fewer rounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.stats.trees_model import TreeModel

_BY_NODE = ("feature", "threshold", "missing_left", "left", "right", "value", "cover")


def rounded(model: TreeModel) -> TreeModel:
    """The same trees with leaves in float32; their native text is left behind.

    Thresholds are rounded down where the trees see float32 inputs anyway, which changes no answer. Elsewhere they
    stay: values of few decimals often lie right beside a threshold, and some would change sides.
    """
    t = model.tables
    threshold = _down(t.threshold) if t.single else t.threshold
    tables = replace(t, threshold=threshold, value=_single(t.value), cover=_single(t.cover))
    return TreeModel(tables, model.link, about=model.about)


def shortened(model: TreeModel, rounds: int) -> TreeModel:
    """The first rounds only. A forest, whose answer is a mean of trees, keeps being one."""
    t = model.tables
    per_round = t.n_outputs if t.value.shape[1] == 1 else 1
    kept = max(1, min(rounds, t.n_trees // per_round)) * per_round
    end = int(t.starts[kept])
    flat: dict[str, Any] = {name: getattr(t, name)[:end] for name in _BY_NODE}
    scale = t.scale * t.n_trees / kept if is_mean(model) else t.scale
    tables = replace(t, **flat, starts=t.starts[: kept + 1], scale=scale)
    return TreeModel(tables, model.link, about=model.about)


def rounds_of(model: TreeModel) -> int:
    t = model.tables
    return t.n_trees // (t.n_outputs if t.value.shape[1] == 1 else 1)


def is_mean(model: TreeModel) -> bool:
    """Whether the trees are averaged (forests) rather than added up (boosters)."""
    return model.link in ("share", "shares", "halving") or model.tables.scale != 1.0


def _down(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest float32 that is not above, as float64; what float32 cannot reach becomes its end."""
    most = np.finfo(np.float32).max
    single = np.clip(values, -most, most).astype(np.float32)
    above = single.astype(np.float64) > values
    single[above] = np.nextafter(single[above], np.float32(-np.inf))
    return np.maximum(single, -most).astype(np.float64)


def _single(values: NDArray[np.float64]) -> NDArray[np.float64]:
    most = np.finfo(np.float32).max
    return np.asarray(np.clip(values, -most, most).astype(np.float32).astype(np.float64))
