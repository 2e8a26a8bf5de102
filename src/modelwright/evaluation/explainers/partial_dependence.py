"""How the mean answer moves as one column is set to each of a grid of values, all else as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelwright.core.nouns import ColumnType
from modelwright.evaluation.explain import Explainer, ModelLike

if TYPE_CHECKING:
    import polars as pl

_ROWS = 500
_POINTS = 15


class _PartialDependence:
    """Source: Friedman (2001), Annals of Statistics 29. Values that never occur together are averaged as well."""

    exact = False

    def explain(self, model: ModelLike, frame: pl.DataFrame, row: int) -> dict[str, Any]:
        """`contributions`: the range of the curve by column; `curves`: {column: {values, answers}}. `row` is unused."""
        part = frame[np.unique(np.linspace(0, frame.height - 1, min(_ROWS, frame.height)).astype(np.int64))]
        curves = {}
        for field in model.signature.inputs:
            grid = _grid(part, field)
            if len(grid) >= 2:
                curves[field.name] = {"values": grid, "answers": _curve(model, part, field.name, grid)}
        ranges = {name: float(np.ptp(np.array(curve["answers"]))) for name, curve in curves.items()}
        return {
            "method": "partial dependence",
            "exact": False,
            "space": "probability" if model.signature.task.is_classification else "answer",
            "base": 0.0,
            "contributions": ranges,
            "curves": curves,
        }


def _grid(part: pl.DataFrame, field: Any) -> list[Any]:
    known = part[field.name].drop_nulls()
    if known.len() == 0 or field.type in (ColumnType.TEXT, ColumnType.DATETIME):
        return []
    if field.type is ColumnType.NUMBER:
        found = np.unique(np.quantile(known.to_numpy(), np.linspace(0.02, 0.98, _POINTS), method="nearest"))
        return [value.item() for value in found]
    top: list[Any] = known.value_counts(sort=True).head(_POINTS)[field.name].to_list()
    return top


def _curve(model: ModelLike, part: pl.DataFrame, name: str, grid: list[Any]) -> list[float]:
    import polars as pl

    answers = []
    for value in grid:
        predictions = model.predict(part.with_columns(pl.lit(value).cast(part.schema[name]).alias(name)))
        if predictions.probabilities is not None:
            # Several classes: the first class's curve would be arbitrary; the winner's mean probability is shown.
            p = predictions.probabilities
            answers.append(float(p[:, 1].mean() if p.shape[1] == 2 else p.max(axis=1).mean()))
        elif predictions.values is not None:
            answers.append(float(predictions.values.mean()))
    return answers


PLUGIN: Explainer = _PartialDependence()
