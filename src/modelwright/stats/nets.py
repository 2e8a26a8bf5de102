"""Feed-forward nets as lists of weights: predictions, single rows and an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.tables import State
from modelwright.stats import linear_links

if TYPE_CHECKING:
    from modelwright.core.ports import GraphBuilder

ACTIVATIONS = ("relu", "tanh", "logistic", "identity")
_OPERATORS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity"}


class Net:
    """weights[i] (inputs, outputs), biases[i] (outputs,); the activation follows every layer but the last."""

    def __init__(
        self, weights: Sequence[NDArray[np.float64]], biases: Sequence[NDArray[np.float64]], activation: str, link: str
    ) -> None:
        self.weights = tuple(np.ascontiguousarray(w, dtype=np.float64) for w in weights)
        self.biases = tuple(np.ascontiguousarray(b, dtype=np.float64) for b in biases)
        self.activation = activation
        self.link = linear_links.known_link(link)
        _check(self)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = linear_links.as_rows(X, self.weights[0].shape[0])
        with np.errstate(all="ignore"):  # infinite inputs give NaN answers, which the caller judges
            return linear_links.apply(self.link, self._raw(rows))

    def _raw(self, h: NDArray[np.float64]) -> NDArray[np.float64]:
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = h @ weight + bias
            if i < last:
                h = _activate(self.activation, h)
        return h

    def row_scorer(self) -> Callable[[NDArray[np.float64]], Sequence[float]]:
        link, width = linear_links.row_link(self.link), self.weights[0].shape[0]

        def score(x: NDArray[np.float64]) -> list[float]:
            if x.shape != (width,):
                raise ModelError(f"A row has {x.shape} values, not {width}.", code="model.width")
            return link(self._raw(x))

        return score

    def graph(self, builder: GraphBuilder, x: str) -> str:
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = builder.op(
                "Add", builder.op("MatMul", x, builder.constant(weight)), builder.constant(bias.reshape(1, -1))
            )
            if i < last:
                x = builder.op(_OPERATORS[self.activation], x)
        return linear_links.graph_link(builder, self.link, x)

    def state(self) -> State:
        arrays = {f"weight_{i}": w for i, w in enumerate(self.weights)}
        arrays |= {f"bias_{i}": b for i, b in enumerate(self.biases)}
        meta = {"layers": len(self.weights), "activation": self.activation, "link": self.link}
        return State(arrays=arrays, meta=meta)


def _activate(name: str, h: NDArray[np.float64]) -> NDArray[np.float64]:
    if name == "relu":
        return np.maximum(h, 0.0)
    if name == "tanh":
        return np.tanh(h)
    return linear_links.sigmoid(h) if name == "logistic" else h


def _check(net: Net) -> None:
    fits = net.activation in ACTIVATIONS and 0 < len(net.weights) == len(net.biases)
    fits = fits and all(w.ndim == 2 and w.size and b.shape == w.shape[1:] for w, b in zip(net.weights, net.biases))  # noqa: B905
    if fits:
        fits = all(a.shape[1] == b.shape[0] for a, b in zip(net.weights, net.weights[1:], strict=False))
        outputs = net.weights[-1].shape[1]
        fits = fits and (outputs == 1 if net.link in ("identity", "sigmoid") else outputs > 1)
    if not fits:
        raise ModelError("The net is damaged: its layers do not fit each other.", code="model.structure")
    if not all(np.all(np.isfinite(array)) for array in (*net.weights, *net.biases)):
        raise ModelError("The net is damaged: a weight is not finite.", code="model.structure")


def restore(state: State) -> Net:
    """Rebuild from `Net.state()`; raises ModelError (`model.structure`)."""
    layers = state.meta.get("layers")
    if not isinstance(layers, int) or not 0 < layers <= 64:
        raise ModelError("The net is damaged: its number of layers is missing.", code="model.structure")
    try:
        weights = [np.asarray(state.arrays[f"weight_{i}"]) for i in range(layers)]
        biases = [np.asarray(state.arrays[f"bias_{i}"]) for i in range(layers)]
    except KeyError as error:
        raise ModelError(f"The net lacks its array {error}.", code="model.structure") from error
    if any(array.dtype != np.float64 for array in (*weights, *biases)):
        raise ModelError("The net is damaged: an array is not float64.", code="model.structure")
    return Net(weights, biases, str(state.meta.get("activation")), str(state.meta.get("link")))
