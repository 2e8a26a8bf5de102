"""Mean absolute contribution of each input column: the model's own SHAP values, added up over encoded columns."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.ports import Contributing
from modelwright.evaluation.explain import ModelLike
from modelwright.features.decoded import Decoded

_ROWS = 500
#: the parts of a row and its base must lead to the model's own answer to this precision
_TOLERANCE = 1e-4


def contributions(model: ModelLike, frame: pl.DataFrame, max_rows: int = _ROWS) -> dict[str, float]:
    """Column -> mean |contribution| over at most `max_rows` rows, largest first, in margin space.

    That is log-odds for classifiers. Contributions of encoded columns are added up within a row before the absolute
    value is taken, so that a category whose codes cancel out counts as little as it does. Several classes: the mean
    over classes. Empty for models that have no contributions of their own. Source: Lundberg et al. (2020), Nature
    Machine Intelligence 2.
    """
    members = list(model.members)
    if frame.height == 0 or not all(isinstance(member.fitted, Contributing) for member in members):
        return {}
    part = frame[np.unique(np.linspace(0, frame.height - 1, min(max_rows, frame.height)).astype(np.int64))]
    names = [field.name for field in model.signature.inputs]
    total = sum(float(member.weight) for member in members)
    summed: NDArray[np.float64] | None = None
    decoded = Decoded()
    for member in members:
        matrix = member.features.transform(part, decoded)
        parts = np.asarray(member.fitted.contributions(matrix.values), dtype=np.float64)
        cube = parts[:, None, :] if parts.ndim == 2 else parts
        if not np.isfinite(cube).all():
            return {}
        if not _adds_up(cube.sum(axis=2), np.asarray(member.fitted.predict(matrix.values), dtype=np.float64)):
            raise ValueError(f"the contributions of the {member.family} do not add up to its answers")
        one = cube[:, :, :-1] @ _owners(member.features.sources, names) * (float(member.weight) / total)
        summed = one if summed is None else summed + one
    assert summed is not None
    means = np.abs(summed).mean(axis=(0, 1))
    order = sorted(range(len(names)), key=lambda at: (-means[at], names[at]))
    return {names[at]: float(means[at]) for at in order}


def _adds_up(margin: NDArray[np.float64], answers: NDArray[np.float64]) -> bool:
    """Whether the sums, (n, k), are the answers themselves or lead to them by one of the usual links."""
    wanted = answers[:, 1:] if answers.ndim == 2 and margin.shape[1] == 1 else answers.reshape(margin.shape[0], -1)
    if wanted.shape != margin.shape:
        return False
    clipped = np.clip(margin, -700, 700)
    raised = np.exp(clipped)
    shares = np.exp(clipped - clipped.max(axis=1, keepdims=True))
    links = (margin, 1 / (1 + np.exp(-clipped)), raised, shares / shares.sum(axis=1, keepdims=True))
    return any(np.allclose(found, wanted, rtol=_TOLERANCE, atol=_TOLERANCE) for found in links)


def _owners(sources: tuple[tuple[str, ...], ...], names: list[str]) -> NDArray[np.float64]:
    """(matrix columns, input columns): what several columns make together is shared equally."""
    place = {name: at for at, name in enumerate(names)}
    owned = np.zeros((len(sources), len(names)))
    for row, owners in enumerate(sources):
        for owner in owners:
            owned[row, place[owner]] += 1 / len(owners)
    return owned
