"""Calibrate probabilities on out-of-fold predictions; the raw ones stay unless cross-fitting shows a gain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.errors import ModelError
from modelwright.core.ports import GraphBuilder

#: probabilities are kept this far from 0 and 1 before logarithms
EPSILON = 1e-7
#: fewer rows of the rarer class than this: leave the probabilities alone
MIN_ROWS = 25
#: isotonic regression overfits below about 1,000 rows of the rarer class
#: (Niculescu-Mizil and Caruana (2005), ICML)
MIN_ISOTONIC = 1000
#: more rows are not looked at: the standard error of a slope is below 0.01 there
MOST_ROWS = 30_000
_FOLDS = 5
_MAX_KNOTS = 200
_METHODS: dict[str, int | None] = {
    "identity": 0,
    "platt": 2,
    "beta": 3,
    "temperature": 1,
    "vector": None,
    "isotonic": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrator:
    """A fitted, order-preserving map of probabilities; data only.

    parameters by method: identity none; platt (slope, intercept); beta (a, b, c); temperature (T,);
    vector k slopes followed by k intercepts of the log-probabilities; isotonic x knots followed by y knots. Apart from
    temperature and vector all act on the positive class of two.
    """

    method: str = "identity"
    parameters: tuple[float, ...] = ()
    #: cross-fitted mean log loss by candidate, `identity` among them; why this method was chosen
    losses: Mapping[str, float] | None = None
    #: cross-fitted expected calibration error, 0 to 1: of the probabilities as they came, and of the chosen ones
    errors: tuple[float, float] | None = None
    n: int = 0  # rows that chose and fitted it

    def apply(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, k) probabilities to (n, k) calibrated ones; rows sum to 1; the input is left alone."""
        p = np.asarray(probabilities, dtype=np.float64)
        if self.method == "identity":
            return p
        if self.method == "temperature":
            return _temperature(p, self.parameters[0])
        if self.method == "vector":
            return _vector(p, np.array(self.parameters))
        positive = self._positive(p[:, 1])
        return np.column_stack([1.0 - positive, positive])

    def row(self) -> Callable[[Sequence[float]], list[float]]:
        """A closure for one row of probabilities, equal to `apply` bit for bit."""
        if self.method == "identity":
            return list
        if self.method in ("platt", "beta"):
            return self._beta_row()

        def one(p: Sequence[float]) -> list[float]:
            return [float(value) for value in self.apply(np.array([p], dtype=np.float64))[0]]

        return one

    def _beta_row(self) -> Callable[[Sequence[float]], list[float]]:
        a, b, c = _beta_form(self.method, self.parameters)

        def one(p: Sequence[float]) -> list[float]:
            clipped = min(max(p[1], EPSILON), 1 - EPSILON)  # numpy's functions: math's may differ in the last bit
            half = 0.5 * (a * float(np.log(clipped)) - b * float(np.log(1 - clipped)) + c)
            return [1.0 - (positive := 0.5 * (1.0 + float(np.tanh(half)))), positive]

        return one

    def state(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "method": self.method,
            "parameters": list(self.parameters),
            "losses": dict(self.losses) if self.losses else {},
            "errors": list(self.errors) if self.errors else [],
            "n": self.n,
        }

    @staticmethod
    def restore(state: Mapping[str, Any]) -> Calibrator:
        """Rebuild from `state()`. Raises ModelError (`calibration.invalid`) on anything out of range."""
        method, raw = state.get("method"), state.get("parameters", [])
        if not isinstance(method, str) or method not in _METHODS or not isinstance(raw, Sequence):
            raise ModelError(f"The calibrator's method is {method!r}.", code="calibration.invalid")
        parameters = tuple(float(value) for value in raw)
        count = _METHODS[method]
        right = len(parameters) == count if count is not None else len(parameters) >= 4 and len(parameters) % 2 == 0
        if not right or not np.isfinite(parameters).all() or (method == "temperature" and parameters[0] <= 0):
            raise ModelError(
                f"The parameters of the '{method}' calibrator are out of range.", code="calibration.invalid"
            )
        if method == "isotonic" and not _increasing(parameters):
            raise ModelError("The knots of the isotonic calibrator do not increase.", code="calibration.invalid")
        errors = tuple(float(value) for value in state.get("errors") or ())
        return Calibrator(
            method=method,
            parameters=parameters,
            losses=dict(state.get("losses") or {}) or None,
            errors=(errors[0], errors[1]) if len(errors) == 2 else None,
            n=int(state.get("n") or 0),
        )

    def graph(self, builder: GraphBuilder, p: str) -> str:
        """The same map as graph nodes; `p` is float64 (n, k), so is the result."""
        if self.method == "identity":
            return p
        if self.method == "temperature":
            low, high = builder.constant(np.array(EPSILON)), builder.constant(np.array(1.0))
            logs = builder.op("Log", builder.op("Clip", p, low, high))
            return builder.op(
                "Softmax", builder.op("Div", logs, builder.constant(np.array(self.parameters[0]))), axis=1
            )
        if self.method == "vector":
            low, high = builder.constant(np.array(EPSILON)), builder.constant(np.array(1.0))
            slopes, shifts = np.split(np.array(self.parameters), 2)
            logs = builder.op("Log", builder.op("Clip", p, low, high))
            steep = builder.op("Mul", logs, builder.constant(slopes[None, :]))
            return builder.op("Softmax", builder.op("Add", steep, builder.constant(shifts[None, :])), axis=1)
        positive = builder.op("Gather", p, builder.constant(np.array([1], dtype=np.int64)), axis=1)
        new = self._graph_positive(builder, positive)
        return builder.op("Concat", builder.op("Sub", builder.constant(np.array(1.0)), new), new, axis=1)

    def _graph_positive(self, builder: GraphBuilder, positive: str) -> str:
        if self.method == "isotonic":
            return self._graph_isotonic(builder, positive)
        low, high = builder.constant(np.array(EPSILON)), builder.constant(np.array(1 - EPSILON))
        p = builder.op("Clip", positive, low, high)
        yes = builder.op("Log", p)
        no = builder.op("Log", builder.op("Sub", builder.constant(np.array(1.0)), p))
        a, b, c = _beta_form(self.method, self.parameters)
        left = builder.op("Mul", yes, builder.constant(np.array(a)))
        right = builder.op("Mul", no, builder.constant(np.array(b)))
        return builder.op("Sigmoid", builder.op("Add", builder.op("Sub", left, right), builder.constant(np.array(c))))

    def _graph_isotonic(self, builder: GraphBuilder, positive: str) -> str:
        """A sum of clipped ramps: y0 + sum(slope_i * clip(p - x_i, 0, width_i))."""
        x, y = np.split(np.array(self.parameters), 2)
        widths = np.diff(x)
        past = builder.op("Sub", positive, builder.constant(x[:-1][None, :]))
        ramp = builder.op(
            "Min", builder.op("Max", past, builder.constant(np.zeros((1, 1)))), builder.constant(widths[None, :])
        )
        rise = builder.op("MatMul", ramp, builder.constant((np.diff(y) / widths)[:, None]))
        return builder.op("Add", rise, builder.constant(np.array(y[0])))

    def _positive(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.method == "isotonic":
            x, y = np.split(np.array(self.parameters), 2)
            return np.asarray(np.interp(p, x, y))
        a, b, c = _beta_form(self.method, self.parameters)
        clipped = np.clip(p, EPSILON, 1 - EPSILON)
        return _sigmoid(a * np.log(clipped) - b * np.log(1 - clipped) + c)


def fit(
    probabilities: NDArray[np.float64], y: NDArray[Any], *, seed: int = 0, weight: NDArray[np.float64] | None = None
) -> Calibrator:
    """Choose and fit a calibrator on out-of-fold probabilities (n, k) and class positions y (n,).

    Each candidate is fitted on four fifths and judged by log loss on the last fifth, five times over. Identity
    stays unless another gains more than one standard error of the paired difference: by construction the choice
    was never worse than raw on rows it had not seen. Of more than MOST_ROWS rows so many are drawn, class by class:
    a curve of three parameters is known well enough from them.
    """
    p, target, w = _drawn(probabilities, y, weight, seed)
    candidates = _candidates(p.shape[1], np.bincount(target, minlength=p.shape[1]))
    if not candidates:
        return Calibrator()
    raw = _row_losses(p, target)
    start = float(np.average(raw, weights=w))
    losses, chosen, best, shown = {"identity": start}, "identity", start, p
    for method in candidates:
        crossed = _cross_fitted(method, p, target, w, seed)
        judged = _row_losses(crossed, target)
        gain = raw - judged
        losses[method] = float(np.average(judged, weights=w))
        noise = float(gain.std(ddof=1)) / float(np.sqrt(gain.size))
        if losses[method] < best and float(np.average(gain, weights=w)) > noise:
            chosen, best, shown = method, losses[method], crossed
    return Calibrator(
        method=chosen,
        parameters=_fit_one(chosen, p, target, w),
        losses=losses,
        errors=(error_of(p, target), error_of(shown, target)),
        n=target.size,
    )


def fit_as(method: str, probabilities: NDArray[np.float64], y: NDArray[Any], *, seed: int = 0) -> Calibrator:
    """Fit one method without choosing: for cross-fitting what `fit` chose on all rows."""
    p, target, w = _drawn(probabilities, y, None, seed)
    return Calibrator(method=method, parameters=_fit_one(method, p, target, w), n=target.size)


def _drawn(
    probabilities: NDArray[np.float64], y: NDArray[Any], weight: NDArray[np.float64] | None, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Rows to fit on, with their targets and weights: all of them, or as many of each class as its share allows."""
    p = np.asarray(probabilities, dtype=np.float64)
    target = np.asarray(y, dtype=np.int64)
    w = np.ones(target.size) if weight is None else np.asarray(weight, dtype=np.float64)
    if target.size <= MOST_ROWS:
        return p, target, w
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(target.size)
    order = shuffled[np.argsort(target[shuffled], kind="stable")]
    rows = np.sort(order[np.linspace(0, order.size - 1, MOST_ROWS).astype(np.int64)])
    return p[rows], target[rows], w[rows]


def error_of(p: NDArray[np.float64], y: NDArray[Any]) -> float:
    """Expected calibration error of (n, k) probabilities: of the positive class, of the likeliest one of several."""
    if p.shape[1] == 2:
        return expected_error(p[:, 1], y)
    return expected_error(p.max(axis=1), (p.argmax(axis=1) == np.asarray(y)).astype(np.int64))


def expected_error(p: NDArray[np.float64], y: NDArray[Any], bins: int = 15) -> float:
    """Expected calibration error of binary probabilities over equally filled bins, in probability (0 to 1).

    Source: Naeini, Cooper and Hauskrecht (2015), AAAI; equal-mass bins by Nixon et al. (2019), CVPR workshops.
    """
    if p.size == 0:
        return 0.0
    order = np.argsort(p, kind="stable")
    error = 0.0
    for part in np.array_split(order, min(bins, p.size)):
        error += part.size / p.size * abs(float(p[part].mean()) - float((np.asarray(y)[part] == 1).mean()))
    return error


def _candidates(n_classes: int, counts: NDArray[np.int64]) -> list[str]:
    if n_classes < 2 or counts.min() < (MIN_ROWS if n_classes == 2 else 5) or counts.sum() < 2 * MIN_ROWS:
        return []
    if n_classes > 2:
        return ["temperature", *(["vector"] if counts.min() >= MIN_ROWS else [])]
    return ["platt", "beta", *(["isotonic"] if counts.min() >= MIN_ISOTONIC else [])]


def _cross_fitted(
    method: str, p: NDArray[np.float64], y: NDArray[np.int64], w: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    fold = _stratified_folds(y, seed)
    found = np.empty_like(p)
    for number in range(_FOLDS):
        held = fold == number
        parameters = _fit_one(method, p[~held], y[~held], w[~held])
        found[held] = Calibrator(method=method, parameters=parameters).apply(p[held])
    return found


def _stratified_folds(y: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(y.size)
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    fold = np.empty(y.size, dtype=np.int64)
    fold[order] = np.arange(y.size) % _FOLDS
    return fold


def _row_losses(p: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(-np.log(np.clip(p[np.arange(y.size), y], EPSILON, 1.0)))


def _fit_one(method: str, p: NDArray[np.float64], y: NDArray[np.int64], w: NDArray[np.float64]) -> tuple[float, ...]:
    if method == "identity":
        return ()
    if method == "temperature":
        return _fit_temperature(p, y, w)
    if method == "vector":
        return _fit_vector(p, y, w)
    if method == "isotonic":
        return _fit_isotonic(p[:, 1], y, w)
    clipped = np.clip(p[:, 1], EPSILON, 1 - EPSILON)
    yes, no = np.log(clipped), np.log(1 - clipped)
    if method == "platt":
        # Platt (1999): logistic regression on the log-odds, targets pulled off 0 and 1.
        n_pos, n_neg = float((y == 1).sum()), float((y != 1).sum())
        smooth = np.where(y == 1, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
        slope, intercept = _fit_logistic(np.column_stack([yes - no]), smooth, w)
        return float(slope), float(intercept)
    # Kull, Silva Filho and Flach (2017), AISTATS: beta calibration, both slopes at least 0.
    a, b, c = _fit_logistic(np.column_stack([yes, -no]), (y == 1).astype(np.float64), w)
    return float(a), float(b), float(c)


def _fit_logistic(X: NDArray[np.float64], y: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slopes, none below a small positive number so that order survives, and intercept."""
    from scipy.optimize import minimize

    n_columns = X.shape[1]

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = X @ theta[:-1] + theta[-1]
        residual = w * (_sigmoid(z) - y)
        value = float((w * (np.logaddexp(0, z) - y * z)).sum())
        return value / w.sum(), np.append(X.T @ residual, residual.sum()) / w.sum()

    start = np.append(np.ones(n_columns), 0.0)
    bounds = [(1e-3, 50.0)] * n_columns + [(-50.0, 50.0)]
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _fit_isotonic(p: NDArray[np.float64], y: NDArray[np.int64], w: NDArray[np.float64]) -> tuple[float, ...]:
    """Knots of a monotone step fit joined by lines, smoothed off 0 and 1. Zadrozny and Elkan (2002), KDD."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit(p, (y == 1).astype(np.float64), sample_weight=w)
    x, heights = np.asarray(fitted.X_thresholds_, float), np.asarray(fitted.y_thresholds_, float)
    # Pure bins claim certainty that the rows do not give: Laplace's rule over the whole sample bounds them.
    floor = 1.0 / (y.size + 2)
    heights = np.clip(heights, floor, 1 - floor)
    if x.size > _MAX_KNOTS:
        kept = np.unique(np.linspace(0, x.size - 1, _MAX_KNOTS).astype(int))
        x, heights = x[kept], heights[kept]
    if x.size < 2:
        x, heights = np.array([0.0, 1.0]), np.repeat(heights[:1], 2)
    return tuple(float(value) for value in np.concatenate([x, heights]))


def _fit_temperature(p: NDArray[np.float64], y: NDArray[np.int64], w: NDArray[np.float64]) -> tuple[float, ...]:
    """Guo et al. (2017), ICML: one number divides the log-probabilities."""
    from scipy.optimize import minimize_scalar

    def loss(log_t: float) -> float:
        return float(np.average(_row_losses(_temperature(p, float(np.exp(log_t))), y), weights=w))

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
    return (float(np.exp(found.x)),)


def _fit_vector(p: NDArray[np.float64], y: NDArray[np.int64], w: NDArray[np.float64]) -> tuple[float, ...]:
    """Guo et al. (2017), ICML: a slope and an intercept per class, drawn together a little as rare classes say little.

    The penalty is that of one row per class for a slope off 1 or an intercept off 0 by 1.
    """
    from scipy.optimize import minimize

    logs, k, total = np.log(np.clip(p, EPSILON, 1.0)), p.shape[1], float(w.sum())
    truth = np.eye(k)[y]
    first = np.concatenate([np.ones(k), np.zeros(k)])

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        fitted = _vector(p, theta)
        residual = w[:, None] * (fitted - truth)
        off = theta - first
        value = float(w @ _row_losses(fitted, y)) + 0.5 * float(off @ off)
        slope = np.concatenate([(residual * logs).sum(axis=0), residual.sum(axis=0)]) + off
        return value / total, slope / total

    bounds = [(1e-2, 20.0)] * k + [(-20.0, 20.0)] * k
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds).x
    return tuple(float(value) for value in found)


def _vector(p: NDArray[np.float64], theta: NDArray[np.float64]) -> NDArray[np.float64]:
    slopes, shifts = np.split(theta, 2)
    logs = np.log(np.clip(p, EPSILON, 1.0)) * slopes + shifts
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _temperature(p: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    logs = np.log(np.clip(p, EPSILON, 1.0)) / temperature
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _beta_form(method: str, parameters: tuple[float, ...]) -> tuple[float, float, float]:
    """Platt on log-odds is beta with both slopes equal."""
    if method == "platt":
        return parameters[0], parameters[0], parameters[1]
    return parameters[0], parameters[1], parameters[2]


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)))


def _increasing(parameters: tuple[float, ...]) -> bool:
    x, y = np.split(np.array(parameters), 2)
    return bool((np.diff(x) > 0).all() and (np.diff(y) >= 0).all() and y[0] >= 0 and y[-1] <= 1)
