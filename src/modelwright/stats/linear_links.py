"""From raw scores to answers: link functions in numpy, for one row, and as graph operators; and input checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError

if TYPE_CHECKING:
    from modelwright.core.ports import GraphBuilder

#: identity: values; sigmoid: log-odds of class 1; softmax: one score per class; share: probability of class 1;
#: shares: one unnormalised share per class; halving: 2 ** -x (isolation forest, Liu et al. 2008)
LINKS = ("identity", "sigmoid", "softmax", "share", "shares", "halving")
Row = Callable[[Any], list[float]]


def as_rows(X: NDArray[np.float64], n_features: int) -> NDArray[np.float64]:
    """X as float64 (n, n_features); raises ModelError (`model.width`) when its width is another."""
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != n_features:
        raise ModelError(
            f"The model reads {n_features} features but was given an array of shape {tuple(rows.shape)}.",
            code="model.width",
            hint="pass the matrix of the features this model was fitted on",
        )
    return rows


def known_link(name: Any) -> str:
    """The link's name, checked; raises ModelError."""
    if name not in LINKS:
        raise ModelError(f"The model names an unknown link '{name}'.", code="model.structure", subject="link")
    return str(name)


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-z)) without overflow."""
    power = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0, power) / (1.0 + power), dtype=np.float64)


def softmax(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of probabilities, without overflow."""
    power = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(power / power.sum(axis=1, keepdims=True), dtype=np.float64)


def apply(link: str, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raw (n, m) to a family's answer: probabilities (n, classes) or values (n,)."""
    if link == "identity":
        return raw[:, 0]
    if link == "halving":
        return np.exp2(-raw[:, 0])
    if link == "softmax":
        return softmax(raw)
    if link == "shares":
        return np.asarray(raw / raw.sum(axis=1, keepdims=True), dtype=np.float64)
    p = sigmoid(raw[:, 0]) if link == "sigmoid" else np.clip(raw[:, 0], 0.0, 1.0)
    return np.stack([1.0 - p, p], axis=1)


def row_link(link: str) -> Row:
    """`apply` for one raw row (m,), as plain floats, bit for bit."""
    return {
        "identity": lambda raw: [float(raw[0])],
        "halving": lambda raw: [float(np.exp2(-float(raw[0])))],
        "sigmoid": _row_sigmoid,
        "share": _row_share,
        "softmax": _row_softmax,
        "shares": _row_shares,
    }[link]


def _row_sigmoid(raw: Sequence[float]) -> list[float]:
    z = float(raw[0])
    power = float(np.exp(-abs(z)))  # math.exp may differ from numpy's in the last bit
    p = (1.0 if z >= 0 else power) / (1.0 + power)
    return [1.0 - p, p]


def _row_share(raw: Sequence[float]) -> list[float]:
    p = min(1.0, max(0.0, float(raw[0])))
    return [1.0 - p, p]


def _row_softmax(raw: Sequence[float]) -> list[float]:
    scores = np.asarray(raw, dtype=np.float64)
    power = np.exp(scores - scores.max())
    return list((power / power.sum()).tolist())


def _row_shares(raw: Sequence[float]) -> list[float]:
    shares = np.asarray(raw, dtype=np.float64)
    return list((shares / shares.sum()).tolist())


def graph_link(builder: GraphBuilder, link: str, raw: str) -> str:
    """`apply` as ONNX operators on a float64 tensor (n, m); values stay (n, 1)."""
    if link == "identity":
        return raw
    if link == "halving":
        return builder.op("Pow", builder.constant(np.array([2.0])), builder.op("Neg", raw))
    if link == "softmax":
        return builder.op("Softmax", raw, axis=1)
    if link == "shares":
        total = builder.op("ReduceSum", raw, builder.constant(np.array([1], dtype=np.int64)), keepdims=1)
        return builder.op("Div", raw, total)
    one = np.array([1.0])
    p = builder.op("Sigmoid", raw) if link == "sigmoid" else _graph_clip(builder, raw)
    return builder.op("Concat", builder.op("Sub", builder.constant(one), p), p, axis=1)


def _graph_clip(builder: GraphBuilder, x: str) -> str:
    return builder.op("Min", builder.op("Max", x, builder.constant(np.array([0.0]))), builder.constant(np.array([1.0])))
