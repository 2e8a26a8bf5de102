"""Why one row got its answer: the first explainer that can speak for the model, mapped to raw input columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from modelwright.core import plugins
from modelwright.core.errors import ModelError
from modelwright.core.tables import Predictions

if TYPE_CHECKING:
    import polars as pl


class ModelLike(Protocol):
    """What explainers need of a model; `registry.model.Model` is one."""

    @property
    def signature(self) -> Any: ...
    @property
    def members(self) -> Sequence[Any]: ...
    def predict(self, frame: pl.DataFrame) -> Predictions: ...


@runtime_checkable
class Explainer(Protocol):
    """A plugin of the seam `explainers`: one answer as JSON values, keyed by raw input column."""

    @property
    def exact(self) -> bool:
        """Whether the parts add up to the answer by construction."""
        ...

    def explain(self, model: ModelLike, frame: pl.DataFrame, row: int) -> dict[str, Any]:
        """Raises ModelError (`explain.unsupported`) where the model cannot be explained this way."""
        ...


def explain_row(model: ModelLike, frame: pl.DataFrame, row: int = 0) -> dict[str, Any]:
    """Contributions of raw input columns to the answer for one row, largest first.

    Keys: `method`, `exact`, `space` (what the contributions add up in), `base`, `contributions` ({column, value,
    contribution}). Exact additive contributions where every member offers them; else each column's effect against
    typical rows, which need not add up. Raises ModelError (`row.unknown`).
    """
    if not 0 <= row < frame.height:
        raise ModelError(
            f"There is no row {row}: the table has {frame.height} rows.",
            code="row.unknown",
            hint=f"use a number from 0 to {max(frame.height - 1, 0)}",
            subject=f"row:{row}",
        )
    try:
        found = plugins.load("explainers", "contributions").explain(model, frame, row)
    except ModelError as error:
        if error.code != "explain.unsupported":
            raise
        found = plugins.load("explainers", "occlusion").explain(model, frame, row)
    values = frame.row(row, named=True)
    ordered = sorted(found["contributions"].items(), key=lambda item: (-abs(item[1]), item[0]))
    listed = [{"column": name, "value": _plain(values.get(name)), "contribution": part} for name, part in ordered]
    return {**found, "contributions": listed}


def _plain(value: Any) -> Any:
    """JSON values only."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
