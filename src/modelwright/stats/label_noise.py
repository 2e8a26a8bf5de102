"""How many labels are probably wrong, told apart from a problem that is merely hard.

Confident learning (Northcutt, Jiang and Chuang 2021) counts rows whose label disagrees with a confident out-of-fold
prediction, and so calls honest overlap of classes noise. Here the disagreement is followed along the model's margin
instead: in a hard but honest problem it falls towards zero as the margin grows; wrong labels put a floor under it,
because the surest predictions are contradicted as often as the flips are frequent. That floor is the slip parameter of
the four-parameter logistic curve (Barton and Lord 1981), fitted by maximum likelihood; its interval is the profile
likelihood's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: half the 95 % quantile of chi-squared with one degree of freedom
_HALF_CHI2 = 1.92
#: natural logarithm of how much likelier the labels must be with noise than without: half the 99 % quantile
SURE = 3.32
_RATES = np.array([0.0, 0.005, *np.arange(0.01, 0.1, 0.01), *np.arange(0.1, 0.46, 0.02)])
#: slopes and intercepts of the curve are looked for on a grid, then halved around the best
_SLOPES, _SHIFTS = np.geomspace(0.1, 8.0, 12), np.linspace(-2.0, 0.0, 9)
_MAX_ONE_HOT = 12
_BINS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNoise:
    """Share of labels that differ from the true ones, with its 95 % interval; rows by how surely theirs is wrong."""

    rate: float
    low: float
    high: float
    #: how many times less likely the labels are without any noise (natural logarithm)
    evidence: float
    #: probability that the row's label is wrong, (n,)
    wrong: NDArray[np.float64]
    #: the class that the model says instead, (n,)
    instead: NDArray[np.int64]
    #: share of rows that an honest problem as hard as this one contradicts where the model is surest (top fifth)
    expected_floor: float
    observed_floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """The curve along one model's margin, by rate."""

    margin: NDArray[np.float64]
    agrees: NDArray[np.bool_]
    said: NDArray[np.int64]
    losses: NDArray[np.float64]
    curves: tuple[tuple[float, float], ...]
    #: negative log-likelihood of the labels at the best rate, comparable between models
    loss: float

    def right(self, at: int) -> NDArray[np.float64]:
        """Probability that the model's class is the true one, at the rate numbered `at`."""
        return _curve(self.margin, *self.curves[at])


def estimate(y: NDArray[np.int64], *probabilities: NDArray[np.float64]) -> LabelNoise:
    """From labels (n,) as positions and out-of-fold probabilities (n, k) of one or more models; k at least 2.

    Each model and their geometric mean give a margin; the one under which the labels are likeliest decides.
    """
    logs = [np.log(np.clip(each, 1e-4, 1.0)) for each in probabilities]
    if len(logs) > 1:
        logs.append(np.mean(logs, axis=0))
    k = logs[0].shape[1]
    fit = min((_fit(y, each, k) for each in logs), key=lambda one: one.loss)
    best = int(fit.losses.argmin())
    inside = _RATES[fit.losses <= fit.losses[best] + _HALF_CHI2]
    right, rate = fit.right(best), float(_RATES[best])
    disagree = 1.0 - _agreement(right, rate, k)
    surest = fit.margin >= np.quantile(fit.margin, 0.8)
    return LabelNoise(
        rate=rate,
        low=float(inside.min()),
        high=float(inside.max()),
        evidence=float(fit.losses[0] - fit.losses[best]),
        wrong=np.where(fit.agrees, 0.0, np.minimum(rate * right / np.maximum(disagree, 1e-12), 1.0)),
        instead=fit.said,
        expected_floor=float(1.0 - fit.right(0)[surest].mean()),
        observed_floor=float(1.0 - fit.agrees[surest].mean()),
    )


def _fit(y: NDArray[np.int64], logs: NDArray[np.float64], k: int) -> _Fit:
    said = logs.argmax(axis=1).astype(np.int64)
    top = np.partition(logs, k - 2, axis=1)[:, k - 2 :]
    margin, agrees = top[:, 1] - top[:, 0], said == y
    counted = _binned(margin, agrees)
    fits = [_best(counted, rate, k) for rate in _RATES]
    losses = np.array([loss for loss, _, _ in fits])
    # A row that disagrees may hold any of the other classes, each as likely.
    loss = float(losses.min()) + float((~agrees).sum()) * float(np.log(k - 1))
    return _Fit(
        margin=margin,
        agrees=agrees,
        said=said,
        losses=losses,
        curves=tuple((slope, shift) for _, slope, shift in fits),
        loss=loss,
    )


