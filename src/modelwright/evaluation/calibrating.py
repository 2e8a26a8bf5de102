"""What calibration did to the probabilities: before and after, both on rows that did not fit the calibrator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.judgement import Calibration
from modelwright.core.tables import Predictions
from modelwright.stats import calibration


def calibration_of(calibrator: Any, oof: Predictions, y: NDArray[Any]) -> Calibration | None:
    """calibrator: the model's own, None where it left the probabilities as they were; oof: out-of-fold predictions as
    the finished model would make them, y their class positions. None for a task without probabilities or rows."""
    p = oof.probabilities
    if p is None or y.size == 0:
        return None
    target = np.asarray(y, dtype=np.int64)
    error = calibration.error_of(p, target)
    loss = float(-np.log(np.clip(p[np.arange(y.size), target], calibration.EPSILON, 1.0)).mean())
    if calibrator is None or calibrator.method == "identity":
        return Calibration(method="raw", error_raw=error, error=error, loss_raw=loss, loss=loss, n=int(y.size))
    losses, errors = calibrator.losses or {}, calibrator.errors
    return Calibration(
        method=calibrator.method,
        error_raw=None if errors is None else errors[0],
        error=error,
        loss_raw=losses.get("identity"),
        loss=loss,
        n=int(y.size),
    )
