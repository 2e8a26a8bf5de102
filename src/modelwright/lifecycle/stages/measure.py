"""Judge more than the metrics: slices, fairness, robustness, uncertainty and the rest, each by itself.

One measurement that fails is named in `Judgement.missing` and takes nothing else down: it is evidence, not the job.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelwright.core.judgement import Calibration, Judgement
from modelwright.lifecycle.stages import groups
from modelwright.lifecycle.stages.opened import Opened


def _calibration(opened: Opened) -> Calibration | None:
    from modelwright.evaluation.calibrating import calibration_of

    learned, y = opened.learned, opened.partition.y
    return None if y is None else calibration_of(learned.model.calibrator, learned.oof, y[learned.oof_rows])


#: field of Judgement -> how it is measured
MEASURES: dict[str, Callable[[Opened], Any]] = {
    "calibration": _calibration,
    "weak_slices": groups.weak_slices,
    "fairness": groups.fairness,
    "robustness": groups.robustness,
    "uncertainty": groups.uncertainty,
    "dependence": groups.dependence,
    "contributions": groups.contributions,
    "worst_rows": groups.worst_rows,
}


def measure(opened: Opened) -> Judgement:
    """Every measurement that can be made on these rows."""
    found: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for name, one in MEASURES.items():
        try:
            found[name] = one(opened)
        except Exception as error:  # noqa: BLE001 - a measurement that breaks is missing evidence, never a lost run
            missing[name] = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    return Judgement(**found, missing=missing)
