"""From a finished refit to a model: signature, calibration and decision threshold, all from out-of-fold rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelwright.core.digests import child_seed, digest_of
from modelwright.core.nouns import ColumnType, Signature, SignatureField, Task
from modelwright.core.tables import Predictions
from modelwright.training.candidates import load_family
from modelwright.training.request import TrainRequest
from modelwright.training.scoring import Judge, as_predictions
from modelwright.training.units import UnitStore

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from modelwright.features.pipeline import FittedFeatures
    from modelwright.registry.model import Model
    from modelwright.stats.calibration import Calibrator

_MOST_CATEGORIES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """What is put on top of a fitted family, and the out-of-fold predictions as the finished model would make them."""

    oof: Predictions
    oof_rows: NDArray[np.int64]
    calibrator: Calibrator | None = None
    threshold: float | None = None
    notes: tuple[str, ...] = ()


def finish(
    request: TrainRequest, judge: Judge, raw: Sequence[NDArray[np.float64]], *, calibrate: bool = True
) -> Finish:
    """Calibrate and choose the threshold on out-of-fold predictions. raw: family outputs per fold's judge rows.

    The returned predictions of each fold are calibrated, and decided, by what was fitted on the other folds, so that
    validation metrics flatter neither the calibration nor the threshold.
    """
    rows, pooled = judge.out_of_fold(raw)
    if not request.task.is_classification:
        return Finish(oof=as_predictions(request.task, request.classes, pooled), oof_rows=rows)
    calibrator, honest, notes = None, list(raw), list[str]()
    seed = child_seed(request.seed, "calibration")
    if calibrate:
        calibrator, honest, notes = _calibrate(judge, raw, rows, pooled, seed)
    _, probabilities = judge.out_of_fold(honest)
    threshold = request.evaluation.decision_threshold if request.task is Task.BINARY else None
    told: float | NDArray[np.float64] | None = threshold  # what labels of out-of-fold rows are decided by
    if judge.tunes_threshold:
        threshold, why = _tune(judge, rows, pooled if calibrator is None else calibrator.apply(pooled), seed)
        notes.append(f"decision threshold {threshold:.3f}: {why}")
        told = judge.out_of_fold(judge.thresholds(honest, seed))[1]
    elif request.task is Task.BINARY and threshold is None:
        threshold = 0.5
    oof = as_predictions(request.task, request.classes, probabilities, told)
    return Finish(oof=oof, oof_rows=rows, calibrator=calibrator, threshold=threshold, notes=tuple(notes))


def calibration_s(n_rows: int) -> float:
    """About how many seconds `finish` spends on calibrating so many out-of-fold rows, on an idle core."""
    from modelwright.stats.calibration import MOST_ROWS

    return 1.5 * min(n_rows, MOST_ROWS) / MOST_ROWS


def _calibrate(
    judge: Judge,
    raw: Sequence[NDArray[np.float64]],
    rows: NDArray[np.int64],
    pooled: NDArray[np.float64],
    seed: int,
) -> tuple[Calibrator | None, list[NDArray[np.float64]], list[str]]:
    from modelwright.stats import calibration

    chosen = calibration.fit(pooled, judge.y[rows], seed=seed)
    if chosen.method == "identity":
        return None, list(raw), ["calibration: left as they are, no method was better out of fold"]
    losses = chosen.losses or {}
    note = f"calibration: {chosen.method}"
    if chosen.method in losses and "identity" in losses:
        note += f", log loss {losses['identity']:.4f} -> {losses[chosen.method]:.4f} on rows it had not seen"
    return chosen, _cross_calibrated(judge, raw, chosen.method, seed), [note]


def _cross_calibrated(
    judge: Judge, raw: Sequence[NDArray[np.float64]], method: str, seed: int
) -> list[NDArray[np.float64]]:
    """Each row's predictions through a calibrator of the chosen kind that was fitted without that row."""
    import numpy as np

    from modelwright.stats import calibration

    found = [np.empty_like(values) for values in raw]
    for at, held, y, p in judge.crossed(raw, seed):
        found[at][held] = calibration.fit_as(method, p, y, seed=seed).apply(raw[at][held])
    return found


def _tune(judge: Judge, rows: NDArray[np.int64], probabilities: NDArray[np.float64], seed: int) -> tuple[float, str]:
    from modelwright.stats import thresholds

    found = thresholds.tune(judge.y[rows], probabilities[:, 1], judge.metric_name, seed=seed, costs=judge.costs)
    return found.value, found.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One member of a model to be: a finished unit that kept its state, and its weight."""

    family: str
    key: str
    weight: float = 1.0
    fold: int | None = None  # the fold it was judged on


def assemble(request: TrainRequest, store: UnitStore, parts: Sequence[Part], top: Finish | None = None) -> Model:
    """The model of finished units, with calibrator and threshold where there are any."""
    from modelwright.features import pipeline
    from modelwright.registry.model import Member, Model

    known: dict[str, FittedFeatures] = {}  # models of one fold learned from the same matrix: features are held once
    members = []
    for part in parts:
        state = store.features(part.key)
        name = digest_of(state)
        if name not in known:
            known[name] = pipeline.restore(state, request.base_dir)
        fitted = load_family(part.family, request.base_dir).restore(store.state(part.key))
        members.append(
            Member(features=known[name], family=part.family, fitted=fitted, weight=part.weight, fold=part.fold)
        )
    used = dict.fromkeys(column for features in known.values() for column in features.columns)
    return Model(
        signature=signature_of(request, list(used)),
        members=tuple(members),
        calibrator=None if top is None else top.calibrator,
        decision_threshold=None if top is None else top.threshold,
    )


def signature_of(request: TrainRequest, columns: Sequence[str]) -> Signature:
    """The input columns with what training has seen in them."""
    target = request.schema.target
    return Signature(
        inputs=tuple(_field(request, name) for name in columns),
        task=request.task,
        target=target,
        classes=request.classes,
        target_type=request.schema[target].type if target else ColumnType.NUMBER,
        positive=request.positive or (request.classes[1] if request.task is Task.BINARY else None),
    )


def _field(request: TrainRequest, name: str) -> SignatureField:
    column = request.frame[name]
    declared = request.schema[name]
    kind = declared.type
    low, high = (_number(column.min()), _number(column.max())) if kind is ColumnType.NUMBER else (None, None)
    categories = _categories(column) if kind is ColumnType.CATEGORY else None
    return SignatureField(
        name=name, type=kind, nullable=True, low=low, high=high, categories=categories, format=declared.format
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _categories(column: pl.Series) -> tuple[str, ...]:
    """Values seen, most frequent first, ties by name."""
    counts = column.drop_nulls().value_counts(sort=False)
    ordered = sorted(counts.iter_rows(), key=lambda row: (-row[1], str(row[0])))
    return tuple(str(value) for value, _ in ordered[:_MOST_CATEGORIES])


def nothing(request: TrainRequest) -> Predictions:
    """Out-of-fold predictions of a model that was not judged."""
    import numpy as np

    empty = np.zeros(0)
    if request.task.is_classification:
        width = len(request.classes)
        return Predictions(
            classes=request.classes, probabilities=np.zeros((0, width)), labels=np.zeros(0, dtype=np.int64)
        )
    return Predictions(labels=empty.astype(np.int64)) if request.task is Task.CLUSTERING else Predictions(values=empty)


def no_rows() -> NDArray[np.int64]:
    import numpy as np

    return np.zeros(0, dtype=np.int64)
