"""The parity gate: a scorer serves only if it decides as the training path does, on rows made to tell them apart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError, did_you_mean
from modelwright.core.run import ScorerRecord
from modelwright.core.tables import Predictions
from modelwright.registry.manifest import ScorerEvidence
from modelwright.registry.scorers import Scorer

if TYPE_CHECKING:
    import polars as pl

#: absolute for probabilities; relative to the value for values larger than 1
TOLERANCE = 1e-6
#: probabilities this close are the same number: which side of a threshold they fall on is chance
TIE = 1e-9
#: a scorer is only worth preferring over a simpler choice when it is this much faster
PREFERENCE = 1.5
ORDER = ("compiled", "onnx", "reference")
_TIMED_ROWS, _TIMING_S = 200, 0.1
#: rows of each kind that are also tried one by one
SINGLE_ROWS = 600


def judge(
    scorer: Scorer,
    kinds: Mapping[str, pl.DataFrame],
    truth: Mapping[str, Predictions],
    threshold: float | None,
    *,
    singles: int = SINGLE_ROWS,
    batches: bool = True,
) -> ScorerEvidence:
    """Compare one scorer with the reference's answers, in batches and row by row. Never raises.

    `batches=False` is for a scorer whose batch is the very call that gave the truth.
    """
    tried, flips, ties, worst, reason = 0, 0, 0, 0.0, ""
    for kind, frame in kinds.items():
        try:
            for found, expected in _answers(scorer, frame, truth[kind], singles, batches):
                difference, wrong, close = compare(found, expected, threshold)
                bad = (difference > TOLERANCE) | (wrong & ~close)
                tried += expected.n_rows
                ties += int((wrong & close).sum())
                flips += int((wrong & ~close).sum())
                worst = max(worst, float(difference.max(initial=0.0)))
                if bad.any() and not reason:
                    reason = _reason(kind, int(bad.sum()), expected.n_rows, float(difference[bad].max()))
        except Exception as error:  # noqa: BLE001 - a scorer that crashes on one row is refused, whatever it raises
            reason = reason or f"fails on {kind} rows ({type(error).__name__}: {str(error)[:160]})"
    return ScorerEvidence(
        passed=not reason,
        reason=reason,
        rows_tried=tried,
        rows_by_kind={kind: frame.height for kind, frame in kinds.items()},
        worst_difference=worst if np.isfinite(worst) else None,
        decision_flips=flips,
        ties=ties,
    )


def compare(
    found: Predictions, expected: Predictions, threshold: float | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Per row: the largest difference (relative above 1), whether decisions differ, and whether that is a tie."""
    n = expected.n_rows
    if found.n_rows != n:
        return np.full(n, np.inf), np.ones(n, bool), np.zeros(n, bool)
    difference = np.zeros(n)
    for name in ("probabilities", "values"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        if theirs is not None:
            if ours is None or ours.shape != theirs.shape:
                return np.full(n, np.inf), np.ones(n, bool), np.zeros(n, bool)
            difference = np.maximum(difference, _difference(ours, theirs).reshape(n, -1).max(axis=1))
    wrong = np.zeros(n, bool)
    if expected.labels is not None:
        wrong = np.ones(n, bool) if found.labels is None else found.labels != expected.labels
    return difference, wrong, _tied(expected, threshold)


def _difference(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return np.where(same, 0.0, np.where(np.isnan(gap), np.inf, gap))


def _tied(expected: Predictions, threshold: float | None) -> NDArray[np.bool_]:
    p = expected.probabilities
    if p is None:
        return np.zeros(expected.n_rows, bool)
    if threshold is not None and p.shape[1] == 2:
        return np.asarray(np.abs(p[:, 1] - threshold) <= TIE)
    ordered = np.sort(p, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2] <= TIE)


def _answers(
    scorer: Scorer, frame: pl.DataFrame, truth: Predictions, singles: int, batches: bool
) -> Iterable[tuple[Predictions, Predictions]]:
    """The scorer's batch answer and its row-by-row answers, each beside the truth."""
    if batches:
        yield scorer.batch(frame), truth
    if not singles:
        return
    picked = np.arange(0, frame.height, max(1, -(-frame.height // max(singles, 1))))
    if picked.size:
        rows = [scorer.row(values) for values in frame[picked].iter_rows(named=True)]
        yield stacked(rows), truth.rows(picked)


def stacked(rows: Sequence[Predictions]) -> Predictions:
    """Answers to single rows as one answer to all of them."""
    joined = {}
    for name in ("probabilities", "labels", "values"):
        parts = [getattr(row, name) for row in rows]
        joined[name] = None if any(part is None for part in parts) else np.concatenate(parts)
    return Predictions(classes=rows[0].classes, **joined)


def _reason(kind: str, wrong: int, n: int, worst: float) -> str:
    gap = f"off by up to {worst:.2g}" if np.isfinite(worst) else "no usable answer"
    return f"differs from the training path on {wrong:,} of {n:,} {kind} rows ({gap})"


def median_us(scorer: Scorer, frame: pl.DataFrame) -> float:
    """Median time of one single-row call, in microseconds, rows already decoded."""
    rows = frame.head(_TIMED_ROWS).to_dicts()
    spent: list[float] = []
    deadline = time.perf_counter() + _TIMING_S
    for values in rows[:5]:
        scorer.row(values)
    for values in rows:
        started = time.perf_counter()
        scorer.row(values)
        ended = time.perf_counter()
        spent.append(ended - started)
        if ended > deadline:
            break
    return round(statistics.median(spent) * 1e6, 1)


def choose(times_us: Mapping[str, float], wanted: str | None = None) -> str:
    """The fastest scorer that passed, or a simpler one not more than 1.5 times slower.

    `wanted` replays a recorded choice. Raises ModelError (`scorer.refused`) when that one did not pass.
    """
    if wanted is not None:
        if wanted not in times_us:
            raise ModelError(
                f"The scorer '{wanted}' did not pass the parity gate and cannot be chosen.",
                code="scorer.refused",
                hint=did_you_mean(wanted, times_us),
                subject=f"scorer:{wanted}",
            )
        return wanted
    fastest = min(times_us.values())
    return next(name for name in ORDER if name in times_us and times_us[name] <= PREFERENCE * fastest)


def record(name: str, evidence: ScorerEvidence, *, chosen: bool, **measured: Any) -> ScorerRecord:
    """Evidence and measurements as the run's record has them."""
    return ScorerRecord(
        name=name,
        passed=evidence.passed,
        chosen=chosen,
        reason=evidence.reason,
        rows_tried=evidence.rows_tried,
        worst_difference=evidence.worst_difference,
        decision_flips=evidence.decision_flips,
        **measured,
    )
