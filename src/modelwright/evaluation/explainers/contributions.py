"""Exact additive contributions (TreeSHAP, coefficients), added up over the matrix columns of each raw input column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Task
from modelwright.core.ports import Contributing
from modelwright.evaluation.explain import Explainer, ModelLike

if TYPE_CHECKING:
    import polars as pl


class _Contributions:
    """Source: Lundberg et al. (2020), Nature Machine Intelligence 2, for trees; coefficient times centred value for
    linear models. Members are averaged in margin space by weight, which for several classifiers explains the mean of
    their log-odds, not the mean of their probabilities: `exact` is then false."""

    exact = True

    def explain(self, model: ModelLike, frame: pl.DataFrame, row: int) -> dict[str, Any]:
        one = frame.slice(row, 1)
        total = sum(float(member.weight) for member in model.members)
        base, parts = 0.0, dict.fromkeys((field.name for field in model.signature.inputs), 0.0)
        position = self._class(model, one)
        for member in model.members:
            if not isinstance(member.fitted, Contributing):
                raise _unsupported(f"the {member.family} offers no additive contributions")
            matrix = member.features.transform(one)
            found = np.asarray(member.fitted.contributions(matrix.values))
            vector: NDArray[np.float64] = found[0] if found.ndim == 2 else found[0, position]
            share = float(member.weight) / total
            base += share * float(vector[-1])
            for owners, value in zip(member.features.sources, vector[:-1], strict=True):
                for column in owners:  # what several columns make together is shared equally
                    parts[column] = parts.get(column, 0.0) + share * float(value) / len(owners)
        return {
            "method": "additive contributions",
            "exact": len(model.members) == 1,
            "space": self._space(model, position),
            "base": base,
            "contributions": parts,
        }

    def _class(self, model: ModelLike, one: pl.DataFrame) -> int:
        """Several classes: the answered one is explained."""
        if model.signature.task is not Task.MULTICLASS:
            return 0
        labels = model.predict(one).labels
        return 0 if labels is None else int(labels[0])

    def _space(self, model: ModelLike, position: int) -> str:
        signature = model.signature
        if signature.task is Task.MULTICLASS:
            return f"log-odds of {signature.classes[position]}"
        if signature.task is Task.BINARY:
            return f"log-odds of {signature.positive or signature.classes[1]}"
        return f"{signature.target or 'score'}"


def _unsupported(why: str) -> ModelError:
    return ModelError(f"This model has no exact contributions: {why}.", code="explain.unsupported", subject="model")


PLUGIN: Explainer = _Contributions()
