"""Soft targets: what a student learns instead of the labels, one file on the bench, named by its content.

The file holds a target for each development row: probabilities (n, n_classes), or values (n,). A batch is told to
learn them in the form its family knows, so that the fitted model is of the same kind as one fit on labels and every
scorer of it stays exact.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.core.errors import StateError
from modelwright.core.nouns import Task
from modelwright.core.ports import TrainBatch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: several classes: less of a class than this is not worth a row of its own
_LEAST_SHARE = 0.02


def save(folder: Path, targets: NDArray[np.float64]) -> str:
    """Write the targets beside the bench and return their digest, 32 hexadecimal digits; equal targets, one file."""
    import io

    import numpy as np

    from modelwright.core.digests import digest

    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(targets, dtype=np.float64), allow_pickle=False)
    name = digest(buffer.getvalue()).removeprefix("b3:")[:32]
    file = _file(folder, name)
    if not file.exists():
        draft = file.with_suffix(".draft")
        draft.write_bytes(buffer.getvalue())
        draft.replace(file)
    return name


def load(folder: Path, name: str) -> NDArray[np.float64]:
    """The targets of this digest. Raises StateError (`teacher.missing`) where they are not on the bench."""
    import numpy as np

    try:
        found = np.load(_file(folder, name), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise StateError(
            f"What the student is to learn, {name[:8]}, is not on the bench.",
            code="teacher.missing",
            hint="teach it again on the same rows before its units are fit",
            subject="teacher",
        ) from error
    return np.asarray(found, dtype=np.float64)


def _file(folder: Path, name: str) -> Path:
    return folder / f"teacher-{name}.npy"


def taught(batch: TrainBatch, targets: NDArray[np.float64], family: Any) -> TrainBatch:
    """The batch with its rows' targets in place of the labels; targets: (n, n_classes) or (n,), as `batch.y` is.

    Values replace values. Two classes are learned by cross-entropy, natively where the family says `soft_targets`.
    Otherwise each row stands once for each of its classes, with its probability as weight: the same loss, and any
    family that takes weights can learn it.
    """
    if batch.task is Task.REGRESSION:
        return dataclasses.replace(batch, y=targets)
    if batch.task is Task.BINARY and getattr(family, "soft_targets", False):
        return dataclasses.replace(batch, soft=targets[:, 1])
    return _repeated(batch, targets)


def _repeated(batch: TrainBatch, targets: NDArray[np.float64]) -> TrainBatch:
    import numpy as np

    kept = np.where(targets >= _LEAST_SHARE, targets, 0.0)
    kept /= kept.sum(axis=1, keepdims=True)
    rows, classes = np.nonzero(kept)
    weight = kept[rows, classes]
    if batch.weight is not None:
        weight = weight * batch.weight[rows]
    return dataclasses.replace(batch, X=batch.X.rows(rows), y=classes.astype(np.int64), weight=weight)
