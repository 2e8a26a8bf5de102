"""Let a user's own function divide the rows, and check what it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from modelwright.core.errors import DataError
from modelwright.data.assign import Parts

_NAMES = ("train", "val", "test")


def custom_parts(hook: str, frame: pl.DataFrame, seed: int, base_dir: Path) -> Parts:
    """Call `module:function(frame, seed)`, which returns row numbers by part name (or three sequences in order).

    Raises DataError `split.custom` when a row number is out of range or given twice.
    """
    from modelwright.spec.hooks import call

    answer = call(hook, base_dir, frame, seed)
    chosen = [answer.get(name, ()) for name in _NAMES] if isinstance(answer, Mapping) else list(answer)
    if len(chosen) != 3:
        raise _bad(hook, f"{len(chosen)} parts where train, val and test are wanted")
    parts = np.full(frame.height, -1, dtype=np.int8)
    for number, rows in enumerate(chosen):
        positions = np.asarray(rows, dtype=np.int64).ravel()
        if positions.size and (positions.min() < 0 or positions.max() >= frame.height):
            raise _bad(hook, f"row numbers outside 0 to {frame.height - 1}")
        if np.unique(positions).size < positions.size or (parts[positions] >= 0).any():
            raise _bad(hook, "a row that is in two places")
        parts[positions] = number
    return parts


def _bad(hook: str, what: str) -> DataError:
    return DataError(
        f"The split function '{hook}' returned {what}.",
        code="split.custom",
        hint="return {'train': [...], 'val': [...], 'test': [...]} with each row number at most once",
        subject="data.split.custom",
    )
