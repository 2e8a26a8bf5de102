"""Fit one encoder on training columns, so that no training row sees its own target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.core import plugins
from modelwright.core.ports import FitContext, FittedTransformer

if TYPE_CHECKING:
    import polars as pl

    from modelwright.features.resolving import Step

Folds = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]


class Encoded(NamedTuple):
    """What was learned, and the training rows' own values, (n, k)."""

    fitted: FittedTransformer
    block: NDArray[np.float64]


def learn(step: Step, table: pl.DataFrame, y: NDArray[Any] | None, context: FitContext) -> FittedTransformer:
    """The encoder alone, as new rows will meet it."""
    plugin = plugins.load("transformers", step.transformer)
    fitted: FittedTransformer = plugin.fit(table.select(step.columns), y, _params(plugin, step), context)
    return fitted


def encode(
    step: Step, table: pl.DataFrame, y: NDArray[Any] | None, context: FitContext, folds: Folds | None
) -> Encoded:
    """folds: (learn, judge) positions for encoders that look at the target; None for random parts by the seed."""
    plugin = plugins.load("transformers", step.transformer)
    columns = table.select(step.columns)
    params = _params(plugin, step)
    fitted = plugin.fit(columns, y, params, context)
    if hasattr(plugin, "out_of_fold"):
        return Encoded(fitted, plugin.out_of_fold(fitted, columns, y, params, seed=context.seed, folds=folds))
    return Encoded(fitted, fitted.apply(columns))


def _params(plugin: Any, step: Step) -> Any:
    return msgspec.convert(step.params, plugin.Params)
