"""Numbers at the ends of what a float can hold: an answer for each, the same for a row, and never a warning."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelwright.features.transformers._shared import CLIP, Finish

ENDS = (1e308, -1e308, 1.7976931348623157e308, 5e-324, -5e-324, -0.0, math.inf, -math.inf, math.nan)


@pytest.mark.parametrize(("center", "scale"), [(0.0, 1.0), (1e308, 1e-3), (-1e308, 1e300), (0.5, 5e-324)])
def test_scaling_overflows_into_the_clip(center: float, scale: float) -> None:
    finish = Finish(fill=(0.25,), center=(center,), scale=(scale,))
    values = finish.apply(np.array(ENDS).reshape(-1, 1).copy())[:, 0]
    cell = finish.cell(0)
    assert np.abs(values).max() <= CLIP
    assert values.tolist() == [cell(value) for value in ENDS]
