"""Whom other people's predictions serve badly: slices nobody named, and groups that must be served alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.judgement import Fairness, Judgement, WeakSlice
from modelwright.core.nouns import ColumnType, Role, Task
from modelwright.core.tables import Dataset, Predictions
from modelwright.lifecycle.auditing.claim import Claim

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: categories up to which a column's groups are searched
_FEW = 20


def judge_groups(claim: Claim, dataset: Dataset, y: NDArray[Any], predicted: Predictions, task: Task) -> Judgement:
    """dataset: the columns that may cut rows into groups, neither truth nor prediction, in the order of y."""
    return Judgement(
        weak_slices=_weak(claim, dataset, y, predicted, task),
        fairness=_fair(claim, dataset, y, predicted),
        missing=dict.fromkeys(
            ("learning_curve", "robustness", "uncertainty", "dependence", "calibration"),
            "only predictions are at hand, and no model",
        ),
    )


def _weak(claim: Claim, dataset: Dataset, y: NDArray[Any], predicted: Predictions, task: Task) -> tuple[WeakSlice, ...]:
    import numpy as np

    from modelwright.evaluation.weak_slices import Judged, weak_slices

    loss = np.abs(y - predicted.values) if predicted.values is not None else (y != predicted.labels)
    judged = Judged(
        frame=dataset.frame,
        columns=_searched(claim, dataset),
        loss=np.asarray(loss, dtype=np.float64),
        truth=y,
        task=task,
    )
    return weak_slices(judged, level=claim.level)


def _searched(claim: Claim, dataset: Dataset) -> list[str]:
    asked = {*claim.segments, *claim.fairness}

    def useful(name: str) -> bool:
        column = dataset.schema[name]
        if name in asked:
            return True
        if column.role is Role.ID or column.type is ColumnType.TEXT:
            return False
        return column.type is not ColumnType.CATEGORY or dataset.frame[name].n_unique() <= _FEW

    return [name for name in dataset.schema.names if useful(name)]


def _fair(claim: Claim, dataset: Dataset, y: NDArray[Any], predicted: Predictions) -> tuple[Fairness, ...]:
    from modelwright.evaluation import fairness as judged

    names = list(dict.fromkeys([*claim.fairness, *judged.candidates(dataset.schema)]))
    return tuple(
        msgspec.structs.replace(
            judged.fairness(dataset.frame[name], y, predicted, level=claim.level), asked=name in claim.fairness
        )
        for name in names
    )