def linear_probabilities(
    X: NDArray[np.float64], y: NDArray[np.int64], n_classes: int, fold: NDArray[np.int64], categorical: tuple[int, ...]
) -> NDArray[np.float64]:
    """Out-of-fold probabilities (n, k) of a logistic regression on normal scores and one-hot codes; NaN is missing.

    One class against the rest, by iteratively reweighted least squares. Its margin keeps growing where a forest's
    levels off, which is where noise and overlap part.
    """
    parts = [part for at in range(X.shape[1]) for part in _encoded(X[:, at], at in categorical)]
    Z = np.column_stack([np.ones(y.size), *parts])
    found = np.full((y.size, n_classes), 1e-4)
    for number in np.unique(fold):
        learn = fold != number
        classes = np.unique(y[learn])
        if classes.size < 2:
            found[~learn, classes[0]] = 1.0
            continue
        for label in classes[-1:] if n_classes == 2 else classes:
            weights = _fit_logistic(Z[learn], (y[learn] == label).astype(np.float64))
            found[~learn, label] = _curve(Z[~learn] @ weights, 1.0, 0.0)
        if n_classes == 2:
            found[~learn, 0] = 1.0 - found[~learn, 1]
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _fit_logistic(Z: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (d,) with a unit ridge on all but the intercept; at most 12 Newton steps, each of bounded length."""
    ridge = np.full(Z.shape[1], 1.0)
    ridge[0] = 1e-6
    weights = np.zeros(Z.shape[1])
    for _ in range(12):
        said = _curve(Z @ weights, 1.0, 0.0)
        slope = np.maximum(said * (1.0 - said), 1e-6)
        step = np.linalg.solve((Z * slope[:, None]).T @ Z + np.diag(ridge), Z.T @ (y - said) - ridge * weights)
        step *= min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        weights = weights + step
        if float(np.abs(step).max()) < 1e-3:
            break
    return np.asarray(weights)


def _encoded(values: NDArray[np.float64], is_code: bool) -> list[NDArray[np.float64]]:
    known = np.isfinite(values)
    if is_code:
        codes, counts = np.unique(values[known], return_counts=True)
        return [(values == code).astype(np.float64) for code in codes[np.argsort(-counts)][:_MAX_ONE_HOT]] or [
            np.zeros(values.size)
        ]
    from scipy.special import ndtri

    scores = np.zeros(values.size)
    if known.any():
        _, inverse, counts = np.unique(values[known], return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - counts / 2.0  # the mean rank of equal values, less a half
        scores[known] = ndtri(middle[inverse] / int(known.sum()))
    return [scores] if known.all() else [scores, (~known).astype(np.float64)]


def _binned(margin: NDArray[np.float64], agrees: NDArray[np.bool_]) -> tuple[NDArray[Any], ...]:
    """Mean margin, rows that agree and rows that do not, in at most 200 bins of like margin: the curve is smooth."""
    order = np.argsort(margin, kind="stable")
    parts = np.array_split(order, min(_BINS, order.size))
    yes = np.array([agrees[part].sum() for part in parts], dtype=np.float64)
    rows = np.array([part.size for part in parts], dtype=np.float64)
    return np.array([margin[part].mean() for part in parts]), yes, rows - yes


def _curve(margin: NDArray[np.float64], slope: float, shift: float) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(shift + slope * margin, -30.0, 30.0))))


def _agreement(right: NDArray[np.float64], rate: float, k: int) -> NDArray[np.float64]:
    """The label says what the model says: it is right and not flipped, or wrong and flipped to just that."""
    return np.asarray((1.0 - rate) * right + rate / (k - 1) * (1.0 - right))


def _best(counted: tuple[NDArray[Any], ...], rate: float, k: int) -> tuple[float, float, float]:
    """The smallest negative log-likelihood at this rate, and the slope and shift that reach it."""
    margin, yes, no = counted
    slopes, shifts = _SLOPES, _SHIFTS
    best = (np.inf, 1.0, 0.0)
    for _ in range(5):
        logits = shifts[:, None, None] + slopes[None, :, None] * margin
        agreement = np.clip(_agreement(1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30))), rate, k), 1e-9, 1 - 1e-9)
        losses = -(np.log(agreement) @ yes + np.log1p(-agreement) @ no)
        at, of = np.unravel_index(int(losses.argmin()), losses.shape)
        if losses[at, of] < best[0]:
            best = (float(losses[at, of]), float(slopes[of]), float(shifts[at]))
        ratio, step = (slopes[1] / slopes[0]) ** 0.5, (shifts[1] - shifts[0]) / 2.0
        slopes = best[1] * ratio ** np.arange(-2, 3)
        shifts = np.minimum(best[2] + step * np.arange(-2, 3), 0.0)
    return best
