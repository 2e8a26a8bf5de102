"""Multilayer perceptron: a small neural net trained by Adam (scikit-learn)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from modelwright.core import ports
from modelwright.core.nouns import Task
from modelwright.core.ports import Choice, Family, FitContext, Fitted, Needs, SearchSpace, Span, TrainBatch
from modelwright.core.tables import State
from modelwright.families import _shared
from modelwright.stats import nets

_Width = Annotated[int, Meta(ge=1, le=4096)]


class Params(ports.Params, frozen=True, kw_only=True):
    hidden_layer_sizes: Annotated[
        Annotated[tuple[_Width, ...], Meta(min_length=1, max_length=8)], Meta(description="units of each hidden layer")
    ] = (128, 64)
    activation: Annotated[
        Literal["relu", "tanh", "logistic", "identity"], Meta(description="what follows each hidden layer")
    ] = "relu"  # fmt: skip
    alpha: Annotated[float, Meta(ge=0.0, le=100.0, description="L2 penalty on the weights")] = 1e-3
    learning_rate_init: Annotated[float, Meta(gt=0.0, le=1.0, description="first step size of Adam")] = 1e-3
    batch_size: Annotated[int, Meta(ge=1, le=65_536, description="rows per step")] = 128
    max_iter: Annotated[int, Meta(ge=1, le=10_000, description="most passes over the rows")] = 100
    n_iter_no_change: Annotated[int, Meta(ge=1, description="passes without gain before stopping")] = 10
    tol: Annotated[float, Meta(ge=0.0, description="least gain of the loss that counts")] = 1e-4


class Trained(nets.Net):
    """A net that says after how many passes its weights were the best."""

    def __init__(self, weights: list[Any], biases: list[Any], activation: str, link: str, rounds: int) -> None:
        super().__init__(weights, biases, activation, link)
        self.rounds = rounds


class Mlp:
    Params = Params
    tasks = _shared.SUPERVISED
    needs = Needs(scaled=True, imputed=True, one_hot=True, max_rows=200_000)

    def fit(self, batch: TrainBatch, params: Any, context: FitContext) -> Fitted:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        _shared.check_batch(batch, self.tasks)
        constant = _shared.trivial(batch)
        if constant is not None:
            return constant
        regression = batch.task is Task.REGRESSION
        model = (MLPRegressor if regression else MLPClassifier)(
            hidden_layer_sizes=params.hidden_layer_sizes,
            activation=params.activation,
            alpha=params.alpha,
            learning_rate_init=params.learning_rate_init,
            batch_size=min(params.batch_size, batch.X.values.shape[0]),
            random_state=context.seed % 2**32,
        )
        y = np.asarray(batch.y)
        center, scale = (float(y.mean()), float(y.std()) or 1.0) if regression else (0.0, 1.0)
        with _shared.fitting("mlp"):
            weights, biases, rounds = _descend(model, batch, params, context, (center, scale))
        if regression:
            weights[-1], biases[-1] = weights[-1] * scale, biases[-1] * scale + center
        link = "identity" if regression else "sigmoid" if batch.n_classes == 2 else "softmax"
        return Trained(weights, biases, params.activation, link, rounds)

    def restore(self, state: State) -> Fitted:
        return _shared.restore_constant(state) if _shared.is_constant(state) else nets.restore(state)

    def space(self, task: Task, n_rows: int) -> SearchSpace:
        return {
            "hidden_layer_sizes": Choice(((64,), (128, 64), (256, 128), (128, 128, 64))),
            "alpha": Span(1e-6, 1e-1, log=True),
            "learning_rate_init": Span(1e-4, 1e-2, log=True),
            "batch_size": Choice((64, 128, 256)),
        }


def _descend(
    model: Any, batch: TrainBatch, params: Params, context: FitContext, target: tuple[float, float]
) -> tuple[list[Any], list[Any], int]:
    """Pass over the rows until the validation (else the training) loss stops falling; the best weights and pass."""
    X, y = batch.X.values.astype(np.float32), np.asarray(batch.y)  # half the work, and the noise of Adam is larger
    y = (y - target[0]) / target[1] if batch.task is Task.REGRESSION else y
    best, best_pass, kept = np.inf, 0, None
    weight = None if batch.weight is None else batch.weight / batch.weight.mean()
    for number in range(params.max_iter):
        more = {} if batch.task is Task.REGRESSION or number else {"classes": np.arange(max(2, batch.n_classes))}
        model.partial_fit(X, y, sample_weight=weight, **more)
        loss = float(model.loss_) if batch.valid is None else _loss(model, batch, target)
        if loss < best - params.tol or kept is None:
            best, best_pass = loss, number
            kept = [w.astype(np.float64) for w in model.coefs_], [b.astype(np.float64) for b in model.intercepts_]
        if number - best_pass >= params.n_iter_no_change or context.should_stop():
            break
    assert kept is not None
    return *kept, best_pass + 1


def _loss(model: Any, batch: TrainBatch, target: tuple[float, float]) -> float:
    assert batch.valid is not None
    X, y = batch.valid[0].values.astype(np.float32), np.asarray(batch.valid[1])
    if batch.task is Task.REGRESSION:
        return float(np.mean((model.predict(X) - (y - target[0]) / target[1]) ** 2))
    return float(-np.mean(np.log(np.maximum(model.predict_proba(X)[np.arange(len(y)), y], 1e-15))))


PLUGIN: Family = Mlp()
