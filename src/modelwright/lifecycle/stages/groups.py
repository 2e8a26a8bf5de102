"""What is measured of groups, disturbances and single rows once the sealed rows are open: the parts of `measure`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from modelwright.core.judgement import Dependence, Fairness, Robustness, Uncertainty, WeakSlice, WorstRow
from modelwright.core.nouns import ColumnType, Role, Task

if TYPE_CHECKING:
    from modelwright.lifecycle.stages.opened import Opened

#: categories of a column of no role up to which its groups are searched for weak slices
_FEW = 20


def weak_slices(opened: Opened) -> tuple[WeakSlice, ...]:
    """On out-of-fold development rows and sealed rows together."""
    import numpy as np
    import polars as pl

    from modelwright.evaluation.weak_slices import Judged, weak_slices

    y, oof = opened.partition.y, opened.learned.oof
    assert y is not None
    truth, rows = y[opened.learned.oof_rows], opened.learned.oof_rows
    columns = _searched(opened)
    frame = pl.concat([opened.partition.frame[rows].select(columns), opened.sealed.frame.select(columns)])
    if opened.problem.task is Task.REGRESSION:
        assert oof.values is not None
        assert opened.predicted.values is not None
        parts = (np.abs(truth - oof.values), np.abs(opened.y - opened.predicted.values))
    else:
        parts = (truth != oof.labels, opened.y != opened.predicted.labels)
    judged = Judged(
        frame=frame,
        columns=columns,
        loss=np.concatenate(parts).astype(np.float64),
        truth=np.concatenate([truth, opened.y]),
        task=opened.problem.task,
    )
    return weak_slices(judged, seed=opened.seed, level=opened.level)


def _searched(opened: Opened) -> list[str]:
    """Features but texts; columns that were asked about; ignored ones of few values. Never ids."""
    asked = {*opened.spec.evaluation.slices, *opened.spec.evaluation.fairness}
    found = []
    for column in opened.sealed.schema.columns:
        if column.name not in opened.sealed.frame.columns or column.role in (Role.ID, Role.TARGET):
            continue
        few = column.type in (ColumnType.CATEGORY, ColumnType.BOOLEAN)
        few = few and opened.sealed.frame[column.name].n_unique() <= _FEW
        is_feature = column.role is Role.FEATURE and column.type is not ColumnType.TEXT
        if column.name in asked or is_feature or (few and column.role is Role.IGNORED):
            found.append(column.name)
    return found


def fairness(opened: Opened) -> tuple[Fairness, ...]:
    """Columns that were asked for, and those whose names say that they are protected attributes."""
    from modelwright.evaluation import fairness as judged

    asked = [name for name in opened.spec.evaluation.fairness if name in opened.sealed.frame.columns]
    automatic = [name for name in judged.candidates(opened.sealed.schema) if name not in asked]
    found = []
    for name in [*asked, *[one for one in automatic if one in opened.sealed.frame.columns]]:
        one = judged.fairness(
            opened.sealed.frame[name], opened.y, opened.predicted, seed=opened.seed, level=opened.level
        )
        uneven = any(gap.measure == "true_positive_rate" and (gap.difference.low or 0) > 0 for gap in one.gaps)
        tried = _mitigation(opened, name) if uneven else ""
        found.append(
            msgspec.structs.replace(one, asked=name in asked, mitigations=(tried,) if tried else one.mitigations)
        )
    return tuple(found)


def _mitigation(opened: Opened, name: str) -> str:
    from modelwright.evaluation import fairness as judged

    oof, rows, y = opened.learned.oof, opened.learned.oof_rows, opened.partition.y
    threshold = opened.learned.model.decision_threshold
    p = opened.predicted.probabilities
    if opened.problem.task is not Task.BINARY or oof.probabilities is None or p is None or y is None:
        return ""
    groups = opened.partition.frame[name][rows]
    if groups.n_unique() > _FEW:
        return ""
    choose = judged.Sides(groups=groups, y=y[rows], p=oof.probabilities[:, 1])
    sealed = judged.Sides(groups=opened.sealed.frame[name], y=opened.y, p=p[:, 1])
    return judged.own_thresholds(choose, sealed, 0.5 if threshold is None else threshold, judged.balanced)


def robustness(opened: Opened) -> tuple[Robustness, ...]:
    from modelwright.evaluation.robustness import Sample, robustness

    sample = Sample(
        frame=opened.sealed.frame,
        y=opened.y,
        predict=opened.learned.model.predict,
        signature=opened.learned.model.signature,
        important=important(opened),
        metric=opened.metric,
        max_rows=opened.effort.disturbed,
    )
    return robustness(sample, seed=opened.seed, level=opened.level)


def uncertainty(opened: Opened) -> Uncertainty:
    from modelwright.evaluation import conformal

    assert opened.partition.y is not None
    truth = opened.partition.y[opened.learned.oof_rows]
    learned = conformal.learn(truth, opened.learned.oof, opened.spec.evaluation.uncertainty)
    return conformal.judge(learned, opened.y, opened.predicted, opened.level)


def dependence(opened: Opened) -> tuple[Dependence, ...]:
    from modelwright.evaluation.dependence import dependence

    model = opened.learned.model
    return dependence(model.predict, opened.sealed.frame, model.signature, important(opened), opened.effort.grids)


def contributions(opened: Opened) -> dict[str, float]:
    from modelwright.evaluation.contributions import contributions

    return contributions(opened.learned.model, opened.sealed.frame, opened.effort.explained)


def worst_rows(opened: Opened) -> tuple[WorstRow, ...]:
    from modelwright.evaluation.worst_rows import worst_rows

    return worst_rows(opened.sealed, opened.y, opened.predicted, important(opened), _private(opened))


def _private(opened: Opened) -> list[str]:
    """Columns that the rule for personal data names."""
    from modelwright.checks.evidence import DataEvidence
    from modelwright.core import plugins

    rule = plugins.load("checks.data", "personal_data")
    found = rule.run(DataEvidence(dataset=opened.sealed))
    return [one.subject.removeprefix("column:") for one in found if not one.undecided]


def important(opened: Opened) -> list[str]:
    """Input columns, most important first: by permutation where it was measured, else in the order of the table."""
    ranked = [one.column for one in opened.importances]
    return [*ranked, *[field.name for field in opened.learned.model.signature.inputs if field.name not in set(ranked)]]
